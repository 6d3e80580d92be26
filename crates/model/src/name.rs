//! Names that people give: services and environments, and the scope they make together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name: what a DNS label can hold, since names become hosts and routes.
pub const MAX_NAME: usize = 63;

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What is built, released and run: `shop`.
    ServiceName
}
name! {
    /// Where it runs: `staging`, `production`.
    EnvironmentName
}

/// What a fact is about at large: one service in one environment, one service, or everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Scope {
    #[default]
    Everything,
    Service(ServiceName),
    Place(Place),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => Ok(()),
            Self::Service(service) => service.fmt(f),
            Self::Place(place) => place.fmt(f),
        }
    }
}

impl FromStr for Scope {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "" => Ok(Self::Everything),
            _ if text.contains('/') => text.parse().map(Self::Place),
            _ => text.parse().map(Self::Service),
        }
    }
}

/// One service in one environment: where at most one rollout moves at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub service: ServiceName,
    pub environment: EnvironmentName,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.environment)
    }
}

impl FromStr for Place {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (service, environment) =
            text.split_once('/').ok_or_else(|| NameError { text: shortened(text) })?;
        Ok(Self { service: service.parse()?, environment: environment.parse()? })
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a name: expected at most {MAX_NAME} lowercase letters, digits and inner hyphens, beginning with a letter"
)]
pub struct NameError {
    text: String,
}

fn check(text: &str) -> Result<(), NameError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let bytes = text.as_bytes();
    let fits = bytes.len() <= MAX_NAME
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last() != Some(&b'-')
        && bytes.iter().all(|byte| inner(*byte));
    if fits { Ok(()) } else { Err(NameError { text: shortened(text) }) }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "shop", "shop-2", &"a".repeat(63)] {
            assert_eq!(good.parse::<ServiceName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "2a", "Shop", "a_b", "a.b", "sh\u{f6}p", "a/b", &"a".repeat(64)]
        {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_survives_its_text() {
        for text in ["", "shop", "shop/production"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        assert!("shop/".parse::<Scope>().is_err());
        assert!("/production".parse::<Scope>().is_err());
    }
}
