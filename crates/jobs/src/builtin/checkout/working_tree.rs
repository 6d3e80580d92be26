//! Copies a working tree as it is: what is tracked, and what is neither tracked nor ignored.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::git::Git;
use super::{Submodules, Wanted};

/// Copies the files, and makes a repository around them in which what is not committed shows as
/// such. Tells the commit that it builds on, if there is any.
pub(super) fn copy(
    git: &Git<'_, '_, '_>,
    wanted: &Wanted,
    source: &Path,
) -> Result<Option<String>, String> {
    let head = git.ask(source, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
    let head = head.ok().map(|head| head.trim().to_owned());
    let mut left_out = HashSet::new();
    if let Some(head) = &head {
        git.begin(source, head)?;
        git.borrow_objects(source)?;
        git.write(".git/shallow", &format!("{head}\n"))?;
        git.point(wanted, head)?;
        let name = wanted.name.as_deref().unwrap_or_default();
        match name.strip_prefix("refs/heads/") {
            Some(branch) => {
                let branch = format!("refs/heads/{branch}");
                git.run(&["update-ref", &branch, head])?;
                git.run(&["symbolic-ref", "HEAD", &branch])?;
            }
            None => drop(git.run(&["update-ref", "--no-deref", "HEAD", head])?),
        }
        git.sparse(wanted)?;
        git.run(&["read-tree", "HEAD"])?;
        if !wanted.sparse.is_empty() {
            git.run(&["sparse-checkout", "reapply"])?;
            left_out = skipped(git)?;
        }
        if wanted.depth.is_none() {
            unshallow(git, source)?;
        }
    }
    let nested = wanted.submodules == Submodules::Nested;
    let with_submodules = wanted.submodules != Submodules::None;
    let tree = Tree { git, left_out, with_submodules, nested };
    let copied = tree.copy(source, &git.folder, true)?;
    git.call.say(&format!("Copied {copied} files of the working tree {}", source.display()));
    Ok(head)
}

/// All of the history, as far as the source has it.
fn unshallow(git: &Git<'_, '_, '_>, source: &Path) -> Result<(), String> {
    let shallow =
        git.ask(source, &["rev-parse", "--path-format=absolute", "--git-path", "shallow"])?;
    match fs::read_to_string(shallow.trim_end_matches('\n')) {
        Ok(text) => git.write(".git/shallow", &text)?,
        Err(_) => {
            // Without the file the history has no end.
            let _ = fs::remove_file(git.folder.join(".git/shallow"));
        }
    }
    let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
    git.run(&[&["fetch", "--quiet", "--no-tags", "origin"][..], &all].concat()).map(drop)
}

/// What a sparse checkout leaves out.
fn skipped(git: &Git<'_, '_, '_>) -> Result<HashSet<PathBuf>, String> {
    let listed = git.run(&["ls-files", "-z", "-t"])?;
    let skipped = listed.split('\0').filter_map(|line| line.strip_prefix("S "));
    Ok(skipped.map(PathBuf::from).collect())
}

struct Tree<'g, 'c, 'a, 'j> {
    git: &'g Git<'c, 'a, 'j>,
    left_out: HashSet<PathBuf>,
    with_submodules: bool,
    nested: bool,
}

impl Tree<'_, '_, '_, '_> {
    fn copy(&self, from: &Path, to: &Path, is_root: bool) -> Result<u64, String> {
        let list =
            ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
        let listed = self.git.ask_bytes(from, &list);
        let listed = listed.map_err(|error| {
            format!(
                "{} is no git working tree, so nothing says which files belong to it: {error}",
                from.display()
            )
        })?;
        let mut copied = 0;
        let mut known_folder = PathBuf::new();
        for name in listed.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            if self.git.call.site.is_halted() {
                return Err("cancelled".to_owned());
            }
            let name = Path::new(OsStr::from_bytes(name));
            if is_root && self.left_out.contains(name) {
                continue;
            }
            let (source, target) = (from.join(name), to.join(name));
            let wrong =
                |error: io::Error| format!("{} cannot be copied: {error}", source.display());
            // A tracked file that is gone is gone in the copy too.
            let Ok(found) = source.symlink_metadata() else { continue };
            let folder = target.parent().unwrap_or(to);
            if folder != known_folder {
                fs::create_dir_all(folder).map_err(wrong)?;
                folder.clone_into(&mut known_folder);
            }
            if found.is_dir() {
                // A submodule is a repository of its own.
                fs::create_dir_all(&target).map_err(wrong)?;
                if self.with_submodules && (is_root || self.nested) && source.join(".git").exists()
                {
                    copied += self.copy(&source, &target, false)?;
                }
                continue;
            }
            copy_one(&source, &target, found.is_symlink()).map_err(wrong)?;
            copied += 1;
        }
        Ok(copied)
    }
}

fn copy_one(source: &Path, target: &Path, is_link: bool) -> io::Result<()> {
    // Whatever stands there must not be written through.
    match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if is_link {
        return std::os::unix::fs::symlink(fs::read_link(source)?, target);
    }
    fs::copy(source, target).map(drop)
}
