//! `highroad journal verify`: whether every fact is as it was written.

use jiff::{SignedDuration, Timestamp};
use model::journal::{Break, Entry, Hash, Head, Verifier};
use ports::clock::Clock;
use ports::store::Query;
use serde_json::{Value, json};

use super::filter::Expected;
use super::reader::{Reader, Walk};
use super::record::hex;
use crate::command::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::{Terminal, wrap};

/// Prove that no fact was changed since it was written
///
/// Each fact is sealed together with all facts before it. The whole journal is read, and the first
/// fact that was changed, removed or moved is named.
///
/// Who can write to the database can also write the whole journal anew. To find that too, keep the
/// head that is printed where nobody can change it, and expect it later:
///
///   highroad journal verify > head
///   highroad journal verify --expect "$(cat head)"
///
/// Ends with 1 if the journal is not what was written.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Verify {
    /// A head that was printed before, and must still be on the way
    #[arg(long, value_name = "SEQ:HASH", value_parser = expected)]
    expect: Option<Head>,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad journal verify", does: "read the whole journal and print its head" },
    Example { line: "highroad journal verify > head", does: "keep the head" },
    Example { line: "highroad journal verify --json", does: "the outcome for a program" },
];

impl Verify {
    pub(super) async fn run(
        self,
        reader: &Reader<'_>,
        clock: &dyn Clock,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        let verdict = prove(self.expect, reader, &mut Progress::new(clock, terminal)).await?;
        terminal.end_progress();
        if terminal.json() {
            terminal.print_json(&self.report(&verdict))?;
        } else {
            tell(&verdict, terminal)?;
        }
        Ok(if verdict.is_ok() { Exit::Success } else { Exit::Findings })
    }

    fn report(&self, verdict: &Result<Head, Finding>) -> Value {
        let told = |head: &Head| json!({ "seq": head.seq, "link": head.link.to_string() });
        json!({
            "verified": verdict.is_ok(),
            "head": verdict.as_ref().ok().map(told),
            "expected": self.expect.as_ref().map(told),
            "finding": verdict.as_ref().err().map(|finding| json!({
                "kind": finding.kind(),
                "seq": finding.seq(),
                "message": finding.message(),
            })),
        })
    }
}

/// What `verify` prints; whoever keeps it may give it back as it is.
fn expected(text: &str) -> Result<Head, Expected> {
    let word = text.split_whitespace().next_back().unwrap_or_default();
    let read = || {
        let (seq, link) = word.split_once(':')?;
        let head = Head { seq: seq.parse().ok()?, link: hash(link)? };
        (head.seq > 0 || head == Head::default()).then_some(head)
    };
    read().ok_or_else(|| {
        Expected::new("SEQ:HASH as 'highroad journal verify' prints it: a number and 64 hex digits")
    })
}

fn hash(hex: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if hex.len() != 2 * hash.0.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.0.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let [high, low] = [digits[0], digits[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(hash)
}

/// The first way in which the journal is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    Broken(Break),
    /// The chain holds, but it is not the one that is expected.
    Rewritten {
        expected: Head,
        found: String,
    },
    /// The chain holds, but it ends too early.
    Short {
        expected: Head,
        head: Head,
    },
}

impl Finding {
    fn kind(&self) -> &'static str {
        match self {
            Self::Broken(Break::Changed { .. }) => "changed",
            Self::Broken(Break::Missing { .. }) => "missing",
            Self::Broken(Break::Moved { .. }) => "moved",
            Self::Broken(Break::CutOff { .. }) => "cut_off",
            Self::Broken(Break::Head { .. }) => "head",
            Self::Rewritten { .. } => "rewritten",
            Self::Short { .. } => "short",
        }
    }

    /// The first fact that is touched, as far as can be told.
    fn seq(&self) -> u64 {
        match self {
            Self::Broken(broken) => broken.seq(),
            Self::Rewritten { expected, .. } => expected.seq,
            Self::Short { head, .. } => head.seq + 1,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Broken(broken) => broken.to_string(),
            Self::Rewritten { expected, found } => format!(
                "fact {} has the link {found}, expected was {}",
                expected.seq, expected.link
            ),
            Self::Short { expected, head } => {
                format!("the journal ends at fact {}, expected was fact {}", head.seq, expected.seq)
            }
        }
    }

    /// What can still be relied on.
    fn remains(&self) -> String {
        match (self, self.seq()) {
            (Self::Rewritten { .. }, _) => {
                "every fact fits the one before it: the journal was written anew from \
                 some earlier fact on, or the expected head is that of another journal"
                    .to_owned()
            }
            (Self::Short { .. }, 1) => "the journal is empty".to_owned(),
            (Self::Short { .. }, _) => {
                "every fact fits the one before it, but the end was removed, or the expected head \
                 is that of another journal"
                    .to_owned()
            }
            (Self::Broken(_), ..=1) => "no fact is proven".to_owned(),
            (Self::Broken(_), 2) => "fact 1 is sound; nothing after it is proven".to_owned(),
            (Self::Broken(_), seq) => {
                format!("facts 1 to {} are sound; nothing after them is proven", seq - 1)
            }
        }
    }
}

const KEEP: &str = "keep this line where nobody can change it: with --expect it proves later that \
    nothing up to here was written anew";

const REMEDY: &str = "keep the database as it is, and compare it with a backup: \
    'highroad journal --lines all --json' of each shows the difference. Then restore a backup that \
    verifies";

fn tell(verdict: &Result<Head, Finding>, terminal: &mut Terminal) -> Result<(), Error> {
    let paint = terminal.paint();
    let width = terminal.columns().map(|_| terminal.width());
    match verdict {
        Ok(Head { seq, link }) => {
            let facts = match seq {
                1 => "1 fact verifies".to_owned(),
                seq => format!("{} facts verify", grouped(*seq)),
            };
            let line = paint.accent(&format!("{facts}; the head is {seq}:{link}"));
            terminal.print(&format!("{line}\n"))?;
            if *seq > 0 {
                // Not on standard output: there, only the line to keep is to be.
                terminal.note(&hint(KEEP, terminal));
            }
            Ok(())
        }
        Err(finding) => {
            let message = paint.error(&wrap(&finding.message(), width, 0));
            let remains = wrap(&finding.remains(), width, 0);
            terminal.print(&format!("{message}\n{remains}\n{}\n", hint(REMEDY, terminal)))
        }
    }
}

fn hint(words: &str, terminal: &Terminal) -> String {
    let width = terminal.columns().map(|_| terminal.width());
    format!("{}{}", terminal.paint().accent("hint: "), wrap(words, width, 6))
}

/// Reads the whole journal, and what is added to it in the meantime.
async fn prove(
    expect: Option<Head>,
    reader: &Reader<'_>,
    progress: &mut Progress<'_>,
) -> Result<Result<Head, Finding>, Error> {
    let mut proof =
        Proof { verifier: Verifier::default(), expect, instead: None, is_over: false, last: 0 };
    progress.goal = reader.head().await?.seq;
    proof.walk(Query::default(), u64::MAX, reader, progress).await?;
    let stored = reader.head().await?;
    if !proof.is_over && stored.seq > proof.last {
        // As far as the head that was just read, and no further: a busy server never ends.
        let rest = Query { after: Some(proof.last), ..Query::default() };
        proof.walk(rest, stored.seq, reader, progress).await?;
    }
    Ok(proof.finish(stored))
}

struct Proof {
    verifier: Verifier,
    expect: Option<Head>,
    /// The link that stands where another one is expected.
    instead: Option<String>,
    is_over: bool,
    last: u64,
}

impl Proof {
    async fn walk(
        &mut self,
        query: Query,
        to: u64,
        reader: &Reader<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Error> {
        let mut walk = Walk::forwards(query);
        while let Some(page) = walk.next(reader).await? {
            for entry in page.into_iter().take_while(|entry| entry.seq <= to) {
                self.feed(entry);
            }
            if self.is_over {
                break;
            }
            progress.tell(self.last);
        }
        Ok(())
    }

    fn feed(&mut self, entry: Entry) {
        if let Some(expected) = self.expect
            && expected.seq == entry.seq
            && expected.link.0[..] != entry.link
        {
            self.instead = Some(hex(&entry.link));
        }
        self.last = entry.seq;
        self.is_over = self.is_over || !self.verifier.feed(entry);
    }

    fn finish(self, stored: Head) -> Result<Head, Finding> {
        let head = self.verifier.finish(stored).map_err(Finding::Broken)?;
        match (self.expect, self.instead) {
            (Some(expected), _) if expected.seq > head.seq => {
                Err(Finding::Short { expected, head })
            }
            (Some(expected), Some(found)) => Err(Finding::Rewritten { expected, found }),
            _ => Ok(head),
        }
    }
}

/// Tells a person who waits long how far the walk is.
struct Progress<'a> {
    clock: &'a dyn Clock,
    terminal: &'a mut Terminal,
    goal: u64,
    next: Timestamp,
}

impl<'a> Progress<'a> {
    const PATIENCE: SignedDuration = SignedDuration::from_millis(500);
    const PAUSE: SignedDuration = SignedDuration::from_millis(100);

    fn new(clock: &'a dyn Clock, terminal: &'a mut Terminal) -> Self {
        let next = clock.now() + Self::PATIENCE;
        Self { clock, terminal, goal: 0, next }
    }

    fn tell(&mut self, done: u64) {
        let now = self.clock.now();
        if now >= self.next {
            let (shown, goal) = (grouped(done), grouped(self.goal.max(done)));
            let percent = done * 100 / self.goal.max(done).max(1);
            self.terminal.progress(&format!("{shown} of {goal} facts verify ({percent} %)"));
            self.next = now + Self::PAUSE;
        }
    }
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
