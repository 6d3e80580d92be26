//! Rollouts in simulated traffic: what is bad, when, on which side, and whose user met it.

use ports::fake::Seeded;

/// What the traffic is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// 100 requests a second, a tenth of them to the candidate.
    Steady,
    /// The candidate's share is 1, 5, 10, 25 and 50 %, and changes every five minutes.
    Shifting,
    /// Every ten minutes something that both depend on fails for 20 seconds, and half of the answers with it.
    Outages,
    /// From a fifth of the traffic to five times as much and back, and the share of errors with it.
    Day,
    /// Users stay on their version, and 40 of them meet most of the errors.
    Clustered,
    /// Users stay on their version, and 2,000 of them meet errors by the same chance.
    Even,
    /// Every half minute one of ten instances stumbles, and fails up to 30 requests within 50 ms.
    Stumbling,
    /// The candidate fails ten times as often in its first minute.
    Cold,
}

/// One rollout: its traffic, and how many times as bad as the baseline its candidate is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) nature: Nature,
    pub(super) ratio: f64,
    /// The share of the baseline's answers that are bad.
    pub(super) bad: f64,
    /// Requests in a second.
    pub(super) rate: f64,
    /// The candidate's share, where it does not shift.
    pub(super) weight: f64,
}

/// A bad answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bad {
    /// Microseconds since the rollout began.
    pub(super) at: u64,
    pub(super) of_candidate: bool,
    pub(super) weight: f64,
    pub(super) user: u64,
}

/// One second of both versions.
#[derive(Debug, Default)]
pub(super) struct Second {
    pub(super) bad: Vec<Bad>,
    /// Requests of the baseline and of the candidate.
    pub(super) requests: [f64; 2],
}

impl Scene {
    pub(super) fn new(nature: Nature, ratio: f64) -> Self {
        Self { nature, ratio, bad: 0.005, rate: 100.0, weight: 0.1 }
    }

    pub(super) fn weight(&self, second: u32) -> f64 {
        const SHARES: [f64; 5] = [0.01, 0.05, 0.1, 0.25, 0.5];
        match self.nature {
            Nature::Shifting => SHARES[second as usize / 300 % SHARES.len()],
            _ => self.weight,
        }
    }

    /// What happens in a second, written over what happened before. `salt` deals users out to versions.
    pub(super) fn live(&self, second: u32, salt: u64, luck: &Seeded, into: &mut Second) {
        let weight = self.weight(second);
        let (mut rate, mut bad, mut ratio) = (self.rate, self.bad, self.ratio);
        match self.nature {
            Nature::Outages if second % 600 >= 580 => bad = 0.5,
            Nature::Day => {
                let tide = (f64::from(second) / 7200.0 * std::f64::consts::TAU).sin();
                rate *= 5.0_f64.powf(tide);
                bad *= 3.0_f64.powf(tide);
            }
            Nature::Cold if second < 60 => ratio *= 10.0,
            _ => {}
        }
        into.bad.clear();
        into.requests = [rate * (1.0 - weight), rate * weight];
        let start = u64::from(second) * 1_000_000;
        if matches!(self.nature, Nature::Clustered | Nature::Even) {
            for _ in 0..poisson(rate * bad * ratio.max(1.0), luck) {
                let is_prone = self.nature == Nature::Clustered && luck.below(5) < 4;
                let user = luck.below(if is_prone { 40 } else { 2000 });
                let of_candidate = even(&Seeded::new(salt ^ user)) <= weight;
                if !of_candidate && even(luck) > 1.0 / ratio {
                    continue;
                }
                into.bad.push(Bad {
                    at: start + luck.below(1_000_000),
                    of_candidate,
                    weight,
                    user,
                });
            }
        } else {
            let shares = [bad, (bad * ratio).min(1.0)];
            for ((requests, share), of_candidate) in
                into.requests.iter().zip(shares).zip([false, true])
            {
                for _ in 0..poisson(requests * share, luck) {
                    let (at, user) = (start + luck.below(1_000_000), luck.next());
                    into.bad.push(Bad { at, of_candidate, weight, user });
                }
            }
        }
        if self.nature == Nature::Stumbling && luck.one_in(30) {
            let of_candidate = even(luck) <= weight;
            let at = start + luck.below(900_000);
            for _ in 0..=luck.below(30) {
                let (at, user) = (at + luck.below(50_000), luck.next());
                into.bad.push(Bad { at, of_candidate, weight, user });
            }
        }
        into.bad.sort_by_key(|bad| bad.at);
    }
}

/// Evenly from above 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
fn even(luck: &Seeded) -> f64 {
    ((luck.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// How many of events with such a mean.
fn poisson(mean: f64, luck: &Seeded) -> u32 {
    let (mut count, mut gone) = (0, -even(luck).ln());
    while gone < mean {
        count += 1;
        gone -= even(luck).ln();
    }
    count
}
