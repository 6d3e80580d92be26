//! The supervisor: keeps so many instances of each group running as are wanted, and puts those that
//! are well into the rota.
//!
//! Each instance has a task of its own here and a [keeper](crate::keeper) outside. Whatever becomes
//! of this process, the keepers go on; the next supervisor that opens the same folder finds them.

mod adopt;
mod book;
mod environment;
mod instance;
mod life;
mod ports;
mod probe;
mod reason;
mod record;
mod report;
mod settings;
pub(crate) mod watched;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use ::ports::clock::Clock;
use ::ports::entropy::Entropy;
use model::id::InstanceId;
use model::intent::{Group, GroupHealth};
use model::name::Place;
use model::workload::Workload;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::watch;

use crate::keeper::task::LOG;
use crate::logs::{LogQuery, LogStream};
use crate::rota::Rota;
use adopt::Found;
use book::Book;
use instance::Instance;
use ports::Ports;

pub use crate::keeper::cgroup::Usage;
pub use report::{InstanceReport, InstanceState, LastEnd};
pub use settings::{Backoff, Launcher, Settings};

/// The folder in which each instance has one of its own.
const INSTANCES: &str = "instances";
const LOCK: &str = "lock";

/// Keeps instances running. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Supervisor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    rota: Arc<Rota>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Settings,
    ports: Ports,
    book: Mutex<Book>,
    /// Held so that no other process supervises the same instances.
    lock: Mutex<Option<File>>,
    /// Counts whatever happens.
    changed: watch::Sender<u64>,
}

/// Why there is no supervisor.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the folder of instances {folder} cannot be used: {why}")]
    Folder { folder: PathBuf, why: io::Error },
    #[error("the instances in {0} are kept by another node that still runs: stop it first")]
    InUse(PathBuf),
}

impl Supervisor {
    /// Takes over what still runs: those that were well are in the rota when this returns. To be
    /// called inside of a runtime. One folder has one supervisor at a time.
    pub fn open(
        folder: &Path,
        rota: Arc<Rota>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let instances = folder.join(INSTANCES);
        let trouble = |why| OpenError::Folder { folder: instances.clone(), why };
        record::make_private(&instances).map_err(trouble)?;
        let lock = File::create(instances.join(LOCK)).map_err(trouble)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(OpenError::InUse(instances));
        }
        let shared = Arc::new(Shared {
            folder: instances.clone(),
            rota,
            clock,
            ports: Ports::new(entropy.as_ref()),
            entropy,
            settings,
            book: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            changed: watch::Sender::new(0),
        });
        for found in adopt::find(&shared).map_err(trouble)? {
            match found {
                Found::Alive(adopted) => Instance::adopt(&shared, *adopted),
                Found::Dead { group, reason } => {
                    let mut book = shared.book();
                    let entry = book.entry(&group);
                    entry.restarts += 1;
                    entry.last_words = Some(reason);
                }
            }
        }
        record::forget_old(&shared);
        Ok(Self(shared))
    }

    /// Wants so many instances of a group, and returns at once. Those that start from now on are
    /// of this workload. What runs without being wanted any more is stopped.
    pub fn ensure(&self, group: &Group, count: u32, workload: Arc<Workload>) {
        let mut book = self.0.book();
        let entry = book.entry(group);
        entry.wanted = Some(count);
        entry.workload = Some(workload);
        self.0.reconcile(group, &mut book);
        drop(book);
        self.0.tell();
    }

    /// How the groups of a place fare. Their requests are for others to count.
    pub fn health(&self, place: &Place) -> Vec<GroupHealth> {
        self.0.book().health(place)
    }

    /// What runs, and what it uses.
    pub fn instances(&self) -> Vec<InstanceReport> {
        let instances: Vec<_> = self.0.book().instances().cloned().collect();
        report::all(&instances)
    }

    /// Lines that instances printed, also those that are gone as long as their logs are kept.
    pub async fn logs(&self, query: LogQuery) -> io::Result<LogStream> {
        let (shared, changed) = (Arc::clone(&self.0), self.0.changed.subscribe());
        let find = Box::new(move || record::printing(&shared.folder));
        let open = move || LogStream::open(query, find, changed);
        tokio::task::spawn_blocking(open).await.map_err(io::Error::other)
    }

    /// Told whenever anything has changed: an instance's state, or what is wanted.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Ends the supervising, and leaves everything running for the next supervisor.
    pub fn leave(&self) {
        for instance in self.0.book().instances() {
            instance.abandon();
        }
        self.0.lock.lock().expect("nothing panics while it holds the lock").take();
    }

    /// Stops all instances, each as its workload says, and returns when they are gone.
    pub async fn stop_all(&self) {
        let mut changes = self.changes();
        self.want_nothing();
        while self.0.book().instances().next().is_some() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Supervisor {
    fn want_nothing(&self) {
        let mut book = self.0.book();
        let groups: Vec<Group> = book.groups().cloned().collect();
        for group in groups {
            book.entry(&group).wanted = Some(0);
            self.0.reconcile(&group, &mut book);
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nothing panics while it holds the book")
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn folder_of(&self, instance: InstanceId) -> PathBuf {
        self.folder.join(instance.to_string())
    }

    fn log_of(&self, instance: InstanceId) -> PathBuf {
        self.folder_of(instance).join(LOG)
    }

    /// Starts what is missing, and stops what is too much.
    fn reconcile(self: &Arc<Self>, group: &Group, book: &mut Book) {
        let entry = book.entry(group);
        let Some(wanted) = entry.wanted else { return };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut staying: Vec<Arc<Instance>> =
            entry.instances.iter().filter(|it| !it.is_stopping()).cloned().collect();
        // The least healthy go first, and among them the youngest.
        staying.sort_by_key(|instance| instance.worth());
        let surplus = staying.len().saturating_sub(wanted);
        for instance in &staying[..surplus] {
            instance.stop();
        }
        for _ in staying.len()..wanted {
            let id = self.entropy.id(InstanceId::new, self.clock.now());
            entry.instances.push(Instance::start(self, id, group));
        }
        book.forget_if_unwanted(group);
    }

    /// An instance has ended for good.
    fn gone(self: &Arc<Self>, instance: &Instance) {
        let mut book = self.book();
        let entry = book.entry(&instance.group);
        entry.instances.retain(|other| other.id != instance.id);
        book.forget_if_unwanted(&instance.group);
        drop(book);
        record::forget_old(self);
        self.tell();
    }
}
