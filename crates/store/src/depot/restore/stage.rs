//! The stage: a folder within the one that files go to, where they are made and looked at before
//! any of them is put into place.

use std::path::{Path, PathBuf};

use ports::depot::DepotError;
use ports::entropy::Entropy;

use super::super::folder::{Folder, permissions, set_permissions};
use super::super::names::{is_random_name, random_name};
use super::super::packs::Packs;
use super::super::stop::Stop;
use super::super::trouble::of_file;
use super::fill::Filling;
use super::standing::Standing;
use super::{Broken, Plan, place};

/// A folder of its own in the one that files go to. It goes when this is dropped.
#[derive(Debug)]
pub(in crate::depot) struct Stage {
    /// Where files go to.
    into: PathBuf,
    root: Folder,
    name: String,
    folder: Folder,
    /// The permissions that the system gives to nobody here.
    umask: u16,
    /// Folders that let nobody write: they get their permissions when all is in place.
    closed: Vec<(Vec<u8>, u16)>,
}

/// How the names of all stages begin.
const NAME: &str = ".highroad-restore-";

impl Stage {
    pub(in crate::depot) fn set_up(into: &Path, entropy: &dyn Entropy) -> Result<Self, DepotError> {
        let trouble = |error| of_file(into, "written", error);
        std::fs::create_dir_all(into).map_err(trouble)?;
        let into = into.canonicalize().map_err(trouble)?;
        let trouble = |error| of_file(&into, "written", error);
        let root = Folder::open(&into).map_err(trouble)?;
        sweep(&into, &root).map_err(trouble)?;
        loop {
            let name = format!("{NAME}{}", random_name(entropy));
            root.make(name.as_bytes()).map_err(trouble)?;
            let folder = root.enter(name.as_bytes()).map_err(trouble)?;
            // Where nothing can be locked nothing is swept either.
            drop(folder.lock(true));
            let stat = folder.look_at_itself().map_err(trouble)?;
            // Somebody who swept may have been quicker.
            if stat.st_nlink > 0 {
                let umask = 0o777 & !permissions(&stat);
                return Ok(Self { into, root, name, folder, umask, closed: Vec::new() });
            }
        }
    }

    /// Removes what somebody left there who was killed, where nothing is to be put.
    pub(in crate::depot) fn sweep(into: &Path) -> Result<(), DepotError> {
        let sweep = || sweep(into, &Folder::open(into)?);
        sweep().map_err(|error| of_file(into, "listed", error))
    }

    /// Makes everything that a plan has in one root and that does not stand in its place, below a
    /// path on the stage.
    pub(in crate::depot) fn fill(
        &mut self,
        plan: &Plan,
        packs: &Packs,
        root: usize,
        standing: &Standing,
        below: &str,
        stop: &Stop,
    ) -> Result<(), Broken> {
        let folder = self.folder.descend_making(below.as_bytes());
        let folder = folder.map_err(|error| of_file(&self.into.join(below), "made", error))?;
        let filling = Filling {
            plan,
            packs,
            root,
            standing,
            folder: &folder,
            umask: self.umask,
            shown: &self.into.join(below),
            stop,
        };
        filling.make_folders()?;
        filling.write()?;
        let closed = filling.finish()?;
        let within = |path: Vec<u8>| match below {
            "" => path,
            below => [below.as_bytes(), &path].join(&b'/'),
        };
        self.closed.extend(closed.into_iter().map(|(path, mode)| (within(path), mode)));
        Ok(())
    }

    /// Puts everything onto another stage, over what is there.
    pub(in crate::depot) fn join(mut self, other: &mut Self) -> Result<(), DepotError> {
        place::check(&self.folder, &other.folder, &other.into)?;
        place::place(&self.folder, &other.folder, &other.into)?;
        other.closed.append(&mut self.closed);
        Ok(())
    }

    /// Whether everything can be put into place.
    pub(in crate::depot) fn check(&self) -> Result<(), DepotError> {
        place::check(&self.folder, &self.root, &self.into)
    }

    /// Puts everything into place.
    pub(in crate::depot) fn place(self) -> Result<(), DepotError> {
        place::place(&self.folder, &self.root, &self.into)?;
        for (path, mode) in &self.closed {
            let close = || set_permissions(&self.root.descend(path)?, *mode);
            let shown = || self.into.join(String::from_utf8_lossy(path).as_ref());
            close().map_err(|error| of_file(&shown(), "closed", error))?;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next who comes.
        drop(std::fs::remove_dir_all(self.into.join(&self.name)));
    }
}

/// Removes stages of those who were killed.
fn sweep(into: &Path, root: &Folder) -> std::io::Result<()> {
    for (name, _) in root.list()? {
        let random = name.to_bytes().strip_prefix(NAME.as_bytes());
        if random.is_none_or(|random| !is_random_name(random)) {
            continue;
        }
        // Whoever works on a stage holds its lock.
        let Ok(stage) = root.enter(name.to_bytes()) else { continue };
        if matches!(stage.lock(false), Ok(true)) {
            drop(std::fs::remove_dir_all(into.join(name.to_string_lossy().as_ref())));
        }
    }
    Ok(())
}
