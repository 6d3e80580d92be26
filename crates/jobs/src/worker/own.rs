//! The run's own repository as it is at the running commit, for actions that are named by `$/`: no
//! step need have checked it out.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, PoisonError};

use super::cancel::CancelSignal;
use super::job::Job;
use super::uses::{Found, chain};
use crate::action::{Action, SourceError};
use crate::tool;
use crate::workbench::Source;

/// The folder in the temp folder.
const FOLDER: &str = "_own";

impl Job<'_> {
    /// An action of the run's own repository.
    pub(super) fn own_action(&self, path: &str) -> Result<Arc<Found>, String> {
        let folder = self.own_tree()?.join(path);
        let action = Action::read(&folder, &format!("$/{path}")).map_err(|error| chain(&error))?;
        Ok(Arc::new(Found { folder, action, commit: None }))
    }

    /// The tree, made when it is first asked for.
    fn own_tree(&self) -> Result<PathBuf, String> {
        let mut made = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        made.get_or_insert_with(|| self.make_own_tree()).clone()
    }

    fn make_own_tree(&self) -> Result<PathBuf, String> {
        let folder = self.bench.folders.temp.join(FOLDER);
        let wrong = |error: io::Error| format!("{} cannot be made: {error}", folder.display());
        // An earlier attempt may have left its own.
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => fs::create_dir_all(&folder).map_err(wrong)?,
        }
        match &self.bench.source {
            Source::WorkingTree(tree) => self.copy(tree, &folder)?,
            Source::Repository(repository) => self.unpack(repository, &folder)?,
            Source::Nothing => return Err("this run has no repository to take it from".to_owned()),
        }
        Ok(folder)
    }

    /// What is tracked, and what is neither tracked nor ignored, as it is.
    fn copy(&self, tree: &Path, folder: &Path) -> Result<(), String> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let mut command = Command::new(self.git_program()?);
        command.args(["-c", "safe.directory=*", "-C"]).arg(tree).args(list);
        let listed = self.git(&mut command)?;
        for name in listed.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = Path::new(OsStr::from_bytes(name));
            let (source, target) = (tree.join(name), folder.join(name));
            // A tracked file that is gone is gone in the copy too, and submodules are others'.
            let Ok(found) = source.symlink_metadata() else { continue };
            if found.is_dir() || target.symlink_metadata().is_ok() {
                continue;
            }
            let copied = fs::create_dir_all(target.parent().unwrap_or(folder)).and_then(|()| {
                if found.is_symlink() {
                    std::os::unix::fs::symlink(fs::read_link(&source)?, &target)
                } else {
                    fs::copy(&source, &target).map(drop)
                }
            });
            copied.map_err(|error| format!("{} cannot be copied: {error}", source.display()))?;
        }
        Ok(())
    }

    fn unpack(&self, repository: &Path, folder: &Path) -> Result<(), String> {
        let github = self.order.contexts.get("github");
        let commit = github.and_then(|github| github.get("sha")?.as_str()).unwrap_or("HEAD");
        let mut command = Command::new(self.git_program()?);
        command
            .env("GIT_INDEX_FILE", folder.with_extension("index"))
            .current_dir(folder)
            .args(["-c", "safe.directory=*", "--git-dir"])
            .arg(repository)
            .arg("--work-tree")
            .arg(folder)
            .args(["checkout", "--quiet", "--force", commit, "--", "."]);
        self.git(&mut command).map(drop)
    }

    fn git_program(&self) -> Result<PathBuf, String> {
        self.machine_program("git").ok_or_else(|| SourceError::NoGit.to_string())
    }

    fn git(&self, command: &mut Command) -> Result<Vec<u8>, String> {
        // What runs after a cancel may need an action, too.
        let is_late = self.cancel.is_cancelled();
        let halt = if is_late { CancelSignal::new() } else { self.cancel.clone() };
        tool::bytes(command, &halt)
            .map_err(|why| format!("the run's own repository cannot be had: {why}"))
    }
}
