//! Bytes as they stand in JSON: sealed ones in base 64, the names of keys in hexadecimal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes that are written in base 64, in one way only.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub Vec<u8>);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.0.len().div_ceil(3) * 4);
        for three in self.0.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|at| three.get(at).copied().unwrap_or(0));
            let bits = u32::from_be_bytes([0, a, b, c]);
            for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                let digit = usize::try_from(bits >> shift & 63).expect("six bits");
                text.push(if place > three.len() { '=' } else { char::from(ALPHABET[digit]) });
            }
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl FromStr for Bytes {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
        let digits = &text.as_bytes()[..text.len() - padding];
        if !text.len().is_multiple_of(4) || padding > 2 {
            return Err(BytesError);
        }
        let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
        for four in digits.chunks(4) {
            let mut bits = 0;
            for digit in four {
                let digit = ALPHABET.iter().position(|known| known == digit).ok_or(BytesError)?;
                bits = bits << 6 | u32::try_from(digit).expect("six bits");
            }
            let missing = 4 - four.len();
            let [_, three @ ..] = (bits << (6 * missing)).to_be_bytes();
            let (whole, rest) = three.split_at(3 - missing);
            if rest.iter().any(|byte| *byte != 0) {
                return Err(BytesError);
            }
            bytes.extend_from_slice(whole);
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Bytes {
    type Error = BytesError;

    fn try_from(text: String) -> Result<Self, BytesError> {
        text.parse()
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

/// A text is not what bytes are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not in base 64")]
pub struct BytesError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a key is known by. Nothing of the key can be learned from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyIdError;

    fn try_from(text: String) -> Result<Self, KeyIdError> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let fits = text.len() == 16 && text.bytes().all(is_hex);
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| fits).ok_or(KeyIdError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

/// A text is not the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key: expected 16 hexadecimal digits")]
pub struct KeyIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_their_text() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let bytes = Bytes(bytes.into());
            assert_eq!(bytes.to_string(), text);
            assert_eq!(text.parse(), Ok(bytes));
        }
        let all = Bytes((0..=255).collect());
        assert_eq!(all.to_string().parse(), Ok(all));
    }

    #[test]
    fn no_two_texts_are_the_same_bytes() {
        for text in
            ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "====", "\u{e9}\u{e9}"]
        {
            assert_eq!(text.parse::<Bytes>(), Err(BytesError), "{text}");
        }
    }

    #[test]
    fn a_key_is_known_by_sixteen_digits() {
        let id = KeyId([0, 1, 2, 3, 4, 5, 0xfe, 0xff]);
        assert_eq!(String::from(id), "000102030405feff");
        assert_eq!(KeyId::try_from(id.to_string()), Ok(id));
        for text in ["", "000102030405fef", "000102030405FEFF", "+00102030405feff"] {
            assert_eq!(KeyId::try_from(text.to_owned()), Err(KeyIdError), "{text}");
        }
    }
}
