//! A job's control group, in the first or the second version of them.

mod hierarchy;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::limits::MEMORY;
use super::{Limits, Unenforced};
use hierarchy::{Hierarchies, Version};

/// The group that a job's processes are in. It is gone when it is dropped and they are.
#[derive(Debug)]
pub struct Cgroup {
    /// One in the second version; one for each controller in the first.
    folders: Vec<Folder>,
    limits: Limits,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    version: Version,
}

/// How a job is limited by the files of its group.
struct Setting {
    limit: &'static str,
    controller: &'static str,
    /// In each version: the file and what is written to it; those that may be missing last.
    first: Vec<(&'static str, String)>,
    second: Vec<(&'static str, String)>,
}

impl Cgroup {
    /// Makes a group with these limits, and tells which of them do not hold. None is made when
    /// none would.
    pub fn create(name: &str, limits: &Limits) -> (Option<Self>, Vec<Unenforced>) {
        let settings = settings(limits);
        let hierarchies = match Hierarchies::find() {
            Ok(hierarchies) => hierarchies,
            Err(error) => {
                let why = format!("the control groups cannot be read: {error}");
                let all =
                    settings.iter().map(|it| Unenforced { limit: it.limit, why: why.clone() });
                return (None, all.collect());
            }
        };
        let (mut group, unenforced) = Self::within(&hierarchies, name, &settings);
        if let Some(group) = &mut group {
            group.limits = *limits;
        }
        (group, unenforced)
    }

    /// What was asked for, whether this machine enforces it or not.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    fn within(
        hierarchies: &Hierarchies,
        name: &str,
        settings: &[Setting],
    ) -> (Option<Self>, Vec<Unenforced>) {
        let mut group = Self { folders: Vec::new(), limits: Limits::default() };
        let mut unenforced = Vec::new();
        for setting in settings {
            if let Err(why) = group.limit(hierarchies, name, setting) {
                unenforced.push(Unenforced { limit: setting.limit, why });
            }
        }
        (Some(group).filter(|group| !group.folders.is_empty()), unenforced)
    }

    fn limit(
        &mut self,
        hierarchies: &Hierarchies,
        name: &str,
        setting: &Setting,
    ) -> Result<(), String> {
        let (parent, version) = hierarchies.place(setting.controller)?;
        let path = parent.join(format!("highroad-{}", name.replace('/', "-")));
        if !self.folders.iter().any(|folder| folder.path == path) {
            match fs::create_dir(&path) {
                Ok(()) => {}
                // Left by a worker that was killed; what is in it is told anew.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("{} cannot be made: {error}", path.display())),
            }
            self.folders.push(Folder { path: path.clone(), version });
        }
        let files = match version {
            Version::First => &setting.first,
            Version::Second => &setting.second,
        };
        for (index, (file, value)) in files.iter().enumerate() {
            let file = path.join(file);
            let is_optional = index > 0 && !file.exists();
            if let Err(error) = fs::write(&file, value)
                && !is_optional
            {
                return Err(format!("{} cannot be written: {error}", file.display()));
            }
        }
        Ok(())
    }

    /// The files into which a process writes itself to be in the group.
    pub(super) fn entries(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.path.join("cgroup.procs")).collect()
    }

    /// How many processes were killed because the group had no memory left.
    pub(super) fn killed(&self) -> u64 {
        let killed = |folder: &Folder| {
            let file = match folder.version {
                Version::First => "memory.oom_control",
                Version::Second => "memory.events",
            };
            let events = fs::read_to_string(folder.path.join(file)).ok()?;
            let mut lines = events.lines();
            lines.find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
        };
        self.folders.iter().find_map(killed).unwrap_or(0)
    }

    /// Kills what is in it, or at least has nobody in it fork any more.
    pub(super) fn kill(&self) {
        for folder in &self.folders {
            let _ = fs::write(folder.path.join("pids.max"), "0");
            let _ = write_existing(&folder.path.join("cgroup.kill"), "1");
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Who survived everything keeps it.
            let _ = fs::remove_dir(&folder.path);
        }
    }
}

fn write_existing(path: &Path, value: &str) -> io::Result<()> {
    io::Write::write_all(&mut fs::File::options().write(true).open(path)?, value.as_bytes())
}

/// The processor is shared out in pieces of this many microseconds.
const PERIOD: u64 = 100_000;

fn settings(limits: &Limits) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(memory) = limits.memory {
        let memory = memory.to_string();
        settings.push(Setting {
            limit: MEMORY,
            controller: "memory",
            // What is swapped out counts, too, where swapping is accounted for.
            first: vec![
                ("memory.limit_in_bytes", memory.clone()),
                ("memory.memsw.limit_in_bytes", memory.clone()),
            ],
            second: vec![("memory.max", memory), ("memory.swap.max", "0".to_owned())],
        });
    }
    if let Some(millicpus) = limits.millicpus {
        let quota = (u64::from(millicpus) * PERIOD / 1000).max(1000);
        settings.push(Setting {
            limit: "processors",
            controller: "cpu",
            first: vec![
                ("cpu.cfs_quota_us", quota.to_string()),
                ("cpu.cfs_period_us", PERIOD.to_string()),
            ],
            second: vec![("cpu.max", format!("{quota} {PERIOD}"))],
        });
    }
    if let Some(processes) = limits.processes {
        let file = vec![("pids.max", processes.to_string())];
        settings.push(Setting {
            limit: "processes",
            controller: "pids",
            first: file.clone(),
            second: file,
        });
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second version where this machine may have the first: its files, as a folder.
    #[test]
    fn the_second_version_is_one_folder_for_all_limits() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("user.slice/runner");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("cgroup.controllers"), "cpuset cpu memory pids\n").unwrap();
        fs::write(own.join("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        let mounts = format!("30 1 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.path().display());
        let hierarchies = Hierarchies::read(&mounts, "0::/user.slice/runner\n");
        let limits = Limits { memory: Some(1 << 30), millicpus: Some(1500), processes: Some(100) };
        let (group, unenforced) = Cgroup::within(&hierarchies, "x", &settings(&limits));
        assert_eq!(unenforced, []);
        let folder = own.join("highroad-x");
        let group = group.unwrap();
        assert_eq!(group.entries(), [folder.join("cgroup.procs")]);
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(read("memory.max"), "1073741824");
        assert_eq!(read("cpu.max"), "150000 100000");
        assert_eq!(read("pids.max"), "100");
        assert_eq!(group.killed(), 0);
        fs::write(folder.join("memory.events"), "low 0\noom 3\noom_kill 2\n").unwrap();
        assert_eq!(group.killed(), 2);
    }

    #[test]
    fn a_limit_that_cannot_hold_says_why() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "cpu pids\n").unwrap();
        fs::write(root.path().join("cgroup.subtree_control"), "pids\n").unwrap();
        let mounts = format!("30 1 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.path().display());
        let limits = Limits { memory: Some(1), millicpus: None, processes: Some(9) };
        let hierarchies = Hierarchies::read(&mounts, "0::/\n");
        let (group, unenforced) = Cgroup::within(&hierarchies, "y", &settings(&limits));
        assert!(group.is_some());
        assert_eq!(unenforced.len(), 1);
        assert_eq!(unenforced[0].limit, "memory");
        assert!(unenforced[0].why.contains("has no memory controller"), "{unenforced:?}");

        let nowhere = Hierarchies::read("", "");
        let (group, unenforced) = Cgroup::within(&nowhere, "z", &settings(&limits));
        assert!(group.is_none() && unenforced.len() == 2, "{unenforced:?}");
    }
}
