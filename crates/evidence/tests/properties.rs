//! What holds for every histogram and every trial.

use evidence::counted::Once;
use evidence::histogram::{BUCKETS, Histogram, bucket_of};
use evidence::trial::{ClearTrial, HarmTrial, Terms};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// From a microsecond to an hour, as many short ones as long ones.
fn latency() -> impl Strategy<Value = u64> {
    (0_u32..32)
        .prop_flat_map(|octave| (1_u64 << octave)..(1 << (octave + 1)))
        .prop_map(|micros| micros.min(3_600_000_000))
}

fn of(latencies: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    for micros in latencies {
        histogram.add(*micros);
    }
    histogram
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_quantile_is_off_by_less_than_a_hundredth(
        mut latencies in vec(latency(), 1..300),
        thousandths in 0_u32..=1000,
    ) {
        let told = of(&latencies).quantile(f64::from(thousandths) / 1000.0).unwrap();
        latencies.sort_unstable();
        // The rank in whole numbers, so that it is exact.
        let rank = (latencies.len() * thousandths as usize).div_ceil(1000).max(1);
        let exact = latencies[rank - 1];
        prop_assert!(told.abs_diff(exact) * 100 <= exact, "{told} instead of {exact}");
    }

    #[test]
    fn what_is_above_a_line_is_counted_by_buckets(
        latencies in vec(latency(), 0..300),
        line in latency(),
    ) {
        let above = latencies.iter().filter(|micros| bucket_of(**micros) > bucket_of(line)).count();
        prop_assert_eq!(of(&latencies).count_above(line), above as u64);
    }

    #[test]
    fn histograms_merge_to_that_of_all(
        one in vec(latency(), 0..100),
        other in vec(latency(), 0..100),
    ) {
        let mut merged = of(&one);
        merged.merge(&of(&other));
        prop_assert_eq!(&merged, &of(&[one, other].concat()));
        let shards = merged.buckets().fold(vec![0; BUCKETS], |mut shards, (bucket, count)| {
            shards[bucket] = count;
            shards
        });
        prop_assert_eq!(&Histogram::of_counts(shards), &merged);
        let text = serde_json::to_string(&merged).unwrap();
        prop_assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), merged);
    }

    #[test]
    fn any_events_leave_evidence_that_is_a_number_and_can_be_written_down(
        events in vec((any::<bool>(), any::<f64>(), 0.0..1.0), 0..200),
    ) {
        let (mut harm, mut clear) =
            (HarmTrial::new(&Terms::default()), ClearTrial::new(&Terms::default()));
        for (of_candidate, wild, tame) in events {
            for weight in [wild, tame] {
                harm.bad(of_candidate, weight);
                clear.bad(of_candidate, weight);
            }
        }
        prop_assert!(harm.evidence().is_finite() && harm.evidence() > 0.0);
        prop_assert!(clear.evidence().is_finite() && clear.evidence() > 0.0);
        let text = serde_json::to_string(&(&harm, &clear)).unwrap();
        let read: (HarmTrial, ClearTrial) = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read, (harm, clear));
    }

    #[test]
    fn one_more_of_the_candidates_is_never_less_evidence_of_harm(
        events in vec((any::<bool>(), 0.001..0.999), 1..100),
        place in any::<prop::sample::Index>(),
    ) {
        let place = place.index(events.len());
        let evidence = |changed: Option<usize>| {
            let (mut harm, mut clear) =
                (HarmTrial::new(&Terms::default()), ClearTrial::new(&Terms::default()));
            for (number, (of_candidate, weight)) in events.iter().enumerate() {
                let of_candidate = *of_candidate || Some(number) == changed;
                harm.bad(of_candidate, *weight);
                clear.bad(of_candidate, *weight);
            }
            (harm.evidence(), clear.evidence())
        };
        let ((harm, clear), (more_harm, less_clear)) = (evidence(None), evidence(Some(place)));
        // A trial that has had enough stands still.
        prop_assert!(more_harm >= harm.min(1e15) * (1.0 - 1e-9));
        prop_assert!(less_clear.min(1e15) <= clear * (1.0 + 1e-9));
    }

    #[test]
    fn a_unit_counts_once_whatever_came_before(units in vec(any::<u64>(), 1..500)) {
        let mut once = Once::new();
        for unit in &units {
            once.counts(*unit);
        }
        prop_assert!(units.iter().all(|unit| !once.counts(*unit)));
    }
}
