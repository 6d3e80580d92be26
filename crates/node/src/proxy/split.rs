//! Which release a request is for: cohorts first, then what keeps a user where it is, then chance.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use model::id::ReleaseId;
use model::intent::{Generation, Group, Mark, Split, Weight};
use model::name::Place;
use model::route::Sticky;

use super::chance::{self, Chance};
use super::head::cookie;
use crate::stats::{Book, Counters};
use crate::tripwire::{Side, Watch, Weights};

/// A split in the form in which requests are held against it.
#[derive(Debug)]
pub(super) struct Shares {
    targets: Vec<Target>,
    total: u32,
    cohorts: Vec<(Wanted, usize)>,
    pub(super) shadow: Option<(Target, Weight)>,
    pub(super) watch: Option<Arc<Watch>>,
}

/// A release that requests may be given to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) group: Group,
    pub(super) counters: Arc<Counters>,
    pub(super) side: Option<Side>,
    weight: u16,
    /// What stands for the release when lots are drawn for a user.
    salt: u64,
}

#[derive(Debug)]
enum Wanted {
    Header(HeaderName, HeaderValue),
    Cookie(String, String),
}

/// How a request came to its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Cohort,
    User,
    Chance,
}

/// Why a split cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error("release {0} is named twice in the shares; give each release one share")]
    Twice(ReleaseId),
    #[error("a cohort is for release {0}, which has no share; name it, with a share of 0 at least")]
    CohortOf(ReleaseId),
    #[error("the tripwire watches release {0}, which has no share; name it in the shares")]
    Watches(ReleaseId),
    #[error("a cohort's header cannot be called `{0}`; use letters, digits and hyphens")]
    HeaderName(String),
    #[error("the value of a cohort's header `{0}` cannot stand in a header")]
    HeaderValue(String),
    #[error("the tripwire cannot judge by its terms")]
    Tripwire(#[from] evidence::trial::BadTerms),
}

impl Shares {
    /// Nobody gets anything.
    pub(super) fn none() -> Self {
        Self { targets: Vec::new(), total: 0, cohorts: Vec::new(), shadow: None, watch: None }
    }

    pub(super) fn new(
        place: &Place,
        split: &Split,
        generation: Generation,
        book: &Book,
        before: Option<&Watch>,
    ) -> Result<Self, SplitError> {
        let target = |release: ReleaseId, weight: Weight| {
            let group = Group { place: place.clone(), release };
            let side = split.tripwire.as_ref().and_then(|tripwire| match release {
                _ if release == tripwire.candidate => Some(Side::Candidate),
                _ if release == tripwire.baseline => Some(Side::Baseline),
                _ => None,
            });
            Target {
                counters: book.counters(&group),
                side,
                weight: weight.hundredths(),
                salt: chance::hash(release.to_string().as_bytes()),
                group,
            }
        };
        let mut targets: Vec<Target> = Vec::with_capacity(split.shares.len());
        for share in &split.shares {
            if targets.iter().any(|other| other.group.release == share.release) {
                return Err(SplitError::Twice(share.release));
            }
            targets.push(target(share.release, share.weight));
        }
        let named =
            |release: ReleaseId| targets.iter().position(|target| target.group.release == release);
        let cohorts = split.cohorts.iter().map(|cohort| {
            let at = named(cohort.release).ok_or(SplitError::CohortOf(cohort.release))?;
            Ok((Wanted::new(&cohort.mark)?, at))
        });
        let cohorts = cohorts.collect::<Result<_, SplitError>>()?;
        let watch = split.tripwire.as_ref().map(|tripwire| {
            let of = |release| named(release).ok_or(SplitError::Watches(release));
            let candidate = &targets[of(tripwire.candidate)?];
            let baseline = &targets[of(tripwire.baseline)?];
            let weights = Weights { candidate: candidate.weight, baseline: baseline.weight };
            let counters = [&candidate.counters, &baseline.counters];
            let watch = Watch::new(tripwire, generation, weights, counters, before)?;
            Ok::<_, SplitError>(Arc::new(watch))
        });
        Ok(Self {
            total: targets.iter().map(|target| u32::from(target.weight)).sum(),
            cohorts,
            shadow: split.shadow.map(|share| (target(share.release, Weight::NONE), share.weight)),
            watch: watch.transpose()?,
            targets,
        })
    }

    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The number of the target for a request; `user` stands for whose it is, if that is known.
    /// Where the release has nobody who could answer, another one is taken.
    pub(super) fn choose(
        &self,
        headers: &HeaderMap,
        user: Option<u64>,
        chance: &Chance,
        can_answer: impl Fn(usize) -> bool + Copy,
    ) -> Option<(usize, By)> {
        for (wanted, at) in &self.cohorts {
            if wanted.is_in(headers) && can_answer(*at) {
                return Some((*at, By::Cohort));
            }
        }
        if let Some(user) = user {
            return self.of_user(user, can_answer).map(|at| (at, By::User));
        }
        let chosen = self.by_chance(chance.below(self.total), |_| true)?;
        if can_answer(chosen) {
            return Some((chosen, By::Chance));
        }
        let able = self.targets.iter().enumerate().filter(|(at, _)| can_answer(*at));
        let total: u32 = able.map(|(_, target)| u32::from(target.weight)).sum();
        let chosen = self.by_chance(chance.below(total), can_answer)?;
        Some((chosen, By::Chance))
    }

    fn by_chance(&self, mut point: u32, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut targets = self.targets.iter().enumerate().filter(|(at, _)| may(*at));
        let found = targets.find(|(_, target)| {
            let weight = u32::from(target.weight);
            let is_here = point < weight;
            point = point.saturating_sub(weight);
            is_here
        });
        found.map(|(at, _)| at)
    }

    /// Each release draws a lot for the user, the earlier the greater its share, and the earliest
    /// has the user. A share that grows makes one release's lots earlier and touches no other's,
    /// so users move to that release and nowhere else.
    fn of_user(&self, user: u64, can_answer: impl Fn(usize) -> bool) -> Option<usize> {
        let lot = |target: &Target| {
            let drawn = chance::mix(user ^ target.salt) >> 11;
            #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
            let drawn = (drawn as f64 + 0.5) / (1_u64 << 53) as f64;
            -drawn.ln() / f64::from(target.weight)
        };
        let able = self.targets.iter().enumerate();
        able.filter(|(at, target)| target.weight > 0 && can_answer(*at))
            .min_by(|(_, a), (_, b)| lot(a).total_cmp(&lot(b)))
            .map(|(at, _)| at)
    }
}

/// A split without a candidate that was cut off: its part goes to the others as they share what
/// they have, and to the baseline if they have nothing. Its cohorts go to the baseline, its shadow
/// nowhere.
pub(super) fn without(candidate: ReleaseId, split: &Split) -> Split {
    let mut rest = split.clone();
    let baseline = rest.tripwire.take().map(|tripwire| tripwire.baseline);
    rest.shares.retain(|share| share.release != candidate);
    if rest.shares.iter().all(|share| share.weight == Weight::NONE) {
        for share in rest.shares.iter_mut().filter(|share| Some(share.release) == baseline) {
            share.weight = Weight::ALL;
        }
    }
    rest.cohorts.retain_mut(|cohort| {
        if cohort.release == candidate
            && let Some(baseline) = baseline
        {
            cohort.release = baseline;
        }
        cohort.release != candidate
    });
    rest.shadow.take_if(|share| share.release == candidate);
    rest
}

impl Wanted {
    fn new(mark: &Mark) -> Result<Self, SplitError> {
        match mark {
            Mark::Header { name, value } => {
                let header = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| SplitError::HeaderName(name.clone()))?;
                let value = HeaderValue::from_str(value)
                    .map_err(|_| SplitError::HeaderValue(name.clone()))?;
                Ok(Self::Header(header, value))
            }
            Mark::Cookie { name, value } => Ok(Self::Cookie(name.clone(), value.clone())),
        }
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Header(name, value) => headers.get_all(name).iter().any(|given| given == value),
            Self::Cookie(name, value) => cookie(headers, name) == Some(value.as_bytes()),
        }
    }
}

/// What stands for the user of a request, and the cookie to set if it had none.
#[derive(Debug, Default)]
pub(super) struct User {
    pub(super) known: Option<u64>,
    pub(super) cookie: Option<HeaderValue>,
}

/// How long a cookie keeps a user on its release.
const COOKIE_SECONDS: u32 = 30 * 24 * 3_600;

impl User {
    pub(super) fn of(headers: &HeaderMap, sticky: &Sticky, chance: &Chance) -> Self {
        match sticky {
            Sticky::Header(name) => {
                let value = headers.get(name.as_str()).filter(|value| !value.is_empty());
                Self { known: value.map(|value| chance::hash(value.as_bytes())), cookie: None }
            }
            Sticky::Cookie(name) => {
                if let Some(known) = cookie(headers, name).filter(|value| value.len() == 16) {
                    return Self { known: Some(chance::hash(known)), cookie: None };
                }
                let value = format!("{:016x}", chance.draw());
                let cookie = format!(
                    "{name}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
                );
                Self {
                    known: Some(chance::hash(value.as_bytes())),
                    cookie: HeaderValue::from_str(&cookie).ok(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::intent::{Cohort, Share};
    use model::rollout::Guard;

    use super::*;

    fn release(number: u8) -> ReleaseId {
        ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
    }

    fn split(weights: &[u16]) -> Split {
        let share = |(at, weight): (usize, &u16)| Share {
            release: release(u8::try_from(at).expect("a few")),
            weight: Weight::from_hundredths(*weight).expect("a weight"),
        };
        weights.iter().enumerate().map(share).collect::<Vec<_>>().into()
    }

    fn shares(split: &Split) -> Shares {
        let place = "shop/production".parse().expect("a place");
        Shares::new(&place, split, Generation(1), &Book::new(1), None).expect("a good split")
    }

    fn chosen(shares: &Shares, headers: &HeaderMap, user: Option<u64>, chance: &Chance) -> usize {
        shares.choose(headers, user, chance, |_| true).expect("somebody").0
    }

    /// With one degree of freedom, more than 10.83 comes once in a thousand.
    const UNLIKELY: f64 = 10.83;

    #[test]
    fn weights_are_exact_over_a_million_requests() {
        const DRAWS: u32 = 1_000_000;
        for weight in [10, 100, 1_000, 5_000] {
            let shares = shares(&split(&[10_000 - weight, weight]));
            let by_chance = Chance::seeded(u64::from(weight));
            let hits = |user: fn(u32) -> Option<u64>| {
                let hits = (0..DRAWS)
                    .filter(|n| chosen(&shares, &HeaderMap::new(), user(*n), &by_chance) == 1);
                f64::from(u32::try_from(hits.count()).expect("no more than draws"))
            };
            for (kind, hits) in [
                ("chance", hits(|_| None)),
                ("users", hits(|n| Some(chance::hash(&n.to_le_bytes())))),
            ] {
                let expected = f64::from(DRAWS) * f64::from(weight) / 10_000.0;
                let others = f64::from(DRAWS) - expected;
                let off = (hits - expected).powi(2);
                let chi_square = off / expected + off / others;
                assert!(chi_square < UNLIKELY, "{kind} {weight}: {hits} of {expected}");
            }
        }
    }

    #[test]
    fn a_share_that_grows_moves_users_to_its_release_only() {
        let steps =
            [[6_000, 3_900, 100], [5_500, 3_500, 1_000], [3_000, 2_000, 5_000], [0, 0, 10_000]];
        let chance = Chance::seeded(1);
        for pair in steps.windows(2) {
            let [before, after] = [&pair[0], &pair[1]].map(|weights| shares(&split(weights)));
            // The others keep their proportion in the first step only roughly, so only the growing
            // release's users are held to it in general.
            for user in 0..20_000_u64 {
                let user = Some(chance::mix(user));
                let was = chosen(&before, &HeaderMap::new(), user, &chance);
                let is = chosen(&after, &HeaderMap::new(), user, &chance);
                assert!(was != 2 || is == 2, "nobody leaves who grows");
            }
        }
        let [before, after] = [[8_000, 2_000], [5_000, 5_000]].map(|w| shares(&split(&w)));
        for user in 0..20_000_u64 {
            let user = Some(chance::mix(user));
            let was = chosen(&before, &HeaderMap::new(), user, &chance);
            let is = chosen(&after, &HeaderMap::new(), user, &chance);
            assert!(was == is || is == 1);
        }
    }

    #[test]
    fn a_cohort_goes_before_chance_and_a_dead_release_is_passed_over() {
        let mut split = split(&[10_000, 0]);
        let mark = Mark::Header { name: "x-beta".to_owned(), value: "yes".to_owned() };
        split.cohorts.push(Cohort { mark, release: release(1) });
        let mark = Mark::Cookie { name: "beta".to_owned(), value: "1".to_owned() };
        split.cohorts.push(Cohort { mark, release: release(1) });
        let shares = shares(&split);
        let chance = Chance::seeded(1);
        let with = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
        };
        assert_eq!(chosen(&shares, &with("x-beta", "yes"), None, &chance), 1);
        assert_eq!(chosen(&shares, &with("cookie", "a=b; beta=1"), None, &chance), 1);
        assert_eq!(chosen(&shares, &with("cookie", "a=b; beta=10"), None, &chance), 0);
        assert_eq!(chosen(&shares, &HeaderMap::new(), None, &chance), 0);
        let chosen = shares.choose(&with("x-beta", "yes"), None, &chance, |at| at == 0);
        assert_eq!(chosen.expect("somebody").0, 0);
        assert!(shares.choose(&HeaderMap::new(), None, &chance, |_| false).is_none());
    }

    #[test]
    fn without_its_candidate_the_others_share_what_it_had() {
        let mut told = split(&[0, 10_000]);
        told.tripwire = Some(Guard::default().tripwire(release(1), release(0)));
        let mark = Mark::Header { name: "x-beta".to_owned(), value: "yes".to_owned() };
        told.cohorts.push(Cohort { mark, release: release(1) });
        told.shadow = Some(Share { release: release(1), weight: Weight::ALL });
        let rest = without(release(1), &told);
        assert_eq!(rest.shares, [Share { release: release(0), weight: Weight::ALL }]);
        assert_eq!(rest.cohorts[0].release, release(0));
        assert_eq!(rest.shadow, None);
    }

    #[test]
    fn a_split_that_contradicts_itself_is_refused_by_name() {
        let place = "shop/production".parse().expect("a place");
        let refused = |split: &Split| {
            Shares::new(&place, split, Generation(1), &Book::new(1), None)
                .expect_err("it is refused")
                .to_string()
        };
        let mut twice = split(&[1, 2]);
        twice.shares[1].release = release(0);
        assert!(refused(&twice).contains("named twice"));
        let mut nobody = split(&[10_000]);
        nobody.cohorts.push(Cohort {
            mark: Mark::Header { name: "a b".to_owned(), value: String::new() },
            release: release(0),
        });
        assert!(refused(&nobody).contains("`a b`"));
    }
}
