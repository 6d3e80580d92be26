//! How a node comes to be: alone in its folder, or in the place of the one before.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::name::Place;
use ports::clock::Clock;
use ports::entropy::Entropy;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::Mutex as AsyncMutex;

use super::Node;
use crate::control;
use crate::handover::{Inheritance, Successor, take_over};
use crate::proxy::{self, Cidr, Proxy, SplitError};
use crate::rota::Rota;
use crate::supervisor::{self, Supervisor};
use crate::told::{Key, KeyError, Steered, Told, Unreadable};

/// How a node is set up.
#[derive(Debug)]
pub struct Settings {
    /// Everything that it keeps.
    pub folder: PathBuf,
    /// Where it hears from its server.
    pub socket: PathBuf,
    /// What secrets at rest are sealed with.
    pub key_file: PathBuf,
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    /// Threads that serve requests; none for one to a processor.
    pub threads: Option<usize>,
    pub certificates: Option<PathBuf>,
    /// Proxies before this one that are believed.
    pub trusted: Vec<Cidr>,
    pub access_log: Option<PathBuf>,
    pub supervisor: supervisor::Settings,
    /// Take the place of the node that runs now, if one does.
    pub replace: bool,
    /// How long requests that are under way may take when it ends or is replaced.
    pub drain: Duration,
    pub version: String,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} cannot be used: {error}", .path.display())]
    Folder { path: PathBuf, error: io::Error },
    #[error("another node runs in {}", .0.display())]
    Taken(PathBuf),
    #[error("the node that runs does not give up its place: {0}")]
    NotGiven(io::Error),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("cannot listen on {}: {error}", .path.display())]
    Socket { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Told(#[from] Unreadable),
    #[error(transparent)]
    Proxy(#[from] proxy::StartError),
    #[error(transparent)]
    Supervisor(#[from] supervisor::OpenError),
}

impl Node {
    /// Sets a node up with everything that its folder holds. Requests are served once it returns.
    pub async fn open(settings: Settings) -> Result<Arc<Self>, OpenError> {
        let (inheritance, successor) = inherit(&settings)?;
        let key = Key::in_file(&settings.key_file, Arc::clone(&settings.entropy))?;
        let told = Told::open(&settings.folder.join("told"), key)?;
        let rota = Arc::new(Rota::default());
        let supervisor = settings.supervise(&rota)?;
        let (proxy, trips) = Proxy::start(settings.proxy(), Arc::clone(&rota))?;
        for (place, steered) in told.splits() {
            if let Err(why) = steer(&proxy, place, steered) {
                tracing::error!("{place}: its split cannot be followed: {why}");
            }
        }
        for (place, led) in told.routes() {
            if let Some(Err(why)) = led.route.as_ref().map(|route| proxy.set_route(route)) {
                tracing::error!("{place} has no way in: {why}");
            }
        }
        let node = Self {
            since: settings.clock.now(),
            told: Arc::new(AsyncMutex::new(told)),
            rota,
            supervisor: Mutex::new(Arc::new(supervisor)),
            proxy,
            trips: AsyncMutex::new(trips),
            heard: Mutex::new(None),
            inheritance,
            is_given_up: AtomicBool::new(false),
            settings,
        };
        node.run_all().await;
        let inheritance = &node.inheritance;
        node.proxy
            .listen(&inheritance.http, &inheritance.https)
            .map_err(proxy::StartError::Worker)?;
        if let Some(successor) = successor
            && let Err(error) = successor.serves()
        {
            tracing::warn!("the node before could not be told that it may end: {error}");
        }
        Ok(Arc::new(node))
    }
}

impl Settings {
    fn proxy(&self) -> proxy::Settings {
        proxy::Settings {
            threads: self.threads,
            certificates: self.certificates.clone(),
            trusted_proxies: self.trusted.clone(),
            access_log: self.access_log.clone(),
            limits: proxy::Limits::default(),
        }
    }

    /// Takes over what runs, for a rota.
    pub(super) fn supervise(&self, rota: &Arc<Rota>) -> Result<Supervisor, supervisor::OpenError> {
        Supervisor::open(
            &self.folder,
            Arc::clone(rota),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
            self.supervisor.clone(),
        )
    }
}

fn steer(proxy: &Proxy, place: &Place, steered: &Steered) -> Result<(), SplitError> {
    proxy.set_split(place, &steered.split, steered.generation)?;
    steered.trip.as_ref().map_or(Ok(()), |trip| proxy.set_tripped(place, trip.clone()))
}

/// The lock and the sockets: from the node that runs, or new ones.
fn inherit(settings: &Settings) -> Result<(Inheritance, Option<Successor>), OpenError> {
    let folder = &settings.folder;
    let unusable = |error| OpenError::Folder { path: folder.clone(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let handover = folder.join("handover.sock");
    let mut private = fs::OpenOptions::new();
    private.write(true).create(true).truncate(false).mode(0o600);
    let lock: OwnedFd = private.open(folder.join("lock")).map_err(unusable)?.into();
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) if settings.replace => {
            let (inheritance, successor) = take_over(&handover).map_err(OpenError::NotGiven)?;
            return Ok((inheritance, Some(successor)));
        }
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Taken(folder.clone())),
        Err(error) => return Err(unusable(error.into())),
    }
    let bind = |path: &Path| {
        control::bind(path).map_err(|error| OpenError::Socket { path: path.to_owned(), error })
    };
    let listen = |addresses: &[SocketAddr]| {
        let mut listeners: Vec<TcpListener> = Vec::new();
        for address in addresses {
            let bound = proxy::bind(*address);
            listeners.push(bound.map_err(|error| OpenError::Listen { address: *address, error })?);
        }
        Ok::<_, OpenError>(listeners)
    };
    let inheritance = Inheritance {
        lock,
        http: listen(&settings.http)?,
        https: listen(&settings.https)?,
        control: bind(&settings.socket)?,
        handover: bind(&handover)?,
    };
    Ok((inheritance, None))
}
