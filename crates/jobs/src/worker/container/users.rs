//! Whose the files of a job are, where the programs of its container run as another user.

use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

use super::super::job::Job;
use super::own::PATIENCE;
use crate::container::Until;

impl Job<'_> {
    /// Lets the programs of the container write where another user than this one made a file.
    pub(in crate::worker) fn hand_over(&self, path: &Path) {
        if let Some((user, group)) = self.foreign_user() {
            // A step that cannot write there says so itself.
            let _ = lchown(path, Some(user), Some(group));
        }
    }

    /// The same for all that is in the job's folders.
    pub(crate) fn hand_over_folders(&self) {
        if self.foreign_user().is_some() {
            let folders = &self.bench.folders;
            for folder in [&folders.workspace, &folders.temp, &folders.home] {
                walk(folder, &mut |path| self.hand_over(path));
            }
        }
    }

    pub(super) fn warn_of_strangers(&self, number: u32) {
        let Some(own) = self.own_container() else { return };
        let ours = rustix::process::geteuid().as_raw();
        match own.user {
            Some((user, _)) if user != 0 && user != ours && ours != 0 => self.say(
                number,
                &format!(
                    "##[warning]the container's programs run as the user {user} and may not be able to \
                     write to the workspace, which belongs to {ours}: `options: --user {ours}` helps"
                ),
            ),
            _ => {}
        }
    }

    /// Whom files have to be given to; only root can give them away.
    fn foreign_user(&self) -> Option<(u32, u32)> {
        let own = self.own_container()?;
        let can_give = rustix::process::geteuid().is_root();
        own.user.filter(|(user, _)| can_give && *user != 0)
    }

    /// What root has made in the container would stay behind where this user cannot remove it.
    pub(super) fn take_back_folders(&self) {
        let Some(own) = self.own_container() else { return };
        let Ok(found) = self.bench.folders.home.metadata() else { return };
        let is_foreign = own.user.is_some_and(|(user, _)| user == 0) && found.uid() != 0;
        if !is_foreign || own.place.is_rootless() {
            return;
        }
        let folders = &self.bench.folders;
        let mut words = vec!["chown".to_owned(), "-R".to_owned()];
        words.push(format!("{}:{}", found.uid(), found.gid()));
        for folder in [&folders.workspace, &folders.temp, &folders.home] {
            words.push(folder.to_string_lossy().into_owned());
        }
        // An image without `chown` leaves them to whoever cleans up.
        let _ = own.place.ask(&words, Some("0"), PATIENCE, &Until::default());
    }
}

/// All paths at and below a folder, without following links.
fn walk(path: &Path, each: &mut dyn FnMut(&Path)) {
    each(path);
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if let Some(entries) = is_folder.then(|| std::fs::read_dir(path).ok()).flatten() {
        for entry in entries.flatten() {
            walk(&entry.path(), each);
        }
    }
}
