//! Typed identifiers and their one registry.
//!
//! An id reads `rol_01jd8x6m2pfc5s0g3v9e7kq4ta`: three letters that say what it names, then a
//! version 7 UUID in Crockford's base 32, so that ids sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

/// Declares every typed id of the product, and [`REGISTRY`] from the same lines.
macro_rules! registry {
    ($($(#[doc = $doc:literal])+ $name:ident = $prefix:literal;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(try_from = "AnyId", into = "AnyId")]
            pub struct $name(Uuid);

            impl $name {
                pub const PREFIX: Prefix = Prefix::literal($prefix);

                /// An id made of a given time and given random bytes: nothing here draws either.
                pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
                    Self(version_7(at, random))
                }
            }

            impl From<$name> for AnyId {
                fn from(id: $name) -> Self {
                    Self { prefix: $name::PREFIX, uuid: id.0 }
                }
            }

            impl TryFrom<AnyId> for $name {
                type Error = IdError;

                fn try_from(id: AnyId) -> Result<Self, IdError> {
                    if id.prefix == Self::PREFIX {
                        Ok(Self(id.uuid))
                    } else {
                        Err(IdError::WrongKind { found: id, expected: Self::PREFIX })
                    }
                }
            }

            impl FromStr for $name {
                type Err = IdError;

                fn from_str(text: &str) -> Result<Self, IdError> {
                    text.parse::<AnyId>()?.try_into()
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    AnyId::from(*self).fmt(f)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }
        )+

        /// Every kind of id there is: its prefix and the name of its type.
        pub const REGISTRY: &[(Prefix, &str)] = &[$((Prefix::literal($prefix), stringify!($name))),+];
    };
}

registry! {
    /// One execution of one workflow.
    RunId = "run";
    /// One attempt at one job of a run.
    JobId = "job";
    /// One concurrency group of one service.
    GroupId = "grp";
    /// One word of an operator or a program; repeating it has no second effect.
    CommandId = "cmd";
    /// An immutable release of one service.
    ReleaseId = "rel";
    /// One release on its way into one environment.
    RolloutId = "rol";
    /// One instance of a release, from its start to its end.
    InstanceId = "ins";
    /// The secrets of one service, or of one of its environments.
    VaultId = "vlt";
}

/// The three lowercase letters that open an id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix([u8; 3]);

impl Prefix {
    /// A prefix written in the source; anything but three lowercase letters does not compile.
    pub const fn literal(text: &str) -> Self {
        match Self::from_bytes(text.as_bytes()) {
            Some(prefix) => prefix,
            None => panic!("an id prefix is three lowercase letters"),
        }
    }

    const fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [a @ b'a'..=b'z', b @ b'a'..=b'z', c @ b'a'..=b'z'] => Some(Self([*a, *b, *c])),
            _ => None,
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a prefix holds ASCII letters only")
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An id whose kind is only known when the program runs: what the journal and the store speak of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnyId {
    prefix: Prefix,
    uuid: Uuid,
}

impl AnyId {
    /// For kinds outside the registry, as a test's own process type is.
    pub fn new(prefix: Prefix, at: Timestamp, random: [u8; 10]) -> Self {
        Self { prefix, uuid: version_7(at, random) }
    }

    pub fn prefix(self) -> Prefix {
        self.prefix
    }
}

impl fmt::Display for AnyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT_LENGTH];
        text[..3].copy_from_slice(&self.prefix.0);
        text[3] = b'_';
        let mut rest = self.uuid.as_u128();
        for place in text[4..].iter_mut().rev() {
            *place = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.pad(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl fmt::Debug for AnyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AnyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let malformed = || IdError::Malformed(text.chars().take(64).collect());
        let bytes = text.as_bytes();
        if bytes.len() != TEXT_LENGTH || bytes[3] != b'_' {
            return Err(malformed());
        }
        let prefix = Prefix::from_bytes(&bytes[..3]).ok_or_else(malformed)?;
        let mut value: u128 = 0;
        for (place, byte) in bytes[4..].iter().enumerate() {
            let digit = ALPHABET.iter().position(|known| known == byte).ok_or_else(malformed)?;
            // 26 digits hold 130 bits: a first digit above 7 would not fit an id.
            if place == 0 && digit > 7 {
                return Err(malformed());
            }
            value = value << 5 | digit as u128;
        }
        Ok(Self { prefix, uuid: Uuid::from_u128(value) })
    }
}

impl TryFrom<String> for AnyId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<AnyId> for String {
    fn from(id: AnyId) -> Self {
        id.to_string()
    }
}

/// Why a text is not the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("`{0}` is not an id: expected three letters, `_` and 26 letters or digits")]
    Malformed(String),
    #[error("`{found}` is of another kind: expected an id that begins with `{expected}_`")]
    WrongKind { found: AnyId, expected: Prefix },
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LENGTH: usize = 3 + 1 + 26;

fn version_7(at: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_id_survives_its_text() {
        let id = RolloutId::new(at(1_700_000_000), [7; 10]);
        assert_eq!(id.to_string().parse::<RolloutId>(), Ok(id));
        assert!(id.to_string().starts_with("rol_01hf"));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }

    #[test]
    fn ids_sort_by_time_as_values_and_as_texts() {
        let ids: Vec<_> =
            (1..200).map(|n: u8| ReleaseId::new(at(i64::from(n) * 997), [n; 10])).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().map(ToString::to_string).is_sorted());
    }

    #[test]
    fn an_id_of_another_kind_is_told_apart() {
        let release = ReleaseId::new(at(1), [0; 10]).to_string();
        let error = release.parse::<RolloutId>().unwrap_err();
        assert!(error.to_string().ends_with("expected an id that begins with `rol_`"), "{error}");
    }

    #[test]
    fn malformed_texts_are_refused() {
        let long = "x".repeat(5_000_000);
        for text in [
            "",
            "rol",
            "rol_",
            "ROL_01hf7yat00e1gr3ge1r70w3g70",
            "rol_81hf7yat00e1gr3ge1r70w3g70",
            "rol_01hf7yat00e1gr3ge1r70w3g7u",
            "ro\u{e9}01hf7yat00e1gr3ge1r70w3g7",
            &long,
        ] {
            let error = text.parse::<AnyId>().unwrap_err();
            assert!(error.to_string().len() < 400);
        }
    }

    #[test]
    fn prefixes_are_unique() {
        let mut prefixes: Vec<_> = REGISTRY.iter().map(|(prefix, _)| *prefix).collect();
        prefixes.sort();
        prefixes.dedup();
        assert_eq!(prefixes.len(), REGISTRY.len());
    }
}
