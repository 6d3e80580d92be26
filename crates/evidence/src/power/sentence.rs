//! A forecast in words, such as people may hold a plan against.

use std::time::Duration;

use super::{ENOUGH, Forecast, Step};
use crate::combined::Metric;

pub(super) fn of(forecast: &Forecast) -> String {
    let Forecast { steps, found, .. } = forecast;
    let rate = rounded(forecast.traffic.rate);
    let requests = if rate == "1" { "request" } else { "requests" };
    let listed: Vec<String> = steps.iter().map(|step| in_words(*step)).collect();
    let plan = match &listed[..] {
        [step] => format!("step {step}"),
        [steps @ .., last] => format!("steps {} and {last}", steps.join(", ")),
        [] => "a plan without steps".to_owned(),
    };
    let (metric, ratio) = (forecast.metric, forecast.ratio);
    let what = match metric {
        Metric::Errors => "error rate",
        Metric::Slow => "share of slow answers",
        Metric::Crashes => "rate of crashes",
    };
    let what = if is_near(ratio, 2.0) {
        format!("a doubled {what}")
    } else if is_near(ratio, 3.0) {
        format!("a tripled {what}")
    } else {
        format!("{} times the {what}", rounded(ratio))
    };
    let begin = format!("at {rate} {requests} a second, {plan} will");
    if *found >= ENOUGH {
        let soon =
            forecast.median.map(|median| format!(", half of the times within {}", time(median)));
        return format!("{begin} find {what} {}{}", odds(*found), soon.unwrap_or_default());
    }
    let miss = format!("{begin} miss {what} {}", odds(1.0 - found));
    match (forecast.enough, &steps[..]) {
        (Some(enough), [_]) => format!("{miss}; {} would find it", time(enough)),
        (Some(enough), [before @ .., last]) => {
            let before: Duration = before.iter().map(|step| step.lasts).sum();
            let longer = time(enough.saturating_sub(before));
            format!("{miss}; {} for {longer} would find it", percent(last.weight))
        }
        _ => format!("{miss}; no time that can be foreseen would find it"),
    }
}

fn in_words(step: Step) -> String {
    format!("{} for {}", percent(step.weight), time(step.lasts))
}

fn percent(share: f64) -> String {
    format!("{} %", rounded(share * 100.0))
}

/// At most two decimals, and only those that say something.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.005
}

/// Two units at most, and of five of the larger one and more only that. Rounded up: a plan of the time
/// that is told is long enough.
fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().ceil();
    for (unit, length, smaller, part) in
        [("d", 86_400.0, "h", 3_600.0), ("h", 3_600.0, "min", 60.0), ("min", 60.0, "s", 1.0)]
    {
        let part = if seconds > 5.0 * length { length } else { part };
        let parts = (seconds / part).ceil() * part;
        let whole = (parts / length).floor();
        if whole >= 1.0 {
            let rest = ((parts - whole * length) / part).round();
            let rest = if rest > 0.0 { format!(" {rest} {smaller}") } else { String::new() };
            return format!("{whole} {unit}{rest}");
        }
    }
    format!("{seconds} s")
}

/// "4 times of 5": a fraction that people can picture, the nearest one.
fn odds(chance: f64) -> String {
    const PICTURES: [(f64, f64); 15] = [
        (1.0, 100.0),
        (1.0, 20.0),
        (1.0, 10.0),
        (1.0, 5.0),
        (1.0, 4.0),
        (1.0, 3.0),
        (2.0, 5.0),
        (1.0, 2.0),
        (3.0, 5.0),
        (2.0, 3.0),
        (3.0, 4.0),
        (4.0, 5.0),
        (9.0, 10.0),
        (19.0, 20.0),
        (99.0, 100.0),
    ];
    if chance > 0.995 {
        return "nearly always".to_owned();
    }
    let far = |(times, of): &(f64, f64)| (times / of - chance).abs();
    let nearest = PICTURES.iter().min_by(|one, other| far(one).total_cmp(&far(other)));
    let (times, of) = nearest.copied().unwrap_or((1.0, 1.0));
    format!("{times} time{} of {of}", if times > 1.0 { "s" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_short() {
        for (seconds, told) in [
            (0.2, "1 s"),
            (59.5, "1 min"),
            (100.0, "1 min 40 s"),
            (600.0, "10 min"),
            (601.0, "11 min"),
            (3599.0, "1 h"),
            (9000.0, "2 h 30 min"),
            (90_000.0, "1 d 1 h"),
        ] {
            assert_eq!(time(Duration::from_secs_f64(seconds)), told);
        }
    }

    #[test]
    fn odds_are_fractions_that_can_be_pictured() {
        let told: Vec<String> = [0.002, 0.21, 0.5, 0.79, 0.97, 0.999].map(odds).into();
        assert_eq!(
            told,
            [
                "1 time of 100",
                "1 time of 5",
                "1 time of 2",
                "4 times of 5",
                "19 times of 20",
                "nearly always"
            ]
        );
    }
}
