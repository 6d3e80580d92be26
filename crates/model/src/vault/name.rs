//! The names of secrets, by the rules that workflows know.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name.
pub const MAX_SECRET_NAME: usize = 128;

/// What a secret is called. Case makes no difference: `token` is `TOKEN`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = SecretNameError;

    fn from_str(text: &str) -> Result<Self, SecretNameError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.len() > MAX_SECRET_NAME {
            return Err(SecretNameError::Long);
        }
        if text.is_empty() || !text.bytes().all(fits) || text.as_bytes()[0].is_ascii_digit() {
            return Err(SecretNameError::Malformed);
        }
        let name = text.to_ascii_uppercase();
        if name.starts_with("GITHUB_") { Err(SecretNameError::Reserved) } else { Ok(Self(name)) }
    }
}

impl TryFrom<String> for SecretName {
    type Error = SecretNameError;

    fn try_from(text: String) -> Result<Self, SecretNameError> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the name of a secret. The text is not repeated: it may be the secret itself,
/// in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretNameError {
    #[error(
        "not the name of a secret: expected letters, digits and `_`, not beginning with a digit"
    )]
    Malformed,
    #[error("not the name of a secret: names that begin with GITHUB_ belong to the workflows")]
    Reserved,
    #[error("not the name of a secret: it is longer than {MAX_SECRET_NAME} letters")]
    Long,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_workflows() {
        let name = |text: &str| text.parse::<SecretName>().map(String::from);
        for (text, kept) in
            [("TOKEN", "TOKEN"), ("token", "TOKEN"), ("_a1", "_A1"), ("my_github_x", "MY_GITHUB_X")]
        {
            assert_eq!(name(text), Ok(kept.to_owned()));
        }
        for text in ["", "1A", "A-B", "A.B", "A B", "\u{e4}", "A=hunter2", "A\0"] {
            assert_eq!(name(text), Err(SecretNameError::Malformed), "{text}");
        }
        assert_eq!(name("GitHub_Token"), Err(SecretNameError::Reserved));
        assert_eq!(name(&"a".repeat(128)), Ok("A".repeat(128)));
        assert_eq!(name(&"a".repeat(129)), Err(SecretNameError::Long));
    }
}
