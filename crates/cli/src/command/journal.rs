//! `highroad journal`: what happened, from the one record of everything.

mod filter;
mod line;
mod listing;
mod moment;
mod reader;
mod record;
mod verify;

use jiff::tz::TimeZone;
use ports::clock::Clock as _;

use super::{Entry, Example};
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::wire;
use filter::{Filters, Lines};
use listing::Listing;
use reader::Reader;

/// Show what happened, when, by whom and why
///
/// Lists the facts of the journal, the newest last, with times in your own time zone (that of TZ,
/// if it is set). Several filters show the facts that fit all of them. Nothing is changed, and a
/// running server is not disturbed.
///
/// TIME is a moment (2026-11-21T09:00:00Z), a date or time in your zone (2026-11-21, '2026-11-21
/// 09:00', 09:00), how long ago (2h, 3d, 1h30m), or now, today or yesterday.
///
/// With --json there is one object for each fact and line.
#[derive(Debug, clap::Args)]
pub(crate) struct Journal {
    #[command(subcommand)]
    part: Option<Part>,

    #[command(flatten)]
    filters: Filters,

    #[arg(short = 'n', long, value_name = "N|all", value_parser = filter::lines)]
    #[arg(help = "How many of the last facts, or all. Without it 50; with --follow 10; with \
                  --since or --after all")]
    lines: Option<Lines>,

    /// Show the newest first
    #[arg(short, long)]
    reverse: bool,

    /// Go on and show new facts as they come
    #[arg(short, long, conflicts_with_all = ["reverse", "until"])]
    follow: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    Verify(verify::Verify),
}

const EXAMPLES: &[Example] = &[
    Example { line: "highroad journal", does: "what happened last" },
    Example {
        line: "highroad journal --follow --scope shop/production",
        does: "watch one service in one environment",
    },
    Example {
        line: "highroad journal --kind rollout.ended --since yesterday",
        does: "how the rollouts of yesterday and today ended",
    },
    Example {
        line: "highroad journal --lines all --json > journal.ndjson",
        does: "everything, for a program",
    },
    Example {
        line: "highroad journal verify",
        does: "prove that nothing was changed since it was written",
    },
];

pub(super) const ENTRY: Entry =
    Entry { name: "journal", examples: EXAMPLES, below: &[Entry::new("verify", verify::EXAMPLES)] };

/// How many facts are shown of those that nothing but their number limits.
const LAST: usize = 50;
const LAST_TO_FOLLOW: usize = 10;

impl Journal {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let database = global.database()?;
        let is_narrowed = self.is_narrowed();
        if let Some(Part::Verify(verify)) = self.part {
            if is_narrowed {
                return Err(Error::new(
                    Exit::Usage,
                    "verify reads the whole journal, not a part of it",
                )
                .hint("leave out what stands between 'journal' and 'verify'"));
            }
            return wire::block_on(async {
                let store = wire::store_to_read(&database).await?;
                verify.run(&Reader::new(&*store, &database), &wire::clock(), terminal).await
            });
        }
        let zone = TimeZone::system();
        let listing = self.listing(&wire::clock().now().to_zoned(zone.clone()))?;
        wire::block_on(async {
            let store = wire::store_to_read(&database).await?;
            let reader = Reader::new(&*store, &database);
            listing.run(&reader, &wire::clock(), zone, terminal).await
        })
    }

    /// Whether anything is said about which facts to show.
    fn is_narrowed(&self) -> bool {
        !self.filters.are_none() || self.lines.is_some() || self.reverse || self.follow
    }

    fn listing(&self, now: &jiff::Zoned) -> Result<Listing, Error> {
        let query = self.filters.query(now)?;
        let has_beginning = query.since.is_some() || query.after.is_some();
        let most = match self.lines {
            Some(Lines::All) => None,
            Some(Lines::Last(most)) => Some(most),
            None if has_beginning => None,
            None if self.follow => Some(LAST_TO_FOLLOW),
            None => Some(LAST),
        };
        Ok(Listing { query, most, newest_first: self.reverse, follow: self.follow })
    }
}
