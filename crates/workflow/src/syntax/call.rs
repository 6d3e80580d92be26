//! Calls of other workflows: which file is meant, and what the caller and the called have to agree
//! on.

mod agree;
mod load;
mod walk;

use std::fmt;

use load::Loaded;
pub(super) use load::Loader;
pub(super) use walk::Walk;

/// Where workflow files come from.
pub trait Files {
    /// The bytes of a file, or why there are none.
    fn read(&self, place: &Place) -> Result<Vec<u8>, String>;

    /// Why files of another repository are not looked at, which is nobody's mistake.
    fn passes_over(&self, _: &Repository) -> Option<String> {
        None
    }

    /// The commit at which files of another repository are read, if its reference is none.
    fn commit(&self, _: &Repository) -> Option<String> {
        None
    }
}

/// Which file is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Nothing for the repository that is at hand.
    pub repository: Option<Repository>,
    /// From the top of the repository: `.github/workflows/build.yml`.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// `owner/name`
    pub name: String,
    /// A branch, a tag or a commit.
    pub reference: String,
}

/// Where callable workflows are in a repository.
const FOLDER: &str = ".github/workflows/";

impl Place {
    /// What `uses` means in a file.
    pub(super) fn called(uses: &str, from: &Self) -> Option<Self> {
        if let Some(path) = of_own_repository(uses) {
            let place = Self { repository: from.repository.clone(), path: path.to_owned() };
            return is_workflow(path).then_some(place);
        }
        let (path, reference) = uses.rsplit_once('@')?;
        let (owner, rest) = path.split_once('/')?;
        let (name, path) = rest.split_once('/')?;
        let whole = !owner.is_empty() && !name.is_empty() && !reference.is_empty();
        let name = format!("{owner}/{name}");
        let repository = Some(Repository { name, reference: reference.to_owned() });
        (whole && is_workflow(path)).then(|| Self { repository, path: path.to_owned() })
    }
}

fn is_workflow(path: &str) -> bool {
    let file = path.strip_prefix(FOLDER).unwrap_or_default();
    !file.is_empty() && !file.contains('/')
}

/// The path of a workflow that is called in the repository that the caller is in, at the same
/// commit: the two ways to write it mean the same.
fn of_own_repository(uses: &str) -> Option<&str> {
    match uses.strip_prefix("$/") {
        // Its version is that of the caller, and cannot be another.
        Some(path) => (!path.contains('@')).then_some(path),
        None => uses.strip_prefix("./"),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repository {
            None => f.write_str(&self.path),
            Some(Repository { name, reference }) => write!(f, "{name}/{}@{reference}", self.path),
        }
    }
}
