//! Showing facts: the last ones, all of them, and new ones as they come.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use model::journal::Entry;
use ports::clock::Clock;
use ports::store::Query;

use super::line::Lines;
use super::reader::{Reader, Walk};
use super::record;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// How often new facts are looked for.
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(200);

/// What is to be shown.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) query: Query,
    /// How many of the last facts, if not all.
    pub(super) most: Option<usize>,
    pub(super) newest_first: bool,
    pub(super) follow: bool,
}

impl Listing {
    pub(super) async fn run(
        self,
        reader: &Reader<'_>,
        clock: &dyn Clock,
        zone: TimeZone,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        // Facts that are recorded while the last ones are being shown are not to be passed over.
        let before = reader.head().await?.seq;
        let mut printer = Printer::new(zone, terminal);
        match self.most {
            _ if self.newest_first => {
                let most = self.most.unwrap_or(usize::MAX);
                printer.walk(Walk::backwards(self.query.clone(), most), reader).await?;
            }
            None => printer.walk(Walk::forwards(self.query.clone()), reader).await?,
            Some(most) => self.last(most, reader, &mut printer).await?,
        }
        if self.follow {
            let shown = before.max(printer.last).max(self.query.after.unwrap_or(0));
            self.follow(shown, reader, clock, &mut printer).await?;
        } else if printer.last == 0 && self.most != Some(0) {
            printer.terminal.note(if before == 0 {
                "the journal is empty: nothing has been recorded yet"
            } else {
                "no fact fits"
            });
        }
        Ok(Exit::Success)
    }

    /// The last facts, the newest last.
    async fn last(
        &self,
        most: usize,
        reader: &Reader<'_>,
        printer: &mut Printer<'_>,
    ) -> Result<(), Error> {
        let mut back = Walk::backwards(self.query.clone(), most);
        let Some(mut page) = back.next(reader).await? else { return Ok(()) };
        if back.is_over() {
            page.reverse();
            return printer.page(&page);
        }
        // More than a page: only where to begin is kept, not what is on the way there.
        let mut first = oldest(&page);
        while let Some(page) = back.next(reader).await? {
            first = oldest(&page);
        }
        let query = Query { after: Some(first.saturating_sub(1)), ..self.query.clone() };
        printer.walk(Walk::forwards(query), reader).await
    }

    async fn follow(
        &self,
        mut shown: u64,
        reader: &Reader<'_>,
        clock: &dyn Clock,
        printer: &mut Printer<'_>,
    ) -> Result<(), Error> {
        loop {
            printer.terminal.flush()?;
            if printer.terminal.reader_has_left() {
                return Ok(());
            }
            clock.sleep_until(clock.now() + LOOK_EVERY).await;
            let head = reader.head().await?.seq;
            if head > shown {
                let query = Query { after: Some(shown), ..self.query.clone() };
                printer.walk(Walk::forwards(query), reader).await?;
                shown = head.max(printer.last);
            }
        }
    }
}

fn oldest(page: &[Entry]) -> u64 {
    page.last().expect("a page is never empty").seq
}

/// Writes facts down in the wished form.
struct Printer<'a> {
    terminal: &'a mut Terminal,
    lines: Lines,
    /// The number of the last fact that was shown.
    last: u64,
}

impl<'a> Printer<'a> {
    fn new(zone: TimeZone, terminal: &'a mut Terminal) -> Self {
        let lines = Lines::new(zone, terminal.columns(), terminal.paint());
        Self { terminal, lines, last: 0 }
    }

    /// To the end of the way, or until nobody reads any more.
    async fn walk(&mut self, mut walk: Walk, reader: &Reader<'_>) -> Result<(), Error> {
        while let Some(page) = walk.next(reader).await? {
            self.page(&page)?;
            if self.terminal.reader_has_left() {
                break;
            }
        }
        Ok(())
    }

    fn page(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.lines.make_room(entries);
        for entry in entries {
            if self.terminal.json() {
                self.terminal.print_json(&record::machine(entry))?;
            } else {
                self.terminal.print(&self.lines.of(entry))?;
            }
            self.last = entry.seq;
        }
        Ok(())
    }
}
