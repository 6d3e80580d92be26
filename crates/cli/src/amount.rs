//! Amounts as people say them.

use jiff::Timestamp;

/// `812 B`, `1.4 MB`: in steps of a thousand.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut rest = bytes;
    let mut part = 0;
    for unit in ["B", "kB", "MB", "GB"] {
        if rest < 1_000 {
            return match (unit, part) {
                ("B", _) | (_, 0) => format!("{rest} {unit}"),
                _ => format!("{rest}.{part} {unit}"),
            };
        }
        (rest, part) = (rest / 1_000, rest % 1_000 / 100);
    }
    format!("{rest}.{part} TB")
}

/// `just now`, `5 min ago`, `3 days ago`.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_say_them() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1_440_000), "1.4 MB");
        assert_eq!(bytes(10_737_418_240), "10.7 GB");
        assert_eq!(bytes(2_000), "2 kB");
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(ago(at(0), at(59)), "just now");
        assert_eq!(ago(at(0), at(7_300)), "2 h ago");
        assert_eq!(ago(at(0), at(864_000)), "10 days ago");
    }
}
