//! Finding and reading a repository's `highroad.yaml`, without being held up by what is not a file.

use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::exit::Exit;

pub(crate) const NAME: &str = "highroad.yaml";
const OTHER_SPELLING: &str = "highroad.yml";

/// One byte more than a manifest may have is enough to see that it has too many.
const MOST_BYTES: u64 = 1024 * 1024 + 1;

#[derive(Debug)]
pub(crate) struct ManifestFile {
    /// As people are to read it, mostly relative to where they are.
    pub(crate) shown: String,
    path: PathBuf,
}

impl ManifestFile {
    /// Looks in `dir`; if that is inside a git repository, in the folders above it too, up to the
    /// repository's own.
    pub(crate) fn find(dir: &Path) -> Result<Self, Error> {
        let full = folder(dir)?;
        let above = full.ancestors().position(|folder| folder.join(".git").exists());
        let folders = full.ancestors().take(above.unwrap_or_default() + 1);
        for (steps, folder) in folders.enumerate() {
            let path = folder.join(NAME);
            if path.symlink_metadata().is_ok() {
                return Ok(Self { shown: shown(dir, &path, steps), path });
            }
        }
        Err(absent(dir))
    }

    /// The whole file, or its first bytes if it is larger than a manifest may be.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Error> {
        let cannot = |error: &io::Error| Error::io(format!("cannot read {}", self.shown), error);
        let about = fs::metadata(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Error::new(Exit::NotFound, format!("{} is a link that leads nowhere", self.shown))
            }
            _ => cannot(&error),
        })?;
        // Opening a pipe would wait for somebody to write into it.
        if !about.is_file() {
            let kind = kind(about.file_type());
            return Err(Error::new(Exit::Io, format!("{} is {kind}, not a file", self.shown)));
        }
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(|error| cannot(&error))?;
        file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
        Ok(bytes)
    }
}

/// The full path of a folder that the command line names.
pub(crate) fn folder(dir: &Path) -> Result<PathBuf, Error> {
    let name = dir.display();
    let full = fs::canonicalize(dir).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::new(Exit::NotFound, format!("there is no folder '{name}'"))
        }
        _ => Error::io(format!("cannot look at '{name}'"), &error),
    })?;
    if full.is_dir() {
        return Ok(full);
    }
    let error = Error::new(Exit::NotFound, format!("'{name}' is not a folder"));
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).display();
    Err(error.hint(format!("name the folder that it is in: {parent}")))
}

/// The top of the repository that a folder is in; outside of any, the folder itself.
pub(crate) fn repository(dir: &Path) -> Result<PathBuf, Error> {
    let full = folder(dir)?;
    let top = full.ancestors().find(|folder| folder.join(".git").exists());
    Ok(top.unwrap_or(&full).to_path_buf())
}

/// The existing manifest of this very folder, in either spelling.
pub(crate) fn existing(folder: &Path) -> Option<&'static str> {
    [NAME, OTHER_SPELLING].into_iter().find(|name| folder.join(name).symlink_metadata().is_ok())
}

/// `dir` joined with `name`, without a leading `./`.
pub(crate) fn join(dir: &Path, name: &str) -> String {
    if dir == Path::new(".") { name.to_owned() } else { dir.join(name).display().to_string() }
}

fn shown(dir: &Path, path: &Path, steps: usize) -> String {
    match steps {
        0 => join(dir, NAME),
        _ if dir == Path::new(".") => format!("{}{NAME}", "../".repeat(steps)),
        _ => path.display().to_string(),
    }
}

fn absent(dir: &Path) -> Error {
    if dir.join(OTHER_SPELLING).symlink_metadata().is_ok() {
        let (found, wanted) = (join(dir, OTHER_SPELLING), join(dir, NAME));
        return Error::new(Exit::NotFound, format!("found {found}, but the name is {NAME}"))
            .hint(format!("rename it: mv {found} {wanted}"));
    }
    let (place, command) = if dir == Path::new(".") {
        ("this folder".to_owned(), "highroad init".to_owned())
    } else {
        (format!("'{}'", dir.display()), format!("highroad init {}", dir.display()))
    };
    Error::new(Exit::NotFound, format!("there is no {NAME} in {place}"))
        .hint(format!("'{command}' looks at the repository and writes one"))
}

fn kind(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
