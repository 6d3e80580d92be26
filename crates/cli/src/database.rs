//! Which database is used, and what is said when it cannot be.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use ports::store::{StoreError, StoreErrorKind};

use crate::error::{Error, plain};
use crate::exit::Exit;

/// The file's name in the folder for Highroad's data.
const FILE: &str = "highroad.db";

/// Where everything is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    File(PathBuf),
    Postgres(DatabaseUrl),
}

impl Database {
    /// `--database`, else `HIGHROAD_DATABASE`, else the file in the folder.
    pub(crate) fn chosen(
        flag: Option<&DatabaseUrl>,
        variable: Option<OsString>,
        folder: impl FnOnce() -> Result<PathBuf, Error>,
    ) -> Result<Self, Error> {
        let variable = variable.filter(|value| !value.is_empty());
        let (url, from) = match (flag, variable) {
            (Some(url), _) => (url.clone(), "--database"),
            (None, Some(value)) => {
                (DatabaseUrl(value.to_string_lossy().into_owned()), "HIGHROAD_DATABASE")
            }
            (None, None) => return folder().map(|folder| Self::File(folder.join(FILE))),
        };
        if url.scheme().is_some_and(|scheme| matches!(scheme, "postgres" | "postgresql")) {
            return Ok(Self::Postgres(url));
        }
        // What was written there may hold a password in any form: it is not repeated.
        Err(Error::new(Exit::Usage, format!("{from} is not the URL of a PostgreSQL database"))
            .hint("it is written postgres://USER:PASSWORD@HOST:PORT/DATABASE; without it, --data DIR says where the file is"))
    }

    /// What a failure of its store means to people, with what they can do about it.
    pub(crate) fn failure(&self, failure: &StoreError) -> Error {
        let error = match (self, failure.kind) {
            (Self::File(path), StoreErrorKind::Missing) => {
                return Error::new(
                    Exit::NotFound,
                    format!("there is no {}: nothing has been recorded yet", path.display()),
                )
                .hint("--data DIR looks in another folder, --database URL in PostgreSQL");
            }
            (_, StoreErrorKind::Missing) => Error::new(Exit::NotFound, &failure.what),
            _ => Error::new(Exit::Store, &failure.what),
        };
        let error = causes(failure).into_iter().fold(error, Error::caused_by);
        match self.remedy(failure.kind) {
            Some(remedy) => error.hint(remedy),
            None => error,
        }
    }

    fn remedy(&self, kind: StoreErrorKind) -> Option<&'static str> {
        let is_file = matches!(self, Self::File(_));
        Some(match kind {
            StoreErrorKind::Missing => {
                "nothing has been recorded there yet; --database URL names another database"
            }
            StoreErrorKind::Locked => {
                "wait until the other program has ended, or end it; commands that only read work \
                 beside a running server"
            }
            StoreErrorKind::ReadOnly | StoreErrorKind::Denied if is_file => {
                "look at the permissions of the file and its folder, and at who runs highroad"
            }
            StoreErrorKind::ReadOnly => "name the primary server, and a user who may write",
            StoreErrorKind::Full => "make room on the disk; what was recorded is safe",
            StoreErrorKind::Newer => "update highroad on this machine; nothing was changed",
            StoreErrorKind::Foreign if is_file => {
                "it was not touched; --data DIR names another folder"
            }
            StoreErrorKind::Foreign => "it was not touched; --database URL names another database",
            StoreErrorKind::Damaged if is_file => {
                "keep a copy of the file with its -wal and -shm beside it, then restore a backup"
            }
            StoreErrorKind::Damaged => "keep it as it is for the inquiry, and restore a backup",
            StoreErrorKind::Unreachable => "try again once it answers; nothing was changed",
            StoreErrorKind::Denied => {
                "see the user and password in --database or HIGHROAD_DATABASE, or PGPASSWORD"
            }
            StoreErrorKind::TooLarge | StoreErrorKind::Failed => return None,
        })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A URL that nobody gets to see whole: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The whole of it, for the driver only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    fn scheme(&self) -> Option<&str> {
        self.0.split_once("://").map(|(scheme, _)| scheme)
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A word of the command line as it can be shown: of a URL its scheme, host and path.
///
/// A password with odd signs in it can look like any other part. Where there is doubt, nothing
/// but the scheme is shown.
pub(crate) fn without_secrets(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let (before, behind) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let mut parts = before.rsplit('@');
    let place = parts.next().unwrap_or_default();
    let is_clear = parts.count() <= 1 && !behind.contains('@');
    if is_clear { format!("{scheme}://{place}") } else { format!("{scheme}://\u{2026}") }
}

/// The reasons behind a failure, the nearest first, none told twice.
fn causes(failure: &StoreError) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(failure);
    while let Some(cause) = next {
        let text = plain(cause);
        if causes.last().is_none_or(|last| !text.ends_with(last)) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(flag: Option<&str>, variable: Option<&str>) -> Result<String, Error> {
        let flag = flag.map(|url| DatabaseUrl(url.to_owned()));
        let folder = || Ok(PathBuf::from("/data"));
        Database::chosen(flag.as_ref(), variable.map(OsString::from), folder)
            .map(|database| database.to_string())
    }

    #[test]
    fn the_nearest_word_wins() {
        let (a, b) = ("postgres://a/x", "postgresql://b/x");
        assert_eq!(chosen(Some(a), Some(b)).unwrap(), a);
        assert_eq!(chosen(None, Some(b)).unwrap(), b);
        assert_eq!(chosen(None, Some("")).unwrap(), "/data/highroad.db");
        assert_eq!(chosen(None, None).unwrap(), "/data/highroad.db");
    }

    #[test]
    fn what_is_no_url_is_not_repeated() {
        for text in ["host=a password=secret", "mysql://u:secret@h/x", "secret"] {
            for (flag, variable) in [(Some(text), None), (None, Some(text))] {
                let error = chosen(flag, variable).unwrap_err();
                assert_eq!(error.exit(), Exit::Usage);
                assert!(!error.machine().to_string().contains("secret"), "{error:?}");
            }
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("postgres://ada:pw@db:6000/roads", "postgres://db:6000/roads"),
            ("postgres://ada:pw@db/roads?sslmode=require", "postgres://db/roads"),
            ("postgres://db/roads?password=pw", "postgres://db/roads"),
            ("postgres://ada:p/w@db/roads", "postgres://db/roads"),
            ("postgres://ada:p@w@db/roads", "postgres://\u{2026}"),
            ("postgres://ada:p?w@db/roads", "postgres://\u{2026}"),
            ("postgres://db/roads?password=p@w", "postgres://\u{2026}"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_secrets(url), shown);
            assert_eq!(format!("{:?}", DatabaseUrl(url.to_owned())), shown);
        }
    }

    #[test]
    fn each_failure_has_its_code_and_most_a_hint() {
        let file = Database::File("/data/highroad.db".into());
        let told = |kind| file.failure(&StoreError::new(kind, "x is y"));
        let missing = told(StoreErrorKind::Missing);
        assert_eq!(missing.exit(), Exit::NotFound);
        let text = missing.machine().to_string();
        assert!(text.contains("no /data/highroad.db: nothing has been recorded yet"), "{text}");
        for kind in [StoreErrorKind::Locked, StoreErrorKind::Newer, StoreErrorKind::Damaged] {
            let error = told(kind);
            assert_eq!(error.exit(), Exit::Store);
            let told = error.machine();
            assert_eq!(told["error"]["message"], "x is y");
            assert!(told["error"]["hint"].is_string(), "{told}");
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let inner = StoreError::new(StoreErrorKind::Failed, "no route");
        let same = StoreError::new(StoreErrorKind::Failed, "route").because(inner);
        let failure = StoreError::new(StoreErrorKind::Failed, "it fails").because(same);
        assert_eq!(causes(&failure), ["route"]);
    }
}
