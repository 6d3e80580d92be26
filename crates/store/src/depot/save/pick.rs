//! From the paths that are to be saved to places below the roots, and nowhere else.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use ports::depot::{DepotError, DepotErrorKind, Root, Source};

use super::super::folder::{Folder, is_no_folder, split};
use super::super::manifest::{is_below, path_order};
use super::super::trouble::of_file;

/// A root that may be read.
#[derive(Debug)]
pub(super) struct OpenRoot {
    pub(super) name: String,
    /// As it was given, without `.` and `..`.
    pub(super) path: PathBuf,
    /// Where it really is, and its handle; `None` when it is not there.
    there: Option<(PathBuf, Folder)>,
}

/// A file or folder that is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) root: usize,
    /// Within the root; empty for the root itself.
    pub(super) path: Vec<u8>,
}

/// Where a path leads: the folder that it is in, and its name there.
#[derive(Debug)]
pub(super) enum Located {
    Root(Folder),
    In(Folder, CString),
    Nowhere,
}

pub(super) fn open_roots(source: &Source) -> Result<Vec<OpenRoot>, DepotError> {
    source.roots.iter().map(OpenRoot::open).collect()
}

/// What is to be saved, in order, without what is in one of the others. A path that is in none
/// of the roots is refused.
pub(super) fn picks(source: &Source, roots: &[OpenRoot]) -> Result<Vec<Pick>, DepotError> {
    let mut picks = Vec::with_capacity(source.paths.len());
    for path in &source.paths {
        picks.push(pick(path, roots)?);
    }
    picks.sort_by(|one, other| {
        one.root.cmp(&other.root).then_with(|| path_order(&one.path, &other.path))
    });
    picks.dedup();
    Ok(picks)
}

/// Leaves out what is saved with a folder anyway.
pub(super) fn is_within(pick: &Pick, folder: &Pick) -> bool {
    pick.root == folder.root && is_below(&pick.path, &folder.path)
}

fn pick(path: &Path, roots: &[OpenRoot]) -> Result<Pick, DepotError> {
    let outside = || {
        let roots: Vec<_> = roots.iter().map(|root| root.path.display().to_string()).collect();
        let what = format!(
            "`{}` leads out of what may be saved, which is {}",
            path.display(),
            roots.join(" and ")
        );
        DepotError::new(DepotErrorKind::Outside, what)
    };
    if path.as_os_str().as_bytes().contains(&0) {
        let what = format!("`{}` is not a path", path.display());
        return Err(DepotError::new(DepotErrorKind::Invalid, what));
    }
    let first = roots.first().ok_or_else(outside)?;
    let path = plain(&first.path.join(path));
    let within = roots.iter().enumerate().filter_map(|(root, open)| {
        let rest = open.strip(&path)?;
        Some(Pick { root, path: rest.as_os_str().as_bytes().to_vec() })
    });
    // Roots may lie in each other: the innermost counts.
    within.min_by_key(|pick| pick.path.len()).ok_or_else(outside)
}

/// The path without `.` and `..`, by its letters alone.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

impl OpenRoot {
    fn open(root: &Root) -> Result<Self, DepotError> {
        let (name, path) = (root.name.clone(), plain(&root.path));
        if !path.is_absolute() {
            let what = format!("`{}` is not an absolute path", root.path.display());
            return Err(DepotError::new(DepotErrorKind::Invalid, what));
        }
        let open = || -> io::Result<_> {
            let real = path.canonicalize()?;
            let folder = Folder::open(&real)?;
            Ok((real, folder))
        };
        match open() {
            Ok(there) => Ok(Self { name, path, there: Some(there) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { name, path, there: None })
            }
            Err(error) => Err(of_file(&path, "opened", error)),
        }
    }

    /// The path of something in the root, as it can be told to somebody.
    pub(super) fn shown(&self, path: &[u8]) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(path))
    }

    /// Finds what a path leads to, as far as that stays in the root. Links on the way are
    /// followed where they lead to something in the root; a link at the end is not.
    pub(super) fn locate(&self, path: &[u8]) -> Result<Located, DepotError> {
        let Some((_, folder)) = &self.there else { return Ok(Located::Nowhere) };
        let in_trouble = |error| of_file(&self.shown(path), "read", error);
        if path.is_empty() {
            return folder.again().map(Located::Root).map_err(in_trouble);
        }
        let (above, name) = split(path);
        let above = match folder.descend(above) {
            Ok(above) => above,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Located::Nowhere),
            // What refuses to be entered is a link, or not a folder at all.
            Err(error) if is_no_folder(&error) => match self.by_links(above, path)? {
                Some(above) => above,
                None => return Ok(Located::Nowhere),
            },
            Err(error) => return Err(in_trouble(error)),
        };
        let name = CString::new(name).map_err(|error| in_trouble(error.into()))?;
        Ok(Located::In(above, name))
    }

    /// The folder that links on the way to a path lead to, if that is in the root.
    fn by_links(&self, above: &[u8], path: &[u8]) -> Result<Option<Folder>, DepotError> {
        let Some((real, folder)) = &self.there else { return Ok(None) };
        let shown = self.shown(path);
        let leads_to = match self.shown(above).canonicalize() {
            Ok(leads_to) => leads_to,
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_folder(&error) => {
                return Ok(None);
            }
            Err(error) => return Err(of_file(&shown, "read", error)),
        };
        let Ok(inside) = leads_to.strip_prefix(real) else {
            let what = format!(
                "`{}` leads out of {} by a link, to {}",
                shown.display(),
                self.path.display(),
                leads_to.display()
            );
            return Err(DepotError::new(DepotErrorKind::Outside, what));
        };
        match folder.descend(inside.as_os_str().as_bytes()) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if is_no_folder(&error) => Ok(None),
            Err(error) => Err(of_file(&shown, "read", error)),
        }
    }

    /// The rest of a path in the root, whether the root is called by its own or its real name.
    fn strip(&self, path: &Path) -> Option<PathBuf> {
        let real = self.there.as_ref().map(|(real, _)| real.as_path());
        let rest = path.strip_prefix(&self.path).ok();
        rest.or_else(|| path.strip_prefix(real?).ok()).map(Path::to_path_buf)
    }
}

/// Where the paths of an artifact begin: how a path in a root becomes one in the artifact.
#[derive(Debug)]
pub(super) enum Rebase {
    /// The root is below the base, or is it: this comes before each path.
    Below(Vec<u8>),
    /// The base is in the root: this is taken from each path.
    Above(Vec<u8>),
    /// Nothing of the root is below the base.
    Beside,
}

impl Rebase {
    pub(super) fn new(root: &OpenRoot, base: &Path) -> Self {
        let base = plain(base);
        if let Ok(below) = root.path.strip_prefix(&base) {
            return Self::Below(below.as_os_str().as_bytes().to_vec());
        }
        match root.strip(&base) {
            Some(above) => Self::Above(above.into_os_string().into_vec()),
            None => Self::Beside,
        }
    }

    /// The path below the base, empty for the base itself; `None` when it is elsewhere.
    pub(super) fn apply(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Below(before) if before.is_empty() => Some(path.to_vec()),
            Self::Below(before) => Some([before, path].join(&b'/')),
            Self::Above(above) => {
                let rest = path.strip_prefix(above.as_slice())?;
                if rest.is_empty() {
                    return Some(Vec::new());
                }
                rest.strip_prefix(b"/").map(<[u8]>::to_vec)
            }
            Self::Beside => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_by_their_letters() {
        for (path, expected) in [
            ("/a/./b/../c", "/a/c"),
            ("/../..", "/"),
            ("/a//b/", "/a/b"),
            ("/a/b/../../../c", "/c"),
        ] {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn artifacts_begin_at_their_base() {
        let root = OpenRoot { name: String::new(), path: "/job/work".into(), there: None };
        let at = |base: &str, path: &str| {
            let path = Rebase::new(&root, Path::new(base)).apply(path.as_bytes())?;
            Some(String::from_utf8(path).unwrap())
        };
        assert_eq!(at("/job/work", "a/b").as_deref(), Some("a/b"));
        assert_eq!(at("/job", "a/b").as_deref(), Some("work/a/b"));
        assert_eq!(at("/job/work/a", "a/b").as_deref(), Some("b"));
        assert_eq!(at("/job/work/a/", "ab"), None);
        assert_eq!(at("/job/work/a", "a").as_deref(), Some(""));
        assert_eq!(at("/elsewhere", "a"), None);
    }
}
