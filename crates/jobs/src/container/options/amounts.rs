//! The values of options: sizes, times and the like.

use std::time::Duration;

pub(super) fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "a whole number is expected".to_owned())
}

/// `1.5` as so many billionths.
pub(super) fn billionths(text: &str) -> Result<i64, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || "a number such as `1.5` is expected".to_owned();
    if (whole.is_empty() && part.is_empty())
        || !is_number(whole)
        || !is_number(part)
        || part.len() > 9
    {
        return Err(wrong());
    }
    format!("{whole}{part:0<9}").parse().map_err(|_| wrong())
}

/// `512m` in bytes.
pub(super) fn bytes(text: &str) -> Result<i64, String> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches('b').trim_end_matches('i');
    let (number, shift) = match number.as_bytes().last() {
        Some(b'k') => (&number[..number.len() - 1], 10),
        Some(b'm') => (&number[..number.len() - 1], 20),
        Some(b'g') => (&number[..number.len() - 1], 30),
        Some(b't') => (&number[..number.len() - 1], 40),
        _ => (number, 0),
    };
    let wrong = || "a size such as `512m` or `2g` is expected".to_owned();
    let amount = i128::from(billionths(number).map_err(|_| wrong())?);
    i64::try_from((amount << shift) / 1_000_000_000).map_err(|_| wrong())
}

/// `1m30s`
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time such as `10s` or `1m30s` is expected".to_owned();
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanoseconds: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|one: char| !one.is_ascii_digit() && one != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let units = [
            ("ms", 1_000_000_i128),
            ("us", 1_000),
            ("ns", 1),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
        ];
        let unit = units.iter().find(|(unit, _)| tail.starts_with(unit));
        let (unit, worth) = unit.ok_or_else(wrong)?;
        let amount = i128::from(billionths(number).map_err(|_| wrong())?);
        nanoseconds = nanoseconds.checked_add(amount * worth / 1_000_000_000).ok_or_else(wrong)?;
        rest = &tail[unit.len()..];
    }
    if text.trim().is_empty() {
        return Err(wrong());
    }
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| wrong())
}

/// `NAME=VALUE`
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or_else(|| "NAME=VALUE is expected".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `nofile=1024:2048`
pub(super) fn ulimit(text: &str) -> Result<(String, i64, i64), String> {
    let (name, limits) = pair(text)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((&limits, &limits));
    Ok((name, whole(soft)?, whole(hard)?))
}

/// `80` or `80/udp`, with its protocol.
pub(super) fn exposed(text: &str) -> Result<String, String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number: u16 = number.parse().map_err(|_| "a port is expected".to_owned())?;
    Ok(format!("{number}/{protocol}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_docker_reads_them() {
        assert_eq!(bytes("512m"), Ok(512 << 20));
        assert_eq!(bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(bytes("100"), Ok(100));
        assert!(bytes("m").is_err() && bytes("1x").is_err() && bytes("99999999t").is_err());
        assert_eq!(billionths("0.25"), Ok(250_000_000));
        assert!(billionths("").is_err() && billionths("-1").is_err() && billionths("1e3").is_err());
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("10").is_err() && duration("").is_err() && duration("1x").is_err());
        assert_eq!(ulimit("nofile=10:20"), Ok(("nofile".into(), 10, 20)));
        assert_eq!(exposed("53/udp").as_deref(), Ok("53/udp"));
    }
}
