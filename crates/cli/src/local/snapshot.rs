//! A working tree as a commit, with what is not committed yet, in a file that git can fetch from.
//! Neither the index nor a branch of the repository is touched.

use std::path::Path;
use std::process::Command;

use tempfile::NamedTempFile;

use super::git::{self, WorkingTree};
use crate::error::Error;
use crate::exit::Exit;

/// A git bundle, and the commit in it that is meant.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) bundle: NamedTempFile,
    pub(crate) commit: String,
}

/// Who commits what is not committed: nobody that the repository has to know.
const AUTHOR: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "highroad"),
    ("GIT_AUTHOR_EMAIL", "highroad@localhost"),
    ("GIT_COMMITTER_NAME", "highroad"),
    ("GIT_COMMITTER_EMAIL", "highroad@localhost"),
];

impl Snapshot {
    pub(crate) fn of(tree: &WorkingTree) -> Result<Self, Error> {
        let failed = |error| Error::io("cannot make a file for what runs check out", &error);
        let commit = commit(tree)?;
        let folder = tempfile::tempdir().map_err(failed)?;
        let bundle = NamedTempFile::new().map_err(failed)?;
        // A repository of its own that borrows the objects: so no name is left behind in theirs.
        let lender = said(&tree.root, &["rev-parse", "--git-path", "objects"])?;
        let lender = tree.root.join(lender);
        let own = folder.path();
        said(own, &["init", "--quiet", "--bare"])?;
        let alternates = own.join("objects/info/alternates");
        let line = format!("{}\n", lender.canonicalize().unwrap_or(lender).display());
        std::fs::write(alternates, line).map_err(failed)?;
        said(own, &["update-ref", "refs/heads/run", &commit])?;
        let file = bundle.path().to_string_lossy();
        said(own, &["bundle", "create", "--quiet", &file, "refs/heads/run"])?;
        Ok(Self { bundle, commit })
    }
}

/// The commit at hand, or one on top of it with what is not committed.
fn commit(tree: &WorkingTree) -> Result<String, Error> {
    if let Some(head) = &tree.head
        && tree.uncommitted.is_empty()
    {
        return Ok(head.commit.clone());
    }
    let failed = |error| Error::io("cannot make a file for the index", &error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let index = folder.path().join("index");
    let with_index = |words: &[&str]| {
        let mut command = command(&tree.root, words);
        command.env("GIT_INDEX_FILE", &index);
        text(&mut command, words)
    };
    if let Some(head) = &tree.head {
        with_index(&["read-tree", &head.commit])?;
    }
    with_index(&["add", "--all"])?;
    let written = with_index(&["write-tree"])?;
    let mut words = vec!["commit-tree", &written, "-m", "The working tree as it is"];
    if let Some(head) = &tree.head {
        words.extend(["-p", &head.commit]);
    }
    text(command(&tree.root, &words).envs(AUTHOR), &words)
}

fn said(folder: &Path, words: &[&str]) -> Result<String, Error> {
    text(&mut command(folder, words), words)
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = git::command(folder);
    command.args(words);
    command
}

/// What git prints, in one line; an error with its words if it says no.
fn text(command: &mut Command, words: &[&str]) -> Result<String, Error> {
    let output = command.output().map_err(|error| git::cannot_run(&error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let what = words.first().copied().unwrap_or_default();
    Err(Error::new(Exit::Io, format!("git {what} failed")).caused_by(why))
}
