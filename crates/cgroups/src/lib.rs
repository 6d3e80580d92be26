//! Control groups of Linux, in the first or the second version of them: what processes may use
//! together, and what they have used.

mod hierarchy;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use hierarchy::{Hierarchies, Version};

/// A group of processes. It outlives whoever made it, until it is removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// One in the second version; one for each controller in the first.
    folders: Vec<Folder>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Folder {
    path: PathBuf,
    version: Version,
}

/// What is asked of a controller, by the files of its group.
#[derive(Debug)]
pub struct Setting {
    pub controller: &'static str,
    /// What does not hold if it cannot be had; none if it only counts.
    pub limit: Option<&'static str>,
    /// In each version: the file and what is written to it; those that may be missing last.
    pub first: Vec<(&'static str, String)>,
    pub second: Vec<(&'static str, String)>,
}

/// A limit that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    pub limit: &'static str,
    pub why: String,
}

impl Setting {
    /// Only counts.
    pub fn counting(controller: &'static str) -> Self {
        Self { controller, limit: None, first: Vec::new(), second: Vec::new() }
    }

    /// So many bytes at most. What is swapped out counts, too, where swapping is accounted for.
    pub fn memory(limit: &'static str, bytes: u64) -> Self {
        let bytes = bytes.to_string();
        Self {
            limit: Some(limit),
            first: vec![
                ("memory.limit_in_bytes", bytes.clone()),
                ("memory.memsw.limit_in_bytes", bytes.clone()),
            ],
            second: vec![("memory.max", bytes), ("memory.swap.max", "0".to_owned())],
            ..Self::counting("memory")
        }
    }

    /// So many thousandths of a processor.
    pub fn processors(limit: &'static str, millis: u32) -> Self {
        /// The processor is shared out in pieces of this many microseconds.
        const PERIOD: u64 = 100_000;
        let quota = (u64::from(millis) * PERIOD / 1000).max(1000);
        Self {
            limit: Some(limit),
            first: vec![
                ("cpu.cfs_quota_us", quota.to_string()),
                ("cpu.cfs_period_us", PERIOD.to_string()),
            ],
            second: vec![("cpu.max", format!("{quota} {PERIOD}"))],
            ..Self::counting("cpu")
        }
    }

    /// So many processes at a time.
    pub fn processes(limit: &'static str, most: u32) -> Self {
        let file = vec![("pids.max", most.to_string())];
        Self { limit: Some(limit), first: file.clone(), second: file, ..Self::counting("pids") }
    }
}

impl Group {
    /// Makes a group with these settings, and tells which of the limits do not hold. None is made
    /// where none can be.
    pub fn create(name: &str, settings: &[Setting]) -> (Option<Self>, Vec<Unmet>) {
        match Hierarchies::find() {
            Ok(hierarchies) => Self::within(&hierarchies, name, settings),
            Err(error) => {
                let why = format!("the control groups cannot be read: {error}");
                let limits = settings.iter().filter_map(|setting| setting.limit);
                (None, limits.map(|limit| Unmet { limit, why: why.clone() }).collect())
            }
        }
    }

    fn within(
        hierarchies: &Hierarchies,
        name: &str,
        settings: &[Setting],
    ) -> (Option<Self>, Vec<Unmet>) {
        let mut group = Self { folders: Vec::new() };
        let mut unmet = Vec::new();
        for setting in settings {
            if let Err(why) = group.add(hierarchies, name, setting)
                && let Some(limit) = setting.limit
            {
                unmet.push(Unmet { limit, why });
            }
        }
        (Some(group).filter(|group| !group.folders.is_empty()), unmet)
    }

    fn add(
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
                // Left by somebody who was killed; what is in it is told anew.
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
    pub fn entries(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.folders.iter().map(|folder| folder.path.join("cgroup.procs"))
    }

    /// The numbers of the processes in it.
    pub fn members(&self) -> Vec<i32> {
        let members = self.entries().find_map(|entry| fs::read_to_string(entry).ok());
        members.unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// What one of its files says, in whichever controller it is.
    pub fn read(&self, file: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| fs::read_to_string(folder.path.join(file)).ok())
    }

    /// The number in a file.
    pub fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }

    /// The number behind a word in a file.
    pub fn field(&self, file: &str, word: &str) -> Option<u64> {
        let text = self.read(file)?;
        let value = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        value?.trim().parse().ok()
    }

    /// How many processes were killed because the group had no memory left.
    pub fn oom_kills(&self) -> u64 {
        let killed = self.field("memory.oom_control", "oom_kill");
        killed.or_else(|| self.field("memory.events", "oom_kill")).unwrap_or(0)
    }

    /// Kills what is in it, where the kernel does that, or at least has nobody in it fork any more.
    pub fn kill(&self) {
        for folder in &self.folders {
            let _ = write_existing(&folder.path.join("pids.max"), "0");
            let _ = write_existing(&folder.path.join("cgroup.kill"), "1");
        }
    }

    /// Removes it, if nobody is in it: who survived everything keeps it.
    pub fn remove(&self) {
        for folder in &self.folders {
            let _ = fs::remove_dir(&folder.path);
        }
    }
}

fn write_existing(path: &Path, value: &str) -> io::Result<()> {
    io::Write::write_all(&mut fs::File::options().write(true).open(path)?, value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files of the second version, where this machine may have the first.
    fn second(root: &Path, own: &str, controllers: &str, handed_down: &str) -> Hierarchies {
        let folder = root.join(own);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("cgroup.controllers"), controllers).unwrap();
        fs::write(folder.join("cgroup.subtree_control"), handed_down).unwrap();
        let mounts = format!("30 1 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.display());
        Hierarchies::read(&mounts, &format!("0::/{own}\n"))
    }

    #[test]
    fn the_second_version_is_one_folder_for_all_limits() {
        let root = tempfile::tempdir().unwrap();
        let own = "user.slice/runner";
        let hierarchies = second(root.path(), own, "cpuset cpu memory pids\n", "cpu memory pids\n");
        let settings = [
            Setting::memory("memory", 1 << 30),
            Setting::processors("processors", 1500),
            Setting::processes("processes", 100),
        ];
        let (group, unmet) = Group::within(&hierarchies, "x/y", &settings);
        assert_eq!(unmet, []);
        let group = group.unwrap();
        let folder = root.path().join(own).join("highroad-x-y");
        assert_eq!(group.entries().collect::<Vec<_>>(), [folder.join("cgroup.procs")]);
        assert_eq!(group.number("memory.max"), Some(1_073_741_824));
        assert_eq!(group.read("cpu.max").as_deref(), Some("150000 100000"));
        assert_eq!(group.number("pids.max"), Some(100));
        assert_eq!(group.oom_kills(), 0);
        fs::write(folder.join("memory.events"), "low 0\noom 3\noom_kill 2\n").unwrap();
        assert_eq!(group.oom_kills(), 2);
    }

    #[test]
    fn a_limit_that_cannot_hold_says_why() {
        let root = tempfile::tempdir().unwrap();
        let hierarchies = second(root.path(), "", "cpu pids\n", "pids\n");
        let settings = [Setting::memory("memory", 1), Setting::processes("processes", 9)];
        let (group, unmet) = Group::within(&hierarchies, "y", &settings);
        assert!(group.is_some());
        assert_eq!(unmet.len(), 1);
        assert_eq!(unmet[0].limit, "memory");
        assert!(unmet[0].why.contains("has no memory controller"), "{unmet:?}");

        let nowhere = Hierarchies::read("", "");
        let (group, unmet) = Group::within(&nowhere, "z", &settings);
        assert!(group.is_none() && unmet.len() == 2, "{unmet:?}");
        let counting = [Setting::counting("memory")];
        assert_eq!(Group::within(&nowhere, "z", &counting).1, []);
    }
}
