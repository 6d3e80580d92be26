//! What the node was told, on its disk: so that it goes on after a restart of the machine without
//! asking anybody.
//!
//! Each target has a file of its own, which is whole or not there. A file that cannot be read is set
//! aside with its name in the log, and the rest is served.

mod seal;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::id::ReleaseId;
use model::intent::{Generation, Group, Instances, Split, Trip, Weight};
use model::name::Place;
use model::route::Route;
use model::workload::Workload;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use seal::Sealed;
pub use seal::{Key, KeyError};

/// The desired states of a node, in memory as on the disk.
#[derive(Debug)]
pub struct Told {
    folder: PathBuf,
    key: Key,
    instances: BTreeMap<Group, Wanted>,
    splits: BTreeMap<Place, Steered>,
    routes: BTreeMap<Place, Led>,
}

/// How many instances of a release are wanted, and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub generation: Generation,
    pub count: u32,
    /// Not known where none was ever wanted.
    pub workload: Option<Arc<Workload>>,
}

/// The split of a place's traffic, and what came of its tripwire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    pub generation: Generation,
    pub split: Split,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trip: Option<Trip>,
}

impl Steered {
    /// The share that a release has: a candidate that was cut off has none, whatever was told.
    pub fn weight(&self, release: ReleaseId) -> Weight {
        let told = |release| {
            let share = self.split.shares.iter().find(|share| share.release == release);
            share.map_or(0, |share| share.weight.hundredths())
        };
        let Some(Trip { candidate, .. }) = self.trip else {
            return Weight::from_hundredths(told(release)).unwrap_or(Weight::ALL);
        };
        let others = self.split.shares.iter().filter(|share| share.release != candidate);
        let others: u32 = others.map(|share| u32::from(share.weight.hundredths())).sum();
        if release == candidate || others == 0 {
            return Weight::NONE;
        }
        let part = u32::from(told(release)) * u32::from(Weight::ALL.hundredths()) / others;
        u16::try_from(part).ok().and_then(Weight::from_hundredths).unwrap_or(Weight::ALL)
    }
}

/// The way of requests into a place; none where it was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Led {
    pub generation: Generation,
    pub route: Option<Route>,
}

/// Why something that is told is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("a newer desired state is in force, of generation {0}")]
    Older(Generation),
    #[error("a trip is not acknowledged")]
    Tripped(Box<Trip>),
    #[error("{what} cannot be kept: {error}")]
    Disk { what: String, error: io::Error },
}

/// Why there is nothing to begin with.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {error}", .path.display())]
pub struct Unreadable {
    pub path: PathBuf,
    pub error: io::Error,
}

impl Told {
    /// What is kept in a folder, which is made if it is not there.
    pub fn open(folder: &Path, key: Key) -> Result<Self, Unreadable> {
        let unreadable = |error| Unreadable { path: folder.to_owned(), error };
        for kind in [INSTANCES, SPLITS, ROUTES] {
            let mut private = fs::DirBuilder::new();
            private.recursive(true).mode(0o700).create(folder.join(kind)).map_err(unreadable)?;
        }
        let mut told = Self {
            folder: folder.to_owned(),
            key,
            instances: BTreeMap::new(),
            splits: BTreeMap::new(),
            routes: BTreeMap::new(),
        };
        for path in told.files(INSTANCES).map_err(unreadable)? {
            let read = read::<InstancesFile>(&path).and_then(|file| file.opened(&told.key));
            if let Some((group, wanted)) = or_set_aside(&path, read).map_err(unreadable)? {
                told.instances.insert(group, wanted);
            }
        }
        for path in told.files(SPLITS).map_err(unreadable)? {
            if let Some(file) =
                or_set_aside(&path, read::<OfPlace<Steered>>(&path)).map_err(unreadable)?
            {
                told.splits.insert(file.place, file.of);
            }
        }
        for path in told.files(ROUTES).map_err(unreadable)? {
            if let Some(file) =
                or_set_aside(&path, read::<OfPlace<Led>>(&path)).map_err(unreadable)?
            {
                told.routes.insert(file.place, file.of);
            }
        }
        Ok(told)
    }

    pub fn instances(&self) -> &BTreeMap<Group, Wanted> {
        &self.instances
    }

    pub fn splits(&self) -> &BTreeMap<Place, Steered> {
        &self.splits
    }

    pub fn routes(&self) -> &BTreeMap<Place, Led> {
        &self.routes
    }

    /// Keeps how many instances are wanted. Returns what is in force then.
    pub fn want(
        &mut self,
        instances: &Instances,
        generation: Generation,
        workload: Option<Arc<Workload>>,
    ) -> Result<Wanted, NotTaken> {
        let group = &instances.group;
        let kept = self.instances.get(group);
        // What is no longer wanted need not be described again.
        let workload = workload.or_else(|| kept.and_then(|kept| kept.workload.clone()));
        let wanted = Wanted { generation, count: instances.count, workload };
        if is_news(kept.map(|kept| (kept, kept.generation)), &wanted, generation)? {
            let file = InstancesFile::closed(group, &wanted, &self.key);
            self.write(INSTANCES, &file_name(&group.place, Some(group)), &file)?;
            self.instances.insert(group.clone(), wanted.clone());
        }
        Ok(wanted)
    }

    /// Keeps a split. A trip that it acknowledges is over with it.
    pub fn steer(
        &mut self,
        place: &Place,
        split: &Split,
        generation: Generation,
    ) -> Result<Steered, NotTaken> {
        let kept = self.splits.get(place);
        let is_same =
            kept.is_some_and(|kept| kept.generation == generation && kept.split == *split);
        if let Some(kept) = kept.filter(|_| is_same) {
            return Ok(kept.clone());
        }
        let steered = Steered { generation, split: split.clone(), trip: None };
        if is_news(kept.map(|kept| (kept, kept.generation)), &steered, generation)? {
            if let Some(trip) = kept.and_then(|kept| kept.trip.as_ref())
                && split.acknowledges != Some(trip.generation)
            {
                return Err(NotTaken::Tripped(Box::new(trip.clone())));
            }
            self.write(SPLITS, &file_name(place, None), &OfPlace::new(place, &steered))?;
            self.splits.insert(place.clone(), steered.clone());
        }
        Ok(steered)
    }

    /// Keeps that a candidate was cut off under a split, if that is still the one in force.
    pub fn trip(&mut self, place: &Place, trip: Trip) -> Result<(), NotTaken> {
        let Some(kept) = self.splits.get(place) else { return Ok(()) };
        if kept.generation != trip.generation || kept.trip.is_some() {
            return Ok(());
        }
        let steered = Steered { trip: Some(trip), ..kept.clone() };
        self.write(SPLITS, &file_name(place, None), &OfPlace::new(place, &steered))?;
        self.splits.insert(place.clone(), steered);
        Ok(())
    }

    /// Keeps the way into a place, or that there is none.
    pub fn lead(
        &mut self,
        place: &Place,
        route: Option<&Route>,
        generation: Generation,
    ) -> Result<Led, NotTaken> {
        let kept = self.routes.get(place);
        let led = Led { generation, route: route.cloned() };
        if is_news(kept.map(|kept| (kept, kept.generation)), &led, generation)? {
            self.write(ROUTES, &file_name(place, None), &OfPlace::new(place, &led))?;
            self.routes.insert(place.clone(), led.clone());
        }
        Ok(led)
    }

    fn files(&self, kind: &str) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.folder.join(kind))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let is_ours =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
        paths.retain(is_ours);
        Ok(paths)
    }

    fn write(&self, kind: &str, name: &str, content: &impl Serialize) -> Result<(), NotTaken> {
        let folder = self.folder.join(kind);
        let written = || {
            let mut file = NamedTempFile::new_in(&folder)?;
            serde_json::to_writer(&mut file, content)?;
            file.flush()?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
            file.as_file().sync_all()?;
            file.persist(folder.join(name)).map_err(|error| error.error)?;
            File::open(&folder)?.sync_all()
        };
        written().map_err(|error| NotTaken::Disk { what: format!("{kind}/{name}"), error })
    }
}

const INSTANCES: &str = "instances";
const SPLITS: &str = "splits";
const ROUTES: &str = "routes";

/// Names hold no dot, so the parts stay apart.
fn file_name(place: &Place, group: Option<&Group>) -> String {
    let place = format!("{}.{}", place.service, place.environment);
    match group {
        Some(group) => format!("{place}.{}.json", group.release),
        None => format!("{place}.json"),
    }
}

/// Whether a desired state is to be taken over. Never back to an older generation, and one meaning
/// for each.
fn is_news<T: PartialEq>(
    kept: Option<(&T, Generation)>,
    want: &T,
    generation: Generation,
) -> Result<bool, NotTaken> {
    match kept {
        Some((kept, _)) if kept == want => Ok(false),
        Some((_, newest)) if newest >= generation => Err(NotTaken::Older(newest)),
        _ => Ok(true),
    }
}

/// A file about a place.
#[derive(Debug, Serialize, Deserialize)]
struct OfPlace<T> {
    place: Place,
    of: T,
}

impl<'a, T> OfPlace<&'a T> {
    fn new(place: &Place, of: &'a T) -> Self {
        Self { place: place.clone(), of }
    }
}

/// A file about a group. A workload that holds secrets is sealed.
#[derive(Debug, Serialize, Deserialize)]
struct InstancesFile {
    group: Group,
    generation: Generation,
    count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workload: Option<Sealed>,
}

impl InstancesFile {
    fn closed(group: &Group, wanted: &Wanted, key: &Key) -> Self {
        let seal =
            |workload: &Arc<Workload>| key.seal(&file_name(&group.place, Some(group)), workload);
        Self {
            group: group.clone(),
            generation: wanted.generation,
            count: wanted.count,
            workload: wanted.workload.as_ref().map(seal),
        }
    }

    fn opened(self, key: &Key) -> io::Result<(Group, Wanted)> {
        let name = file_name(&self.group.place, Some(&self.group));
        let open = |sealed: Sealed| key.open(&name, &sealed).map(Arc::new);
        let workload = self.workload.map(open).transpose().map_err(io::Error::other)?;
        Ok((self.group, Wanted { generation: self.generation, count: self.count, workload }))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = fs::read(path)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}

/// What was read; or nothing, when the file makes no sense and was put out of the way.
fn or_set_aside<T>(path: &Path, read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.raw_os_error().is_some() => Err(error),
        Err(error) => {
            let aside = path.with_extension("unreadable");
            tracing::error!(
                "{} makes no sense ({error}): it is set aside as {}, and its target waits to be told \
                 anew",
                path.display(),
                aside.display()
            );
            fs::rename(path, aside)?;
            Ok(None)
        }
    }
}
