//! Secrets: which there are, and how they are kept out of whatever is shown.

mod finder;
mod forms;
mod stream;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use finder::Finder;

pub use stream::Stream;

/// What is shown in place of a secret.
const MASK: &str = "***";

/// A value with fewer characters is not masked: `1` or `ab` would hide half of every log.
const SHORTEST_VALUE: usize = 3;

/// Words that are settings far oftener than secrets. A secret that is one of them is no secret.
const COMMON: [&str; 10] =
    ["true", "false", "null", "none", "nil", "yes", "no", "on", "off", "undefined"];

/// The secrets of a job. Clones share them, and a secret that is added counts from then on.
///
/// A value is masked as it is, and in the forms in which tools print it: base64 at any offset,
/// escaped for URLs, JSON, XML and shells, and line by line. What overlaps is masked as one.
#[derive(Clone, Default)]
pub struct Masks(Arc<Shared>);

/// What became of a value that was to be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Masked,
    Known,
    /// Nothing, or nothing but spaces.
    Empty,
    /// It would hide too much else.
    TooShort,
    /// A word such as `true`, which would hide too much else.
    TooCommon,
}

#[derive(Default)]
struct Shared {
    /// Changes whenever a secret is added.
    version: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashSet<Box<str>>,
    finder: Arc<Finder>,
    /// Forms that the finder does not know yet: it learns many at once far faster than singly.
    pending: HashSet<String>,
}

impl Masks {
    pub fn add(&self, value: &str) -> Added {
        let value = value.trim();
        if value.is_empty() {
            return Added::Empty;
        }
        if value.chars().count() < SHORTEST_VALUE {
            return Added::TooShort;
        }
        if COMMON.iter().any(|word| value.eq_ignore_ascii_case(word))
            || value.bytes().all(|byte| byte == b'*')
        {
            return Added::TooCommon;
        }
        let mut state = self.state();
        if !state.known.insert(value.into()) {
            return Added::Known;
        }
        state.pending.extend(forms::of(value));
        self.0.version.fetch_add(1, Ordering::Release);
        Added::Masked
    }

    /// The text with every secret replaced.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let finder = self.finder();
        let found = finder.find(text.as_bytes());
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for secret in found {
            masked.push_str(&text[end..secret.start]);
            masked.push_str(MASK);
            end = secret.end;
        }
        masked.push_str(&text[end..]);
        Cow::Owned(masked)
    }

    /// Whether the text holds a secret.
    pub fn contains(&self, text: &str) -> bool {
        self.finder().finds_any(text.as_bytes())
    }

    /// Masks what comes in pieces, whatever way it is cut.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    fn finder(&self) -> Arc<Finder> {
        let mut state = self.state();
        if !state.pending.is_empty() {
            let forms = std::mem::take(&mut state.pending);
            state.finder = Arc::new(state.finder.with(forms));
        }
        state.finder.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics while it holds the secrets")
    }
}

/// Says how many there are, never which.
impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masks").field("secrets", &self.state().known.len()).finish()
    }
}
