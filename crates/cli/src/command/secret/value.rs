//! The value of a secret on its way in: from a file, a pipe, or a person who types it unseen.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use ports::vault::{MAX_VALUE, Value, ValueError};
use zeroize::Zeroizing;

use super::typed;
use crate::error::Error;
use crate::exit::Exit;

pub(super) fn read(file: Option<&Path>, name: &str) -> Result<Value, Error> {
    match file {
        Some(path) => {
            let cannot =
                |error: &io::Error| Error::io(format!("cannot read {}", path.display()), error);
            let opened = File::open(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    Error::new(Exit::NotFound, format!("there is no {}", path.display()))
                }
                _ => cannot(&error),
            })?;
            let bytes = all(opened).map_err(|error| cannot(&error))?;
            Value::from_bytes(&bytes).map_err(refused)
        }
        None if io::stdin().is_terminal() => {
            let bytes = typed::unseen(&format!("Value of {name}: "))?;
            Value::from_bytes(&bytes).map_err(refused)
        }
        None => {
            let bytes = all(io::stdin().lock())
                .map_err(|error| Error::io("cannot read standard input", &error))?;
            Value::from_bytes(&without_line_break(bytes)).map_err(refused)
        }
    }
}

/// What is too long is not read to its end. Room is made once, so that no copy is left behind.
fn all(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // One more for the line break that a pipe ends with, and one that shows that there is more.
    let most = MAX_VALUE + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    from.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What `echo` and most programs put behind their last line is not part of a value.
fn without_line_break(mut bytes: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

fn refused(why: ValueError) -> Error {
    Error::new(Exit::Refused, why.to_string()).hint(match why {
        ValueError::Empty => "'highroad secret rm NAME' removes a secret; nothing was changed",
        ValueError::TooLarge => "keep large things elsewhere, and the key to them as the secret",
        ValueError::Nul | ValueError::NotText => {
            "write it in base 64 and let the job decode it: base64 FILE | highroad secret set NAME"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_not_the_value() {
        for (given, value) in
            [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\n\n", "a\n"), ("\n", ""), ("a\r", "a\r")]
        {
            let bytes = without_line_break(Zeroizing::new(given.as_bytes().to_vec()));
            assert_eq!(&bytes[..], value.as_bytes());
        }
    }

    #[test]
    fn what_has_no_end_is_not_read_to_its_end() {
        let bytes = all(io::repeat(b'x')).unwrap();
        assert_eq!(Value::from_bytes(&bytes).unwrap_err(), ValueError::TooLarge);
    }
}
