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

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Counts each user, or whatever stays on a version, once in a trial. Of fixed size: the more users have
/// been counted, the more new ones are taken for old (one of 14 after 10,000, one of three after
/// 30,000). They are lost to the trial, by chance and on both sides alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    words: Box<[u64; WORDS]>,
}

impl Once {
    pub fn new() -> Self {
        Self { words: Box::new([0; WORDS]) }
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
        is_new
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

/// The words that are not empty, as place and bits.
impl Serialize for Once {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.words.iter().enumerate().filter(|(_, word)| **word != 0))
    }
}

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut once = Self::new();
        for (place, bits) in Vec::<(usize, u64)>::deserialize(from)? {
            let word = once.words.get_mut(place);
            *word.ok_or_else(|| D::Error::custom("a place beyond those of counted units"))? = bits;
        }
        Ok(once)
    }
}

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
        assert!(serde_json::from_str::<Once>("[[1024,1]]").is_err());
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
