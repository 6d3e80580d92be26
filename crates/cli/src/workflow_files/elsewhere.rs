//! Workflows of other repositories: passed over, or read from where the configuration says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use jobs::action::{Fetched, Mirrors};
use workflow::syntax::Repository;

/// What is done about repositories that are not the one at hand.
#[derive(Debug, Default)]
pub(crate) enum Elsewhere {
    #[default]
    PassedOver,
    Mirrored(Mirrored),
}

/// Each repository is fetched once, so that all its files are of one commit.
#[derive(Debug)]
pub(crate) struct Mirrored {
    mirrors: Mirrors,
    fetched: RefCell<BTreeMap<Repository, Result<Fetched, String>>>,
}

impl Elsewhere {
    /// `url` is that of a git repository, with `{owner}` and `{repo}` in it.
    pub(crate) fn mirrored(url: String, cache: PathBuf) -> Self {
        let mirrors = Mirrors { rules: vec![("*".to_owned(), url)], cache };
        Self::Mirrored(Mirrored { mirrors, fetched: RefCell::default() })
    }

    pub(super) fn fetched(&self, repository: &Repository) -> Result<Fetched, String> {
        match self {
            Self::PassedOver => Err(format!("{} is another repository", repository.name)),
            Self::Mirrored(mirrored) => mirrored.fetched(repository),
        }
    }
}

impl Mirrored {
    fn fetched(&self, repository: &Repository) -> Result<Fetched, String> {
        if let Some(known) = self.fetched.borrow().get(repository) {
            return known.clone();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let fetched = self.mirrors.bring(&repository.name, &repository.reference, &path);
        let fetched = fetched.map_err(|error| chain(&error));
        self.fetched.borrow_mut().insert(repository.clone(), fetched.clone());
        fetched
    }
}

/// An error with all that is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // A text can always be written to.
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
