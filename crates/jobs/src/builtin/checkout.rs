//! `actions/checkout`: puts a repository's tree into the workspace.
//!
//! The run's own repository lies on this machine; another one comes from where the configuration
//! says that actions of that name come from.

mod git;
mod working_tree;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::call::{Call, normal};
use crate::action::SourceError;
use crate::workbench::Source;
use git::Git;

/// What is to be checked out, and how much of it.
#[derive(Debug)]
struct Wanted {
    folder: PathBuf,
    from: From,
    commit: Option<String>,
    /// `refs/heads/…`, `refs/tags/…`, or a name that may be either.
    name: Option<String>,
    /// How many commits; all of them where it is `None`.
    depth: Option<u32>,
    tags: bool,
    sparse: Vec<String>,
    cone: bool,
    lfs: bool,
    submodules: Submodules,
}

#[derive(Debug)]
enum From {
    /// A git repository on this machine, whose objects need not be copied.
    Repository(PathBuf),
    WorkingTree(PathBuf),
    Url(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Submodules {
    None,
    One,
    Nested,
}

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), String> {
    let wanted = wanted(call)?;
    clear(call, &wanted.folder)?;
    fs::create_dir_all(&wanted.folder)
        .map_err(|error| format!("{} cannot be made: {error}", wanted.folder.display()))?;
    let git = Git { call, program: call.git()?, folder: wanted.folder.clone() };
    let commit = match &wanted.from {
        From::WorkingTree(source) => working_tree::copy(&git, &wanted, source)?,
        From::Repository(source) => Some(git.check_out_here(&wanted, source)?),
        From::Url(url) => Some(git.check_out_from(&wanted, url)?),
    };
    if let Some(commit) = commit {
        call.say(&format!("HEAD is now at {commit}"));
        call.output("commit", commit);
    }
    call.output("ref", wanted.name.unwrap_or_default());
    Ok(())
}

fn wanted(call: &mut Call<'_, '_>) -> Result<Wanted, String> {
    if !call.input("ssh-key").is_empty() {
        return Err(
            "the input `ssh-key` has no meaning here: repositories are on this machine, or come \
                    from the mirrors that are configured"
                .to_owned(),
        );
    }
    let folder = normal(&call.workspace().join(call.input("path")));
    if !folder.starts_with(call.workspace()) || call.own_folder(call.input("path")).is_err() {
        return Err(format!(
            "Repository path '{}' is not under '{}'",
            folder.display(),
            call.workspace().display()
        ));
    }
    let repository = call.input("repository").to_owned();
    let own = call.github("repository");
    let is_own = repository.is_empty() || repository.eq_ignore_ascii_case(&own);
    let given = call.input("ref").to_owned();
    let (commit, name) = if given.is_empty() {
        if is_own {
            (Some(call.github("sha")).filter(|sha| !sha.is_empty()), Some(call.github("ref")))
        } else {
            (None, None)
        }
    } else if is_commit(&given) {
        (Some(given.clone()), None)
    } else {
        (None, Some(given.clone()))
    };
    let from =
        if is_own { of_run(call, &given)? } else { From::Url(elsewhere(call, &repository)?) };
    let depth = call.input("fetch-depth").parse::<f64>().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let depth = Some(depth as u32).filter(|depth| *depth > 0);
    let submodules = match call.input("submodules").to_ascii_lowercase().as_str() {
        "true" => Submodules::One,
        "recursive" => Submodules::Nested,
        _ => Submodules::None,
    };
    Ok(Wanted {
        folder,
        from,
        commit,
        name: name.filter(|name| !name.is_empty()),
        depth,
        tags: call.flag("fetch-tags")?,
        sparse: call.lines("sparse-checkout"),
        cone: call.flag("sparse-checkout-cone-mode")?,
        lfs: call.flag("lfs")?,
        submodules,
    })
}

/// Where the run's own repository is.
fn of_run(call: &Call<'_, '_>, given: &str) -> Result<From, String> {
    match &call.job.bench.source {
        Source::Repository(path) => Ok(From::Repository(path.clone())),
        Source::WorkingTree(path) => {
            // Asking for what is checked out there anyway means what lies there.
            let is_there = given.is_empty()
                || ["sha", "ref", "ref_name", "head_ref"]
                    .iter()
                    .any(|name| call.github(name) == given);
            if is_there {
                Ok(From::WorkingTree(path.clone()))
            } else {
                Ok(From::Repository(path.clone()))
            }
        }
        Source::Nothing => Err("this run has no repository to check out".to_owned()),
    }
}

/// Where another repository comes from.
fn elsewhere(call: &Call<'_, '_>, repository: &str) -> Result<String, String> {
    let (owner, name) = repository
        .split_once('/')
        .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
        .ok_or_else(|| {
            format!("Invalid repository '{repository}'. Expected format {{owner}}/{{repo}}.")
        })?;
    let url = call.job.bench.mirrors.url(owner, name);
    url.ok_or_else(|| SourceError::NoMirror(repository.to_owned()).to_string())
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Makes room: what an earlier step has put there goes, unless it is to be kept.
fn clear(call: &Call<'_, '_>, folder: &Path) -> Result<(), String> {
    let wrong = |error: io::Error| format!("{} cannot be cleared: {error}", folder.display());
    if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
        fs::remove_file(folder).map_err(wrong)?;
    }
    if !call.flag("clean")? || !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let is_folder = entry.file_type().map_err(wrong)?.is_dir();
        let removed = if is_folder {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        removed.map_err(wrong)?;
    }
    Ok(())
}
