//! Totals as Prometheus reads them.

use std::fmt::Write as _;

use evidence::histogram::ends_of;

use super::hour::{Counts, Row};

/// Upper ends of the buckets that are told, in microseconds: fine enough for a percentile on a page,
/// few enough for a store of time series.
const ENDS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 60_000_000,
];

type Plain = (&'static str, &'static str, fn(&Counts) -> u64);

const PLAIN: &[Plain] = &[
    ("highroad_requests_total", "Requests given to a release.", |c| c.requests),
    ("highroad_connect_errors_total", "Connections that no instance accepted.", |c| {
        c.connect_errors
    }),
    ("highroad_timeouts_total", "Requests that were not answered in time.", |c| c.timeouts),
    ("highroad_cut_answers_total", "Answers that the instance did not end.", |c| c.cut),
    ("highroad_aborted_answers_total", "Answers that the client did not wait for.", |c| c.aborted),
    ("highroad_retries_total", "Requests that were tried again.", |c| c.retries),
    ("highroad_bad_total", "Requests that went badly, for whatever reason.", |c| c.bad),
    ("highroad_request_bytes_total", "Bytes of bodies from clients.", |c| c.bytes_in),
    ("highroad_answer_bytes_total", "Bytes of bodies to clients.", |c| c.bytes_out),
];

pub(super) fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    for (name, help, of) in PLAIN {
        open(&mut text, name, help, "counter");
        for row in rows {
            line(&mut text, name, row, "", of(&row.counts));
        }
    }
    open(&mut text, "highroad_answers_total", "Answers by class.", "counter");
    for row in rows {
        for (class, count) in row.counts.answers.iter().enumerate() {
            let label = format!(",class=\"{}xx\"", class + 1);
            line(&mut text, "highroad_answers_total", row, &label, *count);
        }
    }
    let name = "highroad_answer_seconds";
    open(&mut text, name, "How long an answer took to begin.", "histogram");
    for row in rows {
        latency(&mut text, name, row);
    }
    text
}

fn latency(text: &mut String, name: &str, row: &Row) {
    let mut buckets = row.counts.latency.iter().peekable();
    let (mut count, mut sum) = (0_u64, 0_u64);
    let mut take = |below: u64| {
        while let Some((bucket, more)) =
            buckets.next_if(|(bucket, _)| ends_of(usize::from(*bucket)).1 <= below)
        {
            let (shortest, longest) = ends_of(usize::from(*bucket));
            count += more;
            sum = sum.saturating_add(u64::midpoint(shortest, longest).saturating_mul(*more));
        }
        (count, sum)
    };
    for end in ENDS {
        let label = format!(",le=\"{}\"", seconds(end));
        let (count, _) = take(end);
        line(text, &format!("{name}_bucket"), row, &label, count);
    }
    let (count, sum) = take(u64::MAX);
    line(text, &format!("{name}_bucket"), row, ",le=\"+Inf\"", count);
    let labels = labels(row);
    let _ = writeln!(text, "{name}_sum{{{labels}}} {}", seconds(sum));
    line(text, &format!("{name}_count"), row, "", count);
}

fn open(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, row: &Row, more: &str, value: u64) {
    let _ = writeln!(text, "{name}{{{}{more}}} {value}", labels(row));
}

/// Names of places have no characters that would have to be escaped.
fn labels(row: &Row) -> String {
    let place = &row.group.place;
    format!(
        "service=\"{}\",environment=\"{}\",release=\"{}\"",
        place.service, place.environment, row.group.release
    )
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use evidence::histogram::bucket_of;
    use jiff::Timestamp;
    use model::id::ReleaseId;
    use model::intent::Group;

    use super::*;

    #[test]
    fn buckets_add_up_to_the_count() {
        let bucket = |micros| u16::try_from(bucket_of(micros)).expect("few buckets");
        let row = Row {
            group: Group {
                place: "shop/production".parse().expect("a place"),
                release: ReleaseId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            },
            counts: Counts {
                requests: 6,
                answers: [0, 5, 0, 0, 1],
                latency: vec![(bucket(700), 3), (bucket(30_000), 2), (bucket(90_000_000), 1)],
                ..Counts::default()
            },
        };
        let text = render(&[row]);
        let value = |start: &str, with: &str| {
            let line = text.lines().find(|line| line.starts_with(start) && line.contains(with));
            line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value)
        };
        assert_eq!(value("highroad_requests_total{", "shop"), Some("6"));
        assert_eq!(value("highroad_answers_total{", "class=\"5xx\""), Some("1"));
        assert_eq!(value("highroad_answer_seconds_bucket{", "le=\"0.001\""), Some("3"));
        assert_eq!(value("highroad_answer_seconds_bucket{", "le=\"0.025\""), Some("3"));
        assert_eq!(value("highroad_answer_seconds_bucket{", "le=\"0.05\""), Some("5"));
        assert_eq!(value("highroad_answer_seconds_bucket{", "le=\"60\""), Some("5"));
        assert_eq!(value("highroad_answer_seconds_bucket{", "le=\"+Inf\""), Some("6"));
        assert_eq!(value("highroad_answer_seconds_count{", "shop"), Some("6"));
    }
}
