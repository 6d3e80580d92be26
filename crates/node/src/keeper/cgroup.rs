//! An instance's control group, in the first or the second version of them: what it may use, and
//! what it has used.

mod hierarchy;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use model::workload::Limits;
use serde::{Deserialize, Serialize};

use hierarchy::{Hierarchies, Version};

/// The processor is shared out in pieces of this many microseconds.
const PERIOD: u64 = 100_000;

/// The group that the processes of one instance are in. It outlives whoever made it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cgroup {
    /// One in the second version; one for each controller in the first.
    folders: Vec<Folder>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Folder {
    path: PathBuf,
    version: Version,
}

/// What an instance uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Time of processors.
    pub processor: SignedDuration,
    /// Bytes, now.
    pub memory: u64,
    /// Bytes, at most; as far as it was looked at where no control group counts it.
    pub memory_peak: u64,
    /// Processes that the kernel killed because the limit of memory was reached.
    pub oom_kills: u64,
}

/// What is asked of a controller, by the files of its group.
struct Setting {
    controller: &'static str,
    /// What does not hold if it cannot be had; none if it only counts.
    limit: Option<&'static str>,
    /// In each version: the file and what is written to it; those that may be missing last.
    first: Vec<(&'static str, String)>,
    second: Vec<(&'static str, String)>,
}

impl Cgroup {
    /// Makes a group with these limits that counts what is used, and tells which of the limits do
    /// not hold. None is made where none can be.
    pub(crate) fn create(name: &str, limits: &Limits) -> (Option<Self>, Vec<String>) {
        match Hierarchies::find() {
            Ok(hierarchies) => Self::within(&hierarchies, name, &settings(limits)),
            Err(error) => {
                let why = format!("the control groups cannot be read: {error}");
                let limits = settings(limits).into_iter().filter_map(|setting| setting.limit);
                (None, limits.map(|limit| format!("{limit}: {why}")).collect())
            }
        }
    }

    fn within(
        hierarchies: &Hierarchies,
        name: &str,
        settings: &[Setting],
    ) -> (Option<Self>, Vec<String>) {
        let mut group = Self { folders: Vec::new() };
        let mut unenforced = Vec::new();
        for setting in settings {
            if let Err(why) = group.add(hierarchies, name, setting)
                && let Some(limit) = setting.limit
            {
                unenforced.push(format!("{limit}: {why}"));
            }
        }
        (Some(group).filter(|group| !group.folders.is_empty()), unenforced)
    }

    fn add(
        &mut self,
        hierarchies: &Hierarchies,
        name: &str,
        setting: &Setting,
    ) -> Result<(), String> {
        let (parent, version) = hierarchies.place(setting.controller)?;
        let path = parent.join(format!("highroad-{name}"));
        if !self.folders.iter().any(|folder| folder.path == path) {
            match fs::create_dir(&path) {
                Ok(()) => {}
                // Left by a keeper that was killed; what is in it is told anew.
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
            if let Err(error) = fs::write(&file, value)
                && (index == 0 || file.exists())
            {
                return Err(format!("{} cannot be written: {error}", file.display()));
            }
        }
        Ok(())
    }

    /// The files into which a process writes itself to be in the group.
    pub(crate) fn entries(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.folders.iter().map(|folder| folder.path.join("cgroup.procs"))
    }

    /// What is used by now.
    pub(crate) fn usage(&self) -> Usage {
        let number = |file: &str| self.read(file)?.trim().parse::<u64>().ok();
        let field = |file: &str, field: &str| {
            let text = self.read(file)?;
            let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(' '));
            value?.trim().parse::<u64>().ok()
        };
        let nanos = number("cpuacct.usage")
            .or_else(|| Some(field("cpu.stat", "usage_usec")?.saturating_mul(1000)));
        let memory = number("memory.usage_in_bytes").or_else(|| number("memory.current"));
        let peak = number("memory.max_usage_in_bytes").or_else(|| number("memory.peak"));
        let killed = field("memory.oom_control", "oom_kill");
        Usage {
            processor: SignedDuration::from_nanos(
                nanos.and_then(|nanos| nanos.try_into().ok()).unwrap_or(0),
            ),
            memory: memory.unwrap_or(0),
            memory_peak: peak.or(memory).unwrap_or(0),
            oom_kills: killed.or_else(|| field("memory.events", "oom_kill")).unwrap_or(0),
        }
    }

    /// Whether it counts memory and processors, so that nobody else has to.
    pub(crate) fn counts(&self) -> bool {
        let has = |names: &[&str]| names.iter().any(|name| self.read(name).is_some());
        has(&["cpuacct.usage", "cpu.stat"]) && has(&["memory.usage_in_bytes", "memory.current"])
    }

    /// Kills what is in it, where the kernel does that.
    pub(crate) fn kill(&self) {
        for folder in &self.folders {
            let _ = write_existing(&folder.path.join("cgroup.kill"), "1");
        }
    }

    /// The numbers of the processes in it.
    pub(crate) fn members(&self) -> Vec<i32> {
        let members = self.entries().find_map(|entry| fs::read_to_string(entry).ok());
        members.unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
    }

    pub(crate) fn remove(&self) {
        for folder in &self.folders {
            // Who survived everything keeps it.
            let _ = fs::remove_dir(&folder.path);
        }
    }

    fn read(&self, file: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| fs::read_to_string(folder.path.join(file)).ok())
    }
}

fn write_existing(path: &Path, value: &str) -> io::Result<()> {
    io::Write::write_all(&mut fs::File::options().write(true).open(path)?, value.as_bytes())
}

fn settings(limits: &Limits) -> Vec<Setting> {
    let mut settings =
        vec![Setting { controller: "cpuacct", limit: None, first: Vec::new(), second: Vec::new() }];
    let mut memory = Setting {
        controller: "memory",
        limit: None,
        first: Vec::new(),
        second: vec![("memory.oom.group", "1".to_owned())],
    };
    if let Some(bytes) = limits.memory {
        let bytes = bytes.to_string();
        memory.limit = Some("memory");
        // What is swapped out counts, too, where swapping is accounted for.
        memory.first = vec![
            ("memory.limit_in_bytes", bytes.clone()),
            ("memory.memsw.limit_in_bytes", bytes.clone()),
        ];
        memory.second = vec![
            ("memory.max", bytes),
            ("memory.swap.max", "0".to_owned()),
            // One that has lost a part of itself is no instance any more.
            ("memory.oom.group", "1".to_owned()),
        ];
    }
    settings.push(memory);
    let mut processors =
        Setting { controller: "cpu", limit: None, first: Vec::new(), second: Vec::new() };
    if let Some(millis) = limits.cpu {
        let quota = (u64::from(millis) * PERIOD / 1000).max(1000);
        processors.limit = Some("cpu");
        processors.first = vec![
            ("cpu.cfs_quota_us", quota.to_string()),
            ("cpu.cfs_period_us", PERIOD.to_string()),
        ];
        processors.second = vec![("cpu.max", format!("{quota} {PERIOD}"))];
    }
    settings.push(processors);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second version where this machine may have the first: its files, as a folder.
    #[test]
    fn the_second_version_is_one_folder_for_all_limits() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("system.slice/node");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("cgroup.controllers"), "cpuset cpu memory pids\n").unwrap();
        fs::write(own.join("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        let mounts = format!("30 1 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.path().display());
        let hierarchies = Hierarchies::read(&mounts, "0::/system.slice/node\n");
        let limits = Limits { memory: Some(1 << 30), cpu: Some(1500) };
        let (group, unenforced) = Cgroup::within(&hierarchies, "x", &settings(&limits));
        assert_eq!(unenforced, Vec::<String>::new());
        let group = group.unwrap();
        let folder = own.join("highroad-x");
        assert_eq!(group.entries().collect::<Vec<_>>(), [folder.join("cgroup.procs")]);
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!((&*read("memory.max"), &*read("cpu.max")), ("1073741824", "150000 100000"));

        fs::write(folder.join("memory.events"), "low 0\noom 3\noom_kill 2\n").unwrap();
        fs::write(folder.join("memory.current"), "4096\n").unwrap();
        fs::write(folder.join("memory.peak"), "8192\n").unwrap();
        fs::write(folder.join("cpu.stat"), "usage_usec 2500\nuser_usec 1\n").unwrap();
        let processor = SignedDuration::from_micros(2500);
        let expected = Usage { processor, memory: 4096, memory_peak: 8192, oom_kills: 2 };
        assert!(group.counts());
        assert_eq!(group.usage(), expected);
    }

    #[test]
    fn a_limit_that_cannot_hold_says_why() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "cpu pids\n").unwrap();
        fs::write(root.path().join("cgroup.subtree_control"), "cpu pids\n").unwrap();
        let mounts = format!("30 1 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.path().display());
        let hierarchies = Hierarchies::read(&mounts, "0::/\n");
        let limits = Limits { memory: Some(1), cpu: Some(9) };
        let (group, unenforced) = Cgroup::within(&hierarchies, "y", &settings(&limits));
        assert!(group.is_some());
        assert_eq!(unenforced.len(), 1);
        assert!(unenforced[0].contains("has no memory controller"), "{unenforced:?}");

        let nowhere = Hierarchies::read("", "");
        let (group, unenforced) = Cgroup::within(&nowhere, "z", &settings(&limits));
        assert!(group.is_none() && unenforced.len() == 2, "{unenforced:?}");
        assert_eq!(Cgroup::within(&nowhere, "z", &settings(&Limits::default())).1.len(), 0);
    }
}
