//! The workflow files of a repository, and what they refer to in it and elsewhere.

mod elsewhere;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use workflow::syntax::{Files, Place, Repository};

use crate::error::{Error, plain};
use crate::exit::Exit;

pub(crate) use elsewhere::Elsewhere;

const FOLDER: &str = ".github/workflows";
/// One byte more than any file may have is enough to see that it has too many.
const MOST_BYTES: u64 = (2 << 20) + 1;

#[derive(Debug)]
pub(crate) struct WorkflowFiles {
    root: PathBuf,
    elsewhere: Elsewhere,
}

impl WorkflowFiles {
    /// Of the repository at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        Self { root: root.to_path_buf(), elsewhere: Elsewhere::default() }
    }

    pub(crate) fn with(self, elsewhere: Elsewhere) -> Self {
        Self { elsewhere, ..self }
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
            // A link that leads nowhere is a mistake to be told; a folder is none.
            if is_yaml && !self.root.join(&path).is_dir() {
                paths.push(path.to_string_lossy().into_owned());
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        load(&self.root.join(path))
    }
}

fn load(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Files for WorkflowFiles {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        let root = match &place.repository {
            None => self.root.clone(),
            Some(repository) => self.elsewhere.fetched(repository)?.folder,
        };
        // A path that climbs out of the repository names no file in it.
        if Path::new(&place.path).components().any(|part| part == Component::ParentDir) {
            return Err("it is outside of the repository".to_owned());
        }
        load(&root.join(&place.path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => plain(&error),
        })
    }

    fn passes_over(&self, _: &Repository) -> Option<String> {
        match self.elsewhere {
            Elsewhere::PassedOver => Some("it is in another repository".to_owned()),
            Elsewhere::Mirrored(_) => None,
        }
    }

    fn commit(&self, repository: &Repository) -> Option<String> {
        Some(self.elsewhere.fetched(repository).ok()?.commit)
    }
}
