//! The few things of a certificate that the proxy has to know: for which names, from when to when.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

#[derive(Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Told {
    pub(super) names: Vec<String>,
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERAL_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const BOOLEAN: u8 = 0x01;
/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// None if it is no certificate.
pub(in crate::proxy) fn read(certificate: &[u8]) -> Option<Told> {
    let mut whole = Reader(certificate);
    let mut outer = Reader(whole.expect(SEQUENCE)?);
    let mut inner = Reader(outer.expect(SEQUENCE)?);
    inner.take_if(VERSION);
    inner.expect(INTEGER)?;
    inner.expect(SEQUENCE)?;
    inner.expect(SEQUENCE)?;
    let mut validity = Reader(inner.expect(SEQUENCE)?);
    let (begins, ends) = (validity.time()?, validity.time()?);
    let mut names = Vec::new();
    while let Some((tag, content)) = inner.next() {
        if tag == EXTENSIONS {
            names = alternative_names(content)?;
        }
    }
    Some(Told { names, begins, ends })
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut extensions = Reader(Reader(extensions).expect(SEQUENCE)?);
    while let Some((SEQUENCE, extension)) = extensions.next() {
        let mut extension = Reader(extension);
        if extension.expect(OBJECT)? != SUBJECT_ALT_NAME {
            continue;
        }
        extension.take_if(BOOLEAN);
        let mut given = Reader(Reader(extension.expect(OCTETS)?).expect(SEQUENCE)?);
        while let Some((tag, name)) = given.next() {
            if tag == DNS_NAME {
                names.push(std::str::from_utf8(name).ok()?.to_owned());
            }
        }
    }
    Some(names)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (digits, after) = rest.split_at_checked(count)?;
            rest = after;
            digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit))
        };
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    fn take_if(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            self.next();
        }
    }

    /// `YYMMDDHHMMSSZ`, where years below 50 are of this century, or with a year of four digits.
    fn time(&mut self) -> Option<Timestamp> {
        let (tag, text) = self.next()?;
        let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = text.split_at_checked(2)?;
                let year: i16 = year.parse().ok()?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERAL_TIME => {
                let (year, rest) = text.split_at_checked(4)?;
                (year.parse().ok()?, rest)
            }
            _ => return None,
        };
        let part = |at: usize| rest.get(2 * at..2 * at + 2)?.parse::<i8>().ok();
        let moment =
            DateTime::new(year, part(0)?, part(1)?, part(2)?, part(3)?, part(4)?, 0).ok()?;
        moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused_without_a_panic() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x80], &[0; 64]]
        {
            assert_eq!(read(bytes), None);
        }
    }
}
