//! Where Highroad keeps its data on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::exit::Exit;

/// `--data`, else `HIGHROAD_DATA`, else the XDG place. Nothing is created here.
pub(crate) fn folder(flag: Option<&Path>) -> Result<PathBuf, Error> {
    chosen(flag, |name| std::env::var_os(name))
}

fn chosen(
    flag: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, Error> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The XDG specification says that a relative path there is to be ignored.
    let absolute = |name| set(name).filter(|path| path.is_absolute());
    flag.map(Path::to_path_buf)
        .or_else(|| set("HIGHROAD_DATA"))
        .or_else(|| absolute("XDG_DATA_HOME").map(|path| path.join("highroad")))
        .or_else(|| absolute("HOME").map(|path| path.join(".local/share/highroad")))
        .ok_or_else(|| {
            Error::new(Exit::NotFound, "there is no folder for Highroad's data: HOME is not set")
                .hint("name one with --data DIR or HIGHROAD_DATA")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(flag: Option<&str>, variables: &[(&str, &str)]) -> Result<PathBuf, Error> {
        chosen(flag.map(Path::new), |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_nearest_word_wins() {
        let all = [("HIGHROAD_DATA", "here"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(with(Some("flag"), &all).unwrap(), Path::new("flag"));
        assert_eq!(with(None, &all).unwrap(), Path::new("here"));
        assert_eq!(with(None, &all[1..]).unwrap(), Path::new("/x/highroad"));
        assert_eq!(with(None, &all[2..]).unwrap(), Path::new("/h/.local/share/highroad"));
        assert_eq!(with(None, &[]).unwrap_err().exit(), Exit::NotFound);
    }

    #[test]
    fn empty_and_relative_places_are_passed_over() {
        let odd = [("HIGHROAD_DATA", ""), ("XDG_DATA_HOME", "x"), ("HOME", "/h")];
        assert_eq!(with(None, &odd).unwrap(), Path::new("/h/.local/share/highroad"));
    }
}
