//! The workflow files of a repository, and what they refer to in it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use workflow::syntax::{Files, Place};

use crate::error::Error;
use crate::exit::Exit;

const FOLDER: &str = ".github/workflows";
/// One byte more than any file may have is enough to see that it has too many.
const MOST_BYTES: u64 = (2 << 20) + 1;

#[derive(Debug)]
pub(crate) struct WorkflowFiles {
    root: PathBuf,
}

impl WorkflowFiles {
    /// Of the repository at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// Those that GitHub would look at, by their paths in the repository.
    pub(crate) fn all(&self) -> Result<Vec<String>, Error> {
        self.within(Path::new(FOLDER)).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(Vec::new()),
            _ => Err(Error::io(format!("cannot look into {FOLDER}"), &error)),
        })
    }

    /// Those that a command line names: one file, or all in a folder. It is looked for where the
    /// reader is, and then in the repository, and then among its workflows.
    pub(crate) fn named(&self, name: &Path) -> Result<Vec<String>, Error> {
        let here = fs::canonicalize(name).ok();
        let below = here.and_then(|path| path.strip_prefix(&self.root).map(Path::to_path_buf).ok());
        let candidates = [below, Some(name.to_path_buf()), Some(Path::new(FOLDER).join(name))];
        for candidate in candidates.into_iter().flatten() {
            let full = self.root.join(&candidate);
            if full.is_file() {
                return Ok(vec![candidate.to_string_lossy().into_owned()]);
            }
            if full.is_dir() {
                let cannot =
                    |error| Error::io(format!("cannot look into {}", full.display()), &error);
                return self.within(&candidate).map_err(cannot);
            }
        }
        let error =
            Error::new(Exit::NotFound, format!("there is no workflow '{}'", name.display()));
        let known = self.all()?;
        Err(match known.as_slice() {
            [] => error.hint(format!("there are none in {FOLDER}")),
            known => error.hint(format!("there are: {}", known.join(", "))),
        })
    }

    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.load(path).map_err(|error| Error::io(format!("cannot read {path}"), &error))
    }

    fn within(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            let path = folder.join(entry?.file_name());
            let is_yaml = path.extension().is_some_and(|it| it == "yml" || it == "yaml");
            if is_yaml && self.root.join(&path).is_file() {
                paths.push(path.to_string_lossy().into_owned());
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        let full = self.root.join(path);
        if !fs::metadata(&full)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        File::open(full)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Files for WorkflowFiles {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        if let Some(repository) = &place.repository {
            return Err(format!(
                "{} is another repository, and workflows of others cannot be called here yet",
                repository.name
            ));
        }
        // A path that climbs out of the repository names no file in it.
        if Path::new(&place.path).components().any(|part| part == std::path::Component::ParentDir) {
            return Err("it is outside of the repository".to_owned());
        }
        self.load(&place.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        })
    }
}
