//! Which bad events count, where they are not each a new throw of the dice. What does not count, does
//! not count on either side.
//!
//! A trial needs events that could have happened to either version, each by itself. Where requests are
//! dealt out one by one that is so, however they cluster in time: an outage of a database hits both
//! versions by their shares. Two things break it:
//!
//! - **Users stay on a version.** A user who fails a hundred times fails a hundred times on one version: it
//!   is one throw. [`Once`] counts each user's first bad event of a trial. Counting it again after some
//!   time would bring the error back, for the user is on the same side as before.
//! - **One cause hits one version**, as when an instance stumbles and fifty requests fail within the
//!   same moment. [`Lull`] counts the first bad event after a pause and then none for as long as the
//!   pause lasts, whosever they are.
//!
//! Both only take events away, by what was known before the side was: what is claimed for α holds exactly
//! for what is left, as long as the users' sides are thrown by themselves, and causes are shorter than
//! the pause. They cost events, and with them time.
//!
//! For **clearance** counting users once is not enough. Where few users meet most of the errors, they have
//! soon been met on both sides, and a doubled candidate looks like any other: the users that are left are
//! those who never fail. How far that has gone shows in how many bad events are repetitions; beyond
//! one in twenty, [`Once::allows_clearance`] says no.

use serde::{Deserialize, Serialize};

/// Counts each user, or whatever stays on a version, once in a trial. Of fixed size: the more users have
/// been counted, the more new ones are taken for old (one of 14 after 10,000, one of three after
/// 30,000). They are lost to the trial, by chance and on both sides alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Once {
    words: Box<[u64; WORDS]>,
    events: u64,
    repeated: u64,
}

impl Once {
    pub fn new() -> Self {
        Self { words: Box::new([0; WORDS]), events: 0, repeated: 0 }
    }

    /// Whether this unit's bad event counts. `unit` is any hash of what names the user.
    pub fn counts(&mut self, unit: u64) -> bool {
        let mixed = mix(unit);
        let mut is_new = false;
        for place in [mixed, mixed >> 32] {
            let place = usize::try_from(place % BITS).unwrap_or_default();
            let (word, bit) = (place / 64, 1 << (place % 64));
            is_new |= self.words[word] & bit == 0;
            self.words[word] |= bit;
        }
        self.events = self.events.saturating_add(1);
        self.repeated = self.repeated.saturating_add(u64::from(!is_new));
        is_new
    }

    /// Whether first bad events still compare the versions well enough for evidence that a candidate is
    /// harmless. While it says no, a trial for clearance is not told of bad events.
    pub fn allows_clearance(&self) -> bool {
        self.repeated <= 1 + self.events / MOST_REPEATED
    }

    /// The share of new units that would be taken for old ones.
    pub fn lost(&self) -> f64 {
        let set: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        #[expect(clippy::cast_precision_loss, reason = "it is 65,536")]
        let filled = f64::from(set) / BITS as f64;
        filled * filled
    }

    /// Takes over the units that another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(other.words.iter()) {
            *mine |= theirs;
        }
        self.events = self.events.saturating_add(other.events);
        self.repeated = self.repeated.saturating_add(other.repeated);
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

/// After a bad event that counted, none counts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lull {
    micros: u64,
    until: u64,
}

impl Lull {
    /// `micros` is longer than what one cause takes to make its bad events.
    pub fn new(micros: u64) -> Self {
        Self { micros, until: 0 }
    }

    /// Whether a bad event counts, that became known at `micros` of any clock that does not go back.
    pub fn counts(&mut self, micros: u64) -> bool {
        let counts = micros >= self.until;
        if counts {
            self.until = micros.saturating_add(self.micros);
        }
        counts
    }
}

/// One in so many.
const MOST_REPEATED: u64 = 20;
const WORDS: usize = 1024;
const BITS: u64 = 64 * 1024;

/// The places of a unit have nothing to do with the side it is on, even where that was made of the
/// same hash.
const fn mix(unit: u64) -> u64 {
    let mixed = unit.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// As it is written down: the words that are not empty, as place and bits.
#[derive(Serialize, Deserialize)]
struct Kept {
    events: u64,
    repeated: u64,
    words: Vec<(usize, u64)>,
}

impl From<Once> for Kept {
    fn from(once: Once) -> Self {
        let words = once.words.iter().copied().enumerate().filter(|(_, word)| *word != 0);
        Self { events: once.events, repeated: once.repeated, words: words.collect() }
    }
}

impl TryFrom<Kept> for Once {
    type Error = BadOnce;

    fn try_from(kept: Kept) -> Result<Self, BadOnce> {
        let mut once = Self { events: kept.events, repeated: kept.repeated, ..Self::new() };
        for (place, bits) in kept.words {
            *once.words.get_mut(place).ok_or(BadOnce(place))? = bits;
        }
        Ok(once)
    }
}

/// Counted units that were written down by something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("word {0} of the counted units: there are {WORDS}")]
pub struct BadOnce(usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_counts_once_also_after_it_was_written_down() {
        let mut once = Once::new();
        assert!((0..1000).filter(|unit| once.counts(*unit)).count() > 995);
        let text = serde_json::to_string(&once).unwrap();
        let mut read: Once = serde_json::from_str(&text).unwrap();
        assert_eq!(read, once);
        assert!((0..1000).all(|unit| !read.counts(unit)));
        let beyond = r#"{"events":1,"repeated":0,"words":[[1024,1]]}"#;
        let error = serde_json::from_str::<Once>(beyond).unwrap_err().to_string();
        assert!(error.starts_with("word 1024 of the counted units: there are 1024"), "{error}");
    }

    #[test]
    fn merged_units_have_all_been_counted() {
        let (mut one, mut other) = (Once::new(), Once::new());
        for unit in 0..100 {
            one.counts(unit);
            other.counts(unit + 50);
        }
        one.merge(&other);
        assert!((0..150).all(|unit| !one.counts(unit)));
    }

    #[test]
    fn clearance_ends_when_the_same_users_come_again() {
        let mut once = Once::new();
        for unit in 0..100 {
            once.counts(unit);
        }
        assert!(once.allows_clearance());
        for unit in 0..13 {
            once.counts(unit);
        }
        assert!(!once.allows_clearance());
    }

    #[test]
    fn what_is_lost_is_what_it_says() {
        let mut once = Once::new();
        for unit in 0..10_000 {
            once.counts(unit);
        }
        assert!((0.06..0.08).contains(&once.lost()), "{}", once.lost());
        let lost = (20_000..40_000).filter(|unit| !once.clone().counts(*unit)).count();
        assert!((1200..1600).contains(&lost), "{lost}");
    }

    #[test]
    fn after_a_bad_event_none_counts_until_the_lull_is_over() {
        let mut lull = Lull::new(100);
        let counted: Vec<u64> = (0..400).filter(|micros| lull.counts(*micros)).collect();
        assert_eq!(counted, [0, 100, 200, 300]);
    }
}
