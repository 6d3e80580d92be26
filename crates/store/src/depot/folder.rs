//! Folders by their handle: below one of them no path leads out, because no link is followed.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RawMode, Stat, Timespec, Timestamps,
    UTIME_OMIT,
};
use rustix::io::Errno;

/// An open folder. Names are single names, unless a method says that it takes a path.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folder {
    /// The folder that the caller means, whatever links lead there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    pub(super) fn enter(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, FOLDER, Mode::empty())?))
    }

    /// Another handle of the folder itself.
    pub(super) fn again(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Enters name after name of a path.
    pub(super) fn descend(&self, path: &[u8]) -> io::Result<Self> {
        let mut here = None;
        for name in names_of(path) {
            here = Some(here.as_ref().unwrap_or(self).enter(name)?);
        }
        here.map_or_else(|| self.again(), Ok)
    }

    /// The same, making folders where there are none.
    pub(super) fn descend_making(&self, path: &[u8]) -> io::Result<Self> {
        let mut here = None;
        for name in names_of(path) {
            let above: &Self = here.as_ref().unwrap_or(self);
            let below = match above.enter(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match above.make(name) {
                        // Somebody else may have been quicker.
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(error);
                        }
                        _ => above.enter(name)?,
                    }
                }
                below => below?,
            };
            here = Some(below);
        }
        here.map_or_else(|| self.again(), Ok)
    }

    /// Everything in it but for itself and its parent, in no order.
    pub(super) fn list(&self) -> io::Result<Vec<(CString, FileType)>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say it here.
                FileType::Unknown => match self.look(name.to_bytes())? {
                    Some(stat) => kind_of(&stat),
                    None => continue,
                },
                kind => kind,
            };
            found.push((name.to_owned(), kind));
        }
        Ok(found)
    }

    /// Takes the lock of the folder itself; false when somebody else has it and `wait` is not
    /// wanted.
    pub(super) fn lock(&self, wait: bool) -> io::Result<bool> {
        let operation = if wait {
            FlockOperation::LockExclusive
        } else {
            FlockOperation::NonBlockingLockExclusive
        };
        match rustix::fs::flock(&self.0, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) if !wait => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What stands under a name.
    pub(super) fn look(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn look_at_itself(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.0)?)
    }

    /// Opens a file to read. Never waits, not even where a pipe has taken the file's place.
    pub(super) fn read(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    pub(super) fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// A new file to write; where one is there already, only if it is to be written in parts.
    pub(super) fn create(&self, name: &[u8], mode: u32, in_parts: bool) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let flags = if in_parts { flags } else { flags | OFlags::EXCL };
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode))?.into())
    }

    pub(super) fn link(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    pub(super) fn make(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))?)
    }

    /// Moves what has the name to the same name in another folder, and takes the place of a file
    /// or link there.
    pub(super) fn give(&self, name: &[u8], to: &Self) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &to.0, name)?)
    }

    pub(super) fn remove(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(super) fn kind_of(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The permissions, without those that would make somebody else of who runs it.
pub(super) fn permissions(stat: &Stat) -> u16 {
    u16::try_from(stat.st_mode & 0o777).expect("nine bits")
}

/// When it was changed, in nanoseconds since 1970.
pub(super) fn changed_at(stat: &Stat) -> i64 {
    let seconds = stat.st_mtime;
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

pub(super) fn set_permissions(of: impl AsFd, mode: u16) -> io::Result<()> {
    Ok(rustix::fs::fchmod(of, Mode::from_raw_mode(RawMode::from(mode)))?)
}

pub(super) fn set_changed_at(of: impl AsFd, nanoseconds: i64) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec {
            tv_sec: nanoseconds.div_euclid(1_000_000_000),
            tv_nsec: nanoseconds.rem_euclid(1_000_000_000),
        },
    };
    Ok(rustix::fs::futimens(of, &times)?)
}

/// Whether a folder could not be entered because it is a link, or something else again.
pub(super) fn is_no_folder(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOTDIR | Errno::LOOP))
}

/// The names of a path, which has neither empty nor dotted ones.
pub(super) fn names_of(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// A path as its folder and its last name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}
