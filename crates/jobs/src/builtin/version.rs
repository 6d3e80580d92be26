//! Versions and ranges of versions, as the set-up actions read them: `20`, `20.x`, `>=18 <21`,
//! `^1.21`, `~3.11`, `1.2 - 1.4`, and several of them with `||` between.

use std::cmp::Ordering;
use std::fmt;

/// `major.minor.patch` with what may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    /// What comes before the version itself: `rc.1`. Empty for the version itself.
    before: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    // Numbers come before words.
    Number(u64),
    Word(String),
}

impl Version {
    pub(super) fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, before: Vec::new() }
    }

    /// Reads a version; `v20.1.0`, `1.21` and `21.0.5+11` are versions too.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let partial = Partial::parse(text)?;
        partial.major?;
        Some(partial.lowest())
    }

    /// Whether it is a version itself, and not one that comes before it.
    pub(super) fn is_final(&self) -> bool {
        self.before.is_empty()
    }

    fn numbers(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let before = match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.before.cmp(&other.before),
        };
        self.numbers().cmp(&other.numbers()).then(before)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (at, part) in self.before.iter().enumerate() {
            f.write_str(if at == 0 { "-" } else { "." })?;
            match part {
                Part::Number(number) => number.fmt(f)?,
                Part::Word(word) => word.fmt(f)?,
            }
        }
        Ok(())
    }
}

/// Which versions fit: any of the alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    alternatives: Vec<Vec<Bound>>,
}

/// One side that a version must be on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    side: Side,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    AtLeast,
    Above,
    AtMost,
    Below,
    Exactly,
}

impl Range {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let alternatives = text.split("||").map(alternative).collect::<Option<Vec<_>>>()?;
        Some(Self { alternatives })
    }

    pub(super) fn fits(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|bounds| {
            let is_within = bounds.iter().all(|bound| bound.holds(version));
            // A version that comes before another fits only where one like it is named.
            let is_meant = || {
                bounds.iter().any(|bound| {
                    !bound.version.is_final() && bound.version.numbers() == version.numbers()
                })
            };
            is_within && (version.is_final() || is_meant())
        })
    }
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        match self.side {
            Side::AtLeast => version >= &self.version,
            Side::Above => version > &self.version,
            Side::AtMost => version <= &self.version,
            Side::Below => version < &self.version,
            Side::Exactly => version == &self.version,
        }
    }
}

fn alternative(text: &str) -> Option<Vec<Bound>> {
    let text = text.trim();
    if let Some((from, to)) = text.split_once(" - ") {
        let mut bounds =
            vec![Bound { side: Side::AtLeast, version: Partial::parse(from)?.lowest() }];
        bounds.extend(Partial::parse(to)?.at_most());
        return Some(bounds);
    }
    let mut bounds = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let end = word.find(|one: char| !"<>=~^v".contains(one)).unwrap_or(word.len());
        let (operator, rest) = word.split_at(end);
        // A blank may stand between the sign and its version.
        let rest = if rest.is_empty() { words.next()? } else { rest };
        let partial = Partial::parse(rest)?;
        bounds.extend(partial.bounds(operator.trim_end_matches('v'))?);
    }
    Some(bounds)
}

/// A version of which the end may be left open: `20`, `20.x`, `3.11`.
#[derive(Debug)]
struct Partial {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    before: Vec<Part>,
}

impl Partial {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', '=']);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (numbers, before) = text.split_once('-').unwrap_or((text, ""));
        let mut parts = [None; 3];
        let mut is_open = false;
        let mut count = 0;
        for (at, number) in numbers.split('.').enumerate() {
            let place = parts.get_mut(at)?;
            count += 1;
            if matches!(number, "x" | "X" | "*") {
                is_open = true;
            } else if !is_open {
                *place = Some(number.parse().ok()?);
            }
        }
        let before = before.split('.').filter(|part| !part.is_empty());
        let before: Vec<Part> = before
            .map(|part| part.parse().map_or_else(|_| Part::Word(part.to_owned()), Part::Number))
            .collect();
        let [major, minor, patch] = parts;
        let before = if is_open || count < 3 { Vec::new() } else { before };
        Some(Self { major, minor, patch, before })
    }

    fn lowest(&self) -> Version {
        Version {
            major: self.major.unwrap_or(0),
            minor: self.minor.unwrap_or(0),
            patch: self.patch.unwrap_or(0),
            before: self.before.clone(),
        }
    }

    /// The first version after all that it stands for; `None` where it stands for everything.
    fn next(&self) -> Option<Version> {
        Some(match (self.major?, self.minor, self.patch) {
            (major, None, _) => Version::new(major + 1, 0, 0),
            (major, Some(minor), None) => Version::new(major, minor + 1, 0),
            (major, Some(minor), Some(patch)) => Version::new(major, minor, patch + 1),
        })
    }

    fn is_whole(&self) -> bool {
        self.patch.is_some()
    }

    fn at_most(&self) -> Option<Bound> {
        if self.is_whole() {
            return Some(Bound { side: Side::AtMost, version: self.lowest() });
        }
        self.next().map(|version| Bound { side: Side::Below, version })
    }

    fn bounds(&self, operator: &str) -> Option<Vec<Bound>> {
        let lowest = Bound { side: Side::AtLeast, version: self.lowest() };
        let below = |version| Bound { side: Side::Below, version };
        let between = |end: Option<Version>| {
            let mut bounds = vec![lowest.clone()];
            bounds.extend(end.map(below));
            bounds
        };
        Some(match operator {
            "" | "=" if self.is_whole() => {
                vec![Bound { side: Side::Exactly, version: self.lowest() }]
            }
            "" | "=" => between(self.next()),
            ">=" => vec![lowest],
            ">" if self.is_whole() => vec![Bound { side: Side::Above, version: self.lowest() }],
            ">" => vec![Bound { side: Side::AtLeast, version: self.next()? }],
            "<" => vec![below(self.lowest())],
            "<=" => self.at_most().into_iter().collect(),
            "~" | "~>" => between(match (self.major, self.minor) {
                (Some(major), Some(minor)) => Some(Version::new(major, minor + 1, 0)),
                (Some(major), None) => Some(Version::new(major + 1, 0, 0)),
                _ => None,
            }),
            // The first number that is not zero stays.
            "^" => between(match (self.major, self.minor, self.patch) {
                (Some(0), Some(0), Some(patch)) => Some(Version::new(0, 0, patch + 1)),
                (Some(0), Some(minor), _) => Some(Version::new(0, minor + 1, 0)),
                (Some(major), ..) => Some(Version::new(major + 1, 0, 0)),
                _ => None,
            }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(range: &str, version: &str) -> bool {
        let range = Range::parse(range).expect("a range");
        range.fits(&Version::parse(version).expect("a version"))
    }

    #[test]
    fn ranges_hold_what_they_say() {
        for (range, inside, outside) in [
            ("20", "20.11.1", "21.0.0"),
            ("20.x", "20.0.0", "19.9.9"),
            ("20.1.*", "20.1.7", "20.2.0"),
            ("v18.1.0", "18.1.0", "18.1.1"),
            (">=18", "22.0.0", "17.9.9"),
            (">= 18 <21", "20.9.9", "21.0.0"),
            (">18", "19.0.0", "18.9.9"),
            ("<=3.11", "3.11.9", "3.12.0"),
            ("^1.21", "1.99.0", "2.0.0"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("~3.11", "3.11.99", "3.12.0"),
            ("~1.2.3", "1.2.9", "1.2.2"),
            ("1.2 - 1.4", "1.4.9", "1.5.0"),
            ("16 || 18.2", "18.2.4", "17.0.0"),
            ("3.13.0-rc.1", "3.13.0-rc.1", "3.13.0"),
            (">=3.13.0-rc.1", "3.13.0-rc.2", "3.14.0-rc.1"),
        ] {
            assert!(fits(range, inside), "{range} holds {inside}");
            assert!(!fits(range, outside), "{range} does not hold {outside}");
        }
        assert!(fits("*", "1.2.3") && fits("", "0.0.1") && !fits("*", "1.0.0-rc.1"));
        for text in ["lts", "1.2.3.4", "=>1", "1.y", ">"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_in_order() {
        let sorted =
            ["1.0.0-2", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0"];
        let versions: Vec<Version> =
            sorted.iter().filter_map(|text| Version::parse(text)).collect();
        assert!(versions.is_sorted() && versions.len() == sorted.len());
        assert_eq!(versions.iter().map(ToString::to_string).collect::<Vec<_>>(), sorted);
        assert_eq!(Version::parse("21.0.5+11-LTS"), Some(Version::new(21, 0, 5)));
    }
}
