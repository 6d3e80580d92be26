//! Disk space: what a job's folders take, looked at now and then.
//!
//! The kernel limits space by user or by project, and only with privileges and on some file
//! systems. So folders are walked every so often: a job can take more for that long, and what is
//! left free is watched besides, which costs next to nothing.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::kill::wait_for_one;
use super::{Stop, Why};

/// What the folders of a job may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    pub folders: Vec<PathBuf>,
    /// What they may take together.
    pub most: Option<u64>,
    /// What must stay free on their file systems.
    pub keep_free: Option<u64>,
    pub every: Duration,
}

/// Looks until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Watch {
    end: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Quota {
    /// Calls once when the job takes too much, with the reason.
    pub fn watch(self, exceeded: impl FnOnce(Why) + Send + 'static) -> io::Result<Watch> {
        let end = Stop::new()?;
        let told = end.clone();
        let watch = move || {
            while let Ok(false) = wait_for_one(&told, self.every) {
                if let Some(why) = self.exceeded() {
                    exceeded(Why::DiskFull(why));
                    return;
                }
            }
        };
        Ok(Watch { end, thread: Some(std::thread::spawn(watch)) })
    }

    /// Why the job has to be ended now, if it has.
    pub fn exceeded(&self) -> Option<String> {
        if let Some(keep) = self.keep_free {
            for folder in &self.folders {
                let Ok(space) = rustix::fs::statvfs(folder) else { continue };
                let free = space.f_bavail.saturating_mul(space.f_frsize);
                if free < keep {
                    return Some(format!(
                        "the disk is full: {} MiB are free at {}, and {} MiB are kept free",
                        free >> 20,
                        folder.display(),
                        keep >> 20
                    ));
                }
            }
        }
        let most = self.most?;
        let used = used(&self.folders, most);
        (used > most).then(|| {
            format!("the job's files take more than the {} MiB that they may take", most >> 20)
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.stop(Why::Cancelled);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the folders take on the disk, counted until it is more than enough. What cannot be read
/// takes nothing; links are not followed, and a file with several names counts once.
fn used(folders: &[PathBuf], enough: u64) -> u64 {
    let mut used = 0;
    let mut linked = HashSet::new();
    let mut left: Vec<Arc<Path>> = folders.iter().map(|folder| folder.as_path().into()).collect();
    while let Some(folder) = left.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let is_new = metadata.is_dir()
                || metadata.nlink() < 2
                || linked.insert((metadata.dev(), metadata.ino()));
            if is_new {
                used += metadata.blocks() * 512;
            }
            if metadata.is_dir() {
                left.push(entry.path().into());
            }
            if used > enough {
                return used;
            }
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(folder: &Path, most: Option<u64>, keep_free: Option<u64>) -> Quota {
        let every = Duration::from_millis(1);
        Quota { folders: vec![folder.to_owned()], most, keep_free, every }
    }

    #[test]
    fn what_a_job_takes_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join("file"), vec![b'x'; 1 << 20]).unwrap();
        let small = used(&[folder.path().to_owned()], u64::MAX);
        assert!((1 << 20..2 << 20).contains(&small), "{small}");
        fs::hard_link(below.join("file"), folder.path().join("same")).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("everything")).unwrap();
        let linked = used(&[folder.path().to_owned()], u64::MAX);
        assert!(linked < small + (1 << 16), "{small} {linked}");
        // A file with a hole takes what is there.
        fs::File::create(below.join("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert!(used(&[folder.path().to_owned()], u64::MAX) < small + (1 << 16));
    }

    #[test]
    fn too_much_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(quota(folder.path(), Some(1 << 20), Some(1)).exceeded(), None);
        let (tell, told) = std::sync::mpsc::channel();
        let watch = quota(folder.path(), Some(1 << 20), None)
            .watch(move |why| tell.send(why).unwrap())
            .unwrap();
        fs::write(folder.path().join("file"), vec![b'x'; 2 << 20]).unwrap();
        let why = "the job's files take more than the 1 MiB that they may take".to_owned();
        assert_eq!(told.recv().unwrap(), Why::DiskFull(why));
        assert!(told.recv().is_err());
        drop(watch);
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let why = quota(folder.path(), None, Some(u64::MAX)).exceeded().unwrap();
        assert!(why.starts_with("the disk is full: "), "{why}");
    }
}
