//! Where control groups can be made: which version the kernel has, and where this process is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Version {
    First,
    Second,
}

/// Where this process is in each hierarchy.
#[derive(Debug, Default)]
pub(super) struct Hierarchies {
    /// By controller.
    first: Vec<(String, PathBuf)>,
    second: Option<PathBuf>,
}

/// Where who has a group of the second version for itself moves to: a group that has limited groups
/// in it may hold no processes.
const BESIDE: &str = "highroad";

impl Hierarchies {
    pub(super) fn find() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(Self::read(&mounts, &fs::read_to_string("/proc/self/cgroup")?))
    }

    /// From the texts of `mountinfo` and `cgroup`.
    pub(super) fn read(mounts: &str, groups: &str) -> Self {
        let mut hierarchies = Self::default();
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            if controllers.is_empty() {
                hierarchies.second = mounted(mounts, "cgroup2", "", path);
                continue;
            }
            for controller in controllers.split(',') {
                if let Some(folder) = mounted(mounts, "cgroup", controller, path) {
                    hierarchies.first.push((controller.to_owned(), folder));
                }
            }
        }
        hierarchies
    }

    /// The folder in which a group with this controller can be made.
    pub(super) fn place(&self, controller: &str) -> Result<(PathBuf, Version), String> {
        if let Some((_, folder)) = self.first.iter().find(|(name, _)| name == controller) {
            return Ok((folder.clone(), Version::First));
        }
        let own = self.second.as_ref().ok_or("no control groups are mounted")?;
        // Who has moved already.
        let own = own.parent().filter(|_| own.ends_with(BESIDE)).unwrap_or(own);
        let has = |file: &str| {
            let controllers = fs::read_to_string(own.join(file)).unwrap_or_default();
            controllers.split_ascii_whitespace().any(|name| name == controller)
        };
        if !has("cgroup.controllers") {
            return Err(format!(
                "the control group {} has no {controller} controller; with systemd, set \
                 Delegate=yes for the service",
                own.display()
            ));
        }
        if !has("cgroup.subtree_control") {
            hand_down(own, controller).map_err(|error| {
                format!(
                    "the control group {} does not hand its {controller} controller down: {error}",
                    own.display()
                )
            })?;
        }
        Ok((own.to_owned(), Version::Second))
    }
}

/// Where a group is mounted, seen through the part of the hierarchy that is.
fn mounted(mounts: &str, kind: &str, controller: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let mut what = what.split(' ');
        let is_kind = what.next()? == kind;
        let options = what.nth(1).unwrap_or_default();
        if !is_kind || !(controller.is_empty() || options.split(',').any(|it| it == controller)) {
            return None;
        }
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(Path::new(&unescaped(point)).join(below))
    })
}

/// Spaces are written as `\040`.
fn unescaped(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// Has groups below this one limited by a controller. Its processes have to leave it first; they
/// do if they are all ours.
fn hand_down(own: &Path, controller: &str) -> io::Result<()> {
    let control = own.join("cgroup.subtree_control");
    let enable = || fs::write(&control, format!("+{controller}"));
    match enable() {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
        result => return result,
    }
    let ours = fs::read_link("/proc/self/exe")?;
    let members = fs::read_to_string(own.join("cgroup.procs"))?;
    let is_ours = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|it| it == ours);
    if !members.lines().all(is_ours) {
        return Err(io::Error::other("other programs are in it, too"));
    }
    let beside = own.join(BESIDE);
    match fs::create_dir(&beside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for pid in members.lines() {
        fs::write(beside.join("cgroup.procs"), pid)?;
    }
    enable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_through_what_is_mounted() {
        let mounts = "\
            25 20 0:22 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw,mode=755\n\
            33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            34 25 0:30 /docker/abc /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n\
            35 25 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let groups = "4:memory:/docker/abc/job\n3:cpu,cpuacct:/a\n2:pids:/\n0::/b/c\n";
        let found = Hierarchies::read(mounts, groups);
        let first: Vec<_> = found.first.iter().map(|(name, path)| (&**name, path)).collect();
        assert_eq!(
            first,
            [
                ("memory", &PathBuf::from("/sys/fs/cgroup/my memory/job")),
                ("cpu", &PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/a")),
                ("cpuacct", &PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/a")),
            ]
        );
        assert_eq!(found.second, Some(PathBuf::from("/sys/fs/cgroup/unified/b/c")));
        assert!(found.place("pids").unwrap_err().contains("has no pids controller"));
    }

    /// A container may see a part of the hierarchy that it is not in.
    #[test]
    fn a_group_outside_of_what_is_mounted_is_not_found() {
        let mounts = "34 25 0:30 /docker/abc /cg rw - cgroup cgroup rw,memory\n";
        let found = Hierarchies::read(mounts, "4:memory:/elsewhere\n");
        assert!(found.first.is_empty() && found.second.is_none());
        assert_eq!(found.place("memory"), Err("no control groups are mounted".to_owned()));
    }
}
