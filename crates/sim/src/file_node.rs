//! A node that keeps what it is told in files, so that it outlives every kill of the server.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use model::id::ReleaseId;
use model::intent::{
    Generation, Group, GroupHealth, Instances, Judgement, Share, Split, Target, Trip, Weights,
};
use model::name::Place;
use ports::BoxFuture;
use ports::traffic::{Counts, Traffic};
use ports::workloads::{Kept, Rejection, Unreachable, Workloads};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One file for each target; a release crashes under traffic when a file says so.
#[derive(Debug)]
pub struct FileNode {
    folder: PathBuf,
}

impl FileNode {
    pub fn new(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// From now on the release crashes as soon as it has traffic.
    pub fn doom(&self, release: ReleaseId) -> io::Result<()> {
        fs::write(self.folder.join(format!("doomed-{release}")), "")
    }

    /// The split of a place as it is in force.
    pub fn shares(&self, place: &Place) -> io::Result<Vec<Share>> {
        let kept = self.read(&Target::Weights(place.clone()))?;
        Ok(kept.map(|kept: Kept<Split>| kept.want.shares).unwrap_or_default())
    }

    /// How many instances of a release are wanted.
    pub fn count(&self, group: &Group) -> io::Result<u32> {
        let kept = self.read(&Target::Instances(group.clone()))?;
        Ok(kept.map_or(0, |kept| kept.want))
    }

    fn is_doomed(&self, release: ReleaseId) -> bool {
        self.folder.join(format!("doomed-{release}")).exists()
    }

    fn take<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        target: &Target,
        generation: Generation,
        want: &T,
    ) -> Result<(), Rejection> {
        match self.read::<T>(target).map_err(unreachable)? {
            Some(kept) if kept.generation > generation => Err(Rejection::Older(kept.generation)),
            Some(kept) if kept.generation == generation && kept.want != *want => {
                Err(Rejection::Older(kept.generation))
            }
            _ => Ok(self.write(target, generation, want).map_err(unreachable)?),
        }
    }

    fn read<T: DeserializeOwned>(&self, target: &Target) -> io::Result<Option<Kept<T>>> {
        match fs::read(self.path(target)) {
            Ok(bytes) => {
                let (generation, want) = serde_json::from_slice(&bytes)?;
                Ok(Some(Kept { generation, want }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whole or not at all, whenever the kill comes.
    fn write<T: Serialize>(
        &self,
        target: &Target,
        generation: Generation,
        want: &T,
    ) -> io::Result<()> {
        let path = self.path(target);
        let draft = path.with_extension("draft");
        fs::write(&draft, serde_json::to_vec(&(generation, want))?)?;
        fs::rename(draft, path)
    }

    fn path(&self, target: &Target) -> PathBuf {
        self.folder.join(Path::new(&target.to_string().replace('/', "-")))
    }
}

impl Workloads for FileNode {
    fn ensure<'a>(
        &'a self,
        want: &'a Instances,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        let target = Target::Instances(want.group.clone());
        Box::pin(async move { self.take(&target, generation, &want.count) })
    }

    fn kept<'a>(
        &'a self,
        group: &'a Group,
    ) -> BoxFuture<'a, Result<Option<Kept<u32>>, Unreachable>> {
        Box::pin(async move { self.read(&Target::Instances(group.clone())).map_err(unreachable) })
    }

    fn health<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Vec<GroupHealth>, Unreachable>> {
        Box::pin(async move {
            let shares = self.shares(place).map_err(unreachable)?;
            // Only who is steered to or is wanted can be asked after; the names are in the files.
            let prefix = format!("instances-{}-", place.to_string().replace('/', "-"));
            let mut groups = Vec::new();
            for entry in fs::read_dir(&self.folder).map_err(unreachable)? {
                let name = entry.map_err(unreachable)?.file_name();
                let Some(id) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
                    continue;
                };
                let Ok(release) = id.parse::<ReleaseId>() else { continue };
                let group = Group { place: place.clone(), release };
                let wanted = self.count(&group).map_err(unreachable)?;
                let has_traffic = shares.iter().any(|share| share.release == release);
                let crashes = has_traffic && self.is_doomed(release);
                if wanted > 0 {
                    groups.push(GroupHealth {
                        release,
                        wanted,
                        ready: if crashes { 0 } else { wanted },
                        restarts: u32::from(crashes) * 3,
                        crash_looping: crashes,
                        requests: 0,
                        bad: 0,
                        last_words: None,
                    });
                }
            }
            Ok(groups)
        })
    }
}

impl Traffic for FileNode {
    fn steer<'a>(
        &'a self,
        want: &'a Weights,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        let target = Target::Weights(want.place.clone());
        Box::pin(async move { self.take(&target, generation, &want.split) })
    }

    fn kept<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>> {
        Box::pin(async move { self.read(&Target::Weights(place.clone())).map_err(unreachable) })
    }

    fn trip<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>> {
        Box::pin(async move { Ok(None) })
    }

    fn judgement<'a>(
        &'a self,
        _: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Judgement>, Unreachable>> {
        Box::pin(async move { Ok(None) })
    }

    fn counts<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>> {
        Box::pin(async move { Ok(Vec::new()) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn unreachable(error: io::Error) -> Unreachable {
    Unreachable(error.to_string())
}
