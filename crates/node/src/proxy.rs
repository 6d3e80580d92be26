//! The proxy: takes requests in, gives each to an instance of the release that it is for, and knows
//! what became of it.
//!
//! One thread for each processor, each with its own runtime, client connections and connections to
//! instances. What all of them read (routes, splits, who is in rotation) is swapped as a whole and
//! read without a lock; what they count is counted by each for itself.

mod access_log;
mod answer;
mod backend;
mod bind;
mod body;
mod certificates;
mod chance;
mod connection;
#[cfg(fuzzing)]
pub mod fuzzing;
mod head;
mod here;
mod peer;
mod request;
mod shadow;
mod site;
mod split;
mod story;
mod table;
mod trust;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use model::intent::{Generation, Judgement, Split, Trip};
use model::name::Place;
use model::route::Route;
use ports::clock::{Clock, SystemClock};
use tokio::sync::{mpsc, oneshot};

use crate::rota::Rota;
use crate::stats::Book;
use access_log::AccessLog;
use certificates::Certificates;
use site::Site;
use split::Shares;
use table::{Table, Way};
use worker::{Doors, Order};

pub use bind::bind;
pub use certificates::{BadCertificate, Certificate, CertificatesError};
pub use site::Tripped;
pub use split::SplitError;
pub use table::RouteError;
pub use trust::{Cidr, CidrError};

/// How the proxy runs.
#[derive(Debug, Default)]
pub struct Settings {
    /// Workers; none for one to a processor.
    pub threads: Option<usize>,
    /// A folder with a `NAME.crt` (or `NAME.pem`) and a `NAME.key` for each certificate.
    pub certificates: Option<PathBuf>,
    /// Whose `X-Forwarded-*`, `Forwarded` and the like are believed.
    pub trusted_proxies: Vec<Cidr>,
    pub access_log: Option<PathBuf>,
    pub limits: Limits,
}

/// An operator is told of certificates that end within this.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What the machine bears, and how long clients may take, whatever the route.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections of clients; more are closed at once.
    pub connections: usize,
    /// Bytes of a head; a route may allow less.
    pub head_bytes: usize,
    /// From the first byte of a head to its last; also for an encrypted connection to come about.
    pub head_within: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// After so long between two requests a connection keeps only what it needs to notice the next.
    pub park_after: Duration,
    /// A body that comes slower for the whole of `body_patience` is given up.
    pub body_bytes_per_second: u64,
    pub body_patience: Duration,
    /// Requests at a time on one connection by HTTP/2.
    pub http2_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            head_bytes: 64 * 1024,
            head_within: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            park_after: Duration::from_millis(100),
            body_bytes_per_second: 240,
            body_patience: Duration::from_secs(20),
            http2_streams: 200,
        }
    }
}

/// The running proxy. Dropped, it ends what it has under way; see [`Proxy::drain`].
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    writing: Mutex<Places>,
    workers: Vec<Running>,
    keeper: Option<Keeper>,
}

#[derive(Debug, Default)]
struct Places {
    ways: BTreeMap<Place, Arc<Way>>,
    sites: BTreeMap<Place, Arc<Site>>,
}

#[derive(Debug)]
struct Running {
    orders: mpsc::UnboundedSender<Order>,
    thread: JoinHandle<()>,
}

/// Closes seconds and looks after certificates, once a second.
#[derive(Debug)]
struct Keeper {
    stop: std::sync::mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

/// What all workers read.
#[derive(Debug)]
struct Shared {
    table: ArcSwap<Table>,
    rota: Arc<Rota>,
    book: Arc<Book>,
    trips: mpsc::UnboundedSender<Tripped>,
    certificates: Certificates,
    trusted: Vec<Cidr>,
    access_log: Option<AccessLog>,
    limits: Limits,
    connections: AtomicUsize,
    clock: SystemClock,
}

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("access log {path}: cannot be written")]
    AccessLog { path: PathBuf, source: io::Error },
    #[error("certificates")]
    Certificates(#[from] CertificatesError),
    #[error("cannot start a worker")]
    Worker(#[source] io::Error),
}

impl Proxy {
    /// Starts the workers; see [`Proxy::listen`]. Candidates that are cut off are told as it happens.
    pub fn start(
        settings: Settings,
        rota: Arc<Rota>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Tripped>), StartError> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = settings.threads.unwrap_or(processors).max(1);
        let access_log = settings.access_log.map(|path| {
            AccessLog::open(&path).map_err(|source| StartError::AccessLog { path, source })
        });
        let (trips, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            table: ArcSwap::default(),
            rota,
            book: Arc::new(Book::new(threads)),
            trips,
            certificates: Certificates::open(settings.certificates)?,
            trusted: settings.trusted_proxies,
            access_log: access_log.transpose()?,
            limits: settings.limits,
            connections: AtomicUsize::new(0),
            clock: SystemClock,
        });
        let workers = (0..threads).map(|number| Running::start(number, Arc::clone(&shared)));
        let workers = workers.collect::<io::Result<_>>().map_err(StartError::Worker)?;
        let keeper = Keeper::start(Arc::clone(&shared)).map_err(StartError::Worker)?;
        Ok((Self { shared, writing: Mutex::default(), workers, keeper: Some(keeper) }, told))
    }

    /// Begins to accept from these sockets, which listen already; see [`bind`].
    pub fn listen(&self, http: &[TcpListener], https: &[TcpListener]) -> io::Result<()> {
        for worker in &self.workers {
            let doors = Doors::clones(http, https)?;
            if worker.orders.send(Order::Open(doors)).is_err() {
                return Err(io::Error::other("a worker of the proxy has ended"));
            }
        }
        Ok(())
    }

    /// Whether a route could be taken over.
    pub fn check_route(&self, route: &Route) -> Result<(), RouteError> {
        let way = Way::new(route, Arc::new(Site::new(route.place.clone())))?;
        way.check_others(&self.places().ways)
    }

    /// Whether a split could be followed.
    pub fn check_split(place: &Place, split: &Split) -> Result<(), SplitError> {
        Shares::new(place, split, Generation::default(), &Book::new(0), None).map(drop)
    }

    /// Takes a route over, or the new form of one. Every request that begins afterwards follows it.
    pub fn set_route(&self, route: &Route) -> Result<(), RouteError> {
        let mut places = self.places();
        let site = places.site(&route.place);
        let way = Way::new(route, site)?;
        way.check_others(&places.ways)?;
        places.ways.insert(route.place.clone(), Arc::new(way));
        self.publish(&places);
        Ok(())
    }

    /// Closes the way into a place. What is under way goes on.
    pub fn remove_route(&self, place: &Place) {
        let mut places = self.places();
        places.ways.remove(place);
        self.publish(&places);
    }

    /// Cuts a candidate off that was cut off in an earlier life of the node.
    pub fn set_tripped(&self, place: &Place, trip: Trip) -> Result<(), SplitError> {
        let site = self.places().site(place);
        site.tripped(trip, &self.shared.book)
    }

    /// Follows a split: every request that begins afterwards. A trip that it does not acknowledge
    /// stays in force.
    pub fn set_split(
        &self,
        place: &Place,
        split: &Split,
        generation: Generation,
    ) -> Result<(), SplitError> {
        let site = self.places().site(place);
        site.follow(split, generation, &self.shared.book)
    }

    /// The candidate that was cut off under the split in force.
    pub fn trip(&self, place: &Place) -> Option<Trip> {
        self.places().sites.get(place)?.trip()
    }

    /// What the requests prove of the candidate that is watched.
    pub fn judgement(&self, place: &Place) -> Option<Judgement> {
        self.places().sites.get(place)?.judgement()
    }

    /// What an operator should know: certificates that cannot be read, or end soon.
    pub fn notes(&self) -> Vec<String> {
        let (certificates, bad) = self.certificates();
        let soon = self.shared.now() + SOON;
        let ending = certificates.iter().filter(|certificate| certificate.ends < soon);
        let ending = ending.map(|certificate| {
            format!("the certificate {} ends at {}", certificate.file.display(), certificate.ends)
        });
        let bad = bad.iter().map(|bad| format!("{}: {}", bad.file.display(), bad.why));
        bad.chain(ending).collect()
    }

    /// What was counted.
    pub fn stats(&self) -> Arc<Book> {
        Arc::clone(&self.shared.book)
    }

    /// Connections of clients that are open now.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// The certificates that are shown to clients, and those that could not be read.
    pub fn certificates(&self) -> (Vec<Certificate>, Vec<BadCertificate>) {
        self.shared.certificates.list()
    }

    /// Accepts no more, ends what is under way, and returns with how many connections were still
    /// open when the grace was over.
    pub async fn drain(&self, grace: Duration) -> usize {
        let mut left = 0;
        let mut ends = Vec::new();
        for worker in &self.workers {
            let (done, end) = oneshot::channel();
            if worker.orders.send(Order::Drain { grace, done }).is_ok() {
                ends.push(end);
            }
        }
        for end in ends {
            left += end.await.unwrap_or(0);
        }
        if let Some(log) = &self.shared.access_log {
            log.close();
        }
        left
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, places: &Places) {
        self.shared.table.store(Arc::new(Table::new(&places.ways)));
    }

    fn close(&mut self) {
        for worker in self.workers.drain(..) {
            drop(worker.orders);
            if worker.thread.join().is_err() {
                tracing::error!("a worker of the proxy has panicked");
            }
        }
        if let Some(keeper) = self.keeper.take() {
            drop(keeper.stop);
            if keeper.thread.join().is_err() {
                tracing::error!("the proxy's keeper has panicked");
            }
        }
        if let Some(log) = &self.shared.access_log {
            log.close();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.close();
    }
}

impl Places {
    fn site(&mut self, place: &Place) -> Arc<Site> {
        let site = self.sites.entry(place.clone());
        Arc::clone(site.or_insert_with(|| Arc::new(Site::new(place.clone()))))
    }
}

impl Running {
    fn start(number: usize, shared: Arc<Shared>) -> io::Result<Self> {
        let (orders, taken) = mpsc::unbounded_channel();
        let thread =
            std::thread::Builder::new().name(format!("proxy-{number}")).spawn(move || {
                if let Err(error) = worker::run(number, shared, taken) {
                    tracing::error!(number, %error, "a worker of the proxy cannot work");
                }
            })?;
        Ok(Self { orders, thread })
    }
}

impl Keeper {
    fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (stop, stopped) = std::sync::mpsc::channel();
        let thread =
            std::thread::Builder::new().name("proxy-keeper".to_owned()).spawn(move || {
                loop {
                    let into_second = shared.now().subsec_nanosecond().unsigned_abs();
                    let left = Duration::from_secs(1)
                        .saturating_sub(Duration::from_nanos(into_second.into()));
                    let end = stopped.recv_timeout(left.max(Duration::from_millis(1)));
                    shared.book.close_second(shared.now());
                    shared.certificates.look();
                    if end != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Self { stop, thread })
    }
}

impl Shared {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Tasks stay on the worker that began them.
#[derive(Debug, Clone, Copy)]
struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
