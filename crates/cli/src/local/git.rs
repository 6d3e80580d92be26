//! What git says of the working tree: asked of the `git` program, in as few calls as can be.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::Error;
use crate::exit::Exit;

/// A working tree at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkingTree {
    pub(crate) root: PathBuf,
    /// `None` in a repository without a commit, and in a folder that git does not know.
    pub(crate) head: Option<Head>,
    pub(crate) branch: Option<String>,
    /// What the branch was last known to be at the other end: `origin/main`.
    pub(crate) upstream: Option<String>,
    /// Files that differ from the commit, or that git does not know yet.
    pub(crate) uncommitted: Vec<String>,
    pub(crate) remote: Option<String>,
    pub(crate) user: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) commit: String,
    pub(crate) message: String,
    pub(crate) author: String,
    pub(crate) email: String,
    pub(crate) time: String,
}

impl WorkingTree {
    /// The tree that a folder is in; a folder that git does not know is a tree by itself.
    pub(crate) fn around(folder: &Path) -> Result<Self, Error> {
        let folder = folder
            .canonicalize()
            .map_err(|error| Error::io(format!("cannot open {}", folder.display()), &error))?;
        let Some(root) = line(&folder, ["rev-parse", "--show-toplevel"])? else {
            return Ok(Self { root: folder, ..Self::default() });
        };
        let root = PathBuf::from(root);
        let mut tree = Self { head: head(&root)?, ..Self::default() };
        tree.read_status(&root)?;
        tree.read_settings(&root)?;
        tree.root = root;
        Ok(tree)
    }

    /// The files that a push would bring, and those that are not committed; `None` when nobody
    /// knows what the other end has.
    pub(crate) fn changed_files(&self) -> Result<Option<Vec<String>>, Error> {
        let Some(upstream) = &self.upstream else { return Ok(None) };
        let range = format!("{upstream}...HEAD");
        let Some(listed) = text(&self.root, ["diff", "--name-only", "-z", &range])? else {
            return Ok(None);
        };
        let mut files: Vec<_> = names(&listed).chain(self.uncommitted.iter().cloned()).collect();
        files.sort();
        files.dedup();
        Ok(Some(files))
    }

    fn read_status(&mut self, root: &Path) -> Result<(), Error> {
        let arguments =
            ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames"];
        let Some(status) = text(root, arguments)? else { return Ok(()) };
        for entry in status.split('\0') {
            if let Some(branch) = entry.strip_prefix("# branch.head ") {
                self.branch = (branch != "(detached)").then(|| branch.to_owned());
            } else if let Some(upstream) = entry.strip_prefix("# branch.upstream ") {
                self.upstream = Some(upstream.to_owned());
            } else if let Some(path) = entry.strip_prefix("? ") {
                self.uncommitted.push(path.to_owned());
            } else if let Some(changed) = entry.strip_prefix("1 ") {
                // XY, submodule, three modes, two objects, and then the path.
                self.uncommitted.extend(changed.splitn(8, ' ').nth(7).map(str::to_owned));
            } else if let Some(unmerged) = entry.strip_prefix("u ") {
                self.uncommitted.extend(unmerged.splitn(10, ' ').nth(9).map(str::to_owned));
            }
        }
        Ok(())
    }

    fn read_settings(&mut self, root: &Path) -> Result<(), Error> {
        let arguments = ["config", "--null", "--get-regexp", r"^(remote\.origin\.url|user\.name)$"];
        for entry in text(root, arguments)?.unwrap_or_default().split('\0') {
            match entry.split_once('\n') {
                Some(("remote.origin.url", url)) => self.remote = Some(url.to_owned()),
                Some(("user.name", name)) => self.user = Some(name.to_owned()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn head(root: &Path) -> Result<Option<Head>, Error> {
    let told = text(root, ["log", "-1", "--format=%H%x00%an%x00%ae%x00%aI%x00%B"])?;
    Ok(told.and_then(|told| {
        let mut fields = told.splitn(5, '\0').map(str::to_owned);
        Some(Head {
            commit: fields.next()?,
            author: fields.next()?,
            email: fields.next()?,
            time: fields.next()?,
            message: fields.next()?.trim_end().to_owned(),
        })
    }))
}

fn names(listed: &str) -> impl Iterator<Item = String> {
    listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned)
}

fn line<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Option<String>, Error> {
    Ok(text(folder, arguments)?.map(|text| text.trim_end_matches('\n').to_owned()))
}

/// What git prints; `None` when it says no, as it does for what is not there.
fn text<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Option<String>, Error> {
    let ran = command(folder).args(arguments).output();
    let Output { status, stdout, .. } = ran.map_err(|error| cannot_run(&error))?;
    Ok(status.success().then(|| String::from_utf8_lossy(&stdout).into_owned()))
}

/// `git` in a folder, which is to touch nothing that it need not.
pub(super) fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null());
    command
}

pub(super) fn cannot_run(error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(Exit::NotFound, "the program `git` is not there")
                .hint("install it: apt-get install git")
        }
        _ => Error::io("cannot run git", error),
    }
}
