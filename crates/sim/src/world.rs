//! One world: servers that may crash, a node that does not, and time that flies.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use conductor::{Conductor, Hands, Kinds, Settings};
use engine::group::Groups;
use engine::pipeline::Pipeline;
use engine::rollout::Rollouts;
use jiff::{SignedDuration, Timestamp};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::fake::{FakeJobs, FakeNode, Seeded};
use ports::memory::MemoryStore;
use ports::store::Store;

use crate::clock::SimClock;
use crate::faults::{Faults, FaultyJobs, FaultyNode, FaultyStore, ServerNumber};
use crate::office::Office;
use crate::watch::{CheckedGroups, CheckedPipeline, CheckedRollouts, Watch};

/// When every simulated world begins: a Monday morning.
pub const BEGINNING: Timestamp = Timestamp::constant(1_767_600_000, 0);

/// How long a server is away after a crash.
pub const DOWNTIME: SignedDuration = SignedDuration::from_secs(20);

/// Servers and their surroundings. A server's life is one future; a crash drops it.
pub struct World {
    pub clock: SimClock,
    pub store: Arc<MemoryStore>,
    pub node: Arc<FakeNode>,
    pub jobs: Arc<FakeJobs>,
    pub faults: Arc<Faults>,
    pub watch: Arc<Watch>,
    pub office: Office,
    is_watched: bool,
    servers: Vec<BoxFuture<'static, ()>>,
    bell: Arc<Bell>,
}

impl World {
    /// A world with so many servers and these faults, in which every step is watched.
    pub fn watched(servers: usize, faults: impl FnOnce(SimClock) -> Faults) -> Self {
        Self::new(servers, faults, true)
    }

    /// A world in which all goes well and nobody watches: for seeing how fast time flies.
    pub fn unwatched() -> Self {
        Self::new(1, Faults::none, false)
    }

    fn new(servers: usize, faults: impl FnOnce(SimClock) -> Faults, is_watched: bool) -> Self {
        let clock = SimClock::starting_at(BEGINNING);
        let mut world = Self {
            store: Arc::default(),
            node: Arc::new(FakeNode::new(Arc::new(clock.clone()))),
            jobs: Arc::new(FakeJobs::new(Arc::new(clock.clone()))),
            faults: Arc::new(faults(clock.clone())),
            watch: Arc::default(),
            office: Office::new(clock.clone(), Seeded::new(1), servers),
            is_watched,
            servers: Vec::new(),
            bell: Arc::new(Bell(AtomicBool::new(true))),
            clock,
        };
        world.servers.resize_with(servers, || Box::pin(std::future::pending()));
        for server in 0..servers {
            world.boot(server, SignedDuration::ZERO);
        }
        world
    }

    /// Lives until the script is over. Time passes only while nobody has anything to do.
    pub fn run<T>(&mut self, script: impl Future<Output = T>) -> T {
        let mut script = pin!(script);
        let waker = Waker::from(self.bell.clone());
        let mut context = Context::from_waker(&waker);
        self.bell.0.store(true, Ordering::Relaxed);
        loop {
            while self.bell.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(result) = script.as_mut().poll(&mut context) {
                    return result;
                }
                for server in &mut self.servers {
                    // A server never ends by itself while somebody holds its handle.
                    let _ = server.as_mut().poll(&mut context);
                }
                while let Some(crashed) = self.faults.take_crash() {
                    self.boot(crashed, DOWNTIME);
                }
            }
            let is_alive = self.clock.advance(Timestamp::MAX);
            assert!(is_alive, "the world stands still: everybody waits for somebody else");
        }
    }

    /// Drops a server in the middle of whatever it did, and begins its next life later.
    fn boot(&mut self, server: ServerNumber, after: SignedDuration) {
        let (store, hands) = self.ports(server);
        let kinds = if self.is_watched {
            Kinds::default().with(CheckedRollouts).with(CheckedPipeline).with(CheckedGroups)
        } else {
            Kinds::default().with(Rollouts).with(Pipeline).with(Groups)
        };
        let is_alone = self.servers.len() == 1;
        let settings = Settings {
            audit_every: SignedDuration::from_hours(1),
            poll_every: (!is_alone).then_some(SignedDuration::from_secs(30)),
            ..Settings::alone(format!("server-{server}"))
        };
        let clock = Arc::new(self.clock.clone());
        let (conductor, handle) = Conductor::new(store, hands, clock.clone(), kinds, settings);
        let begins = clock.sleep_until(clock.now() + after);
        self.servers[server] = Box::pin(async move {
            begins.await;
            conductor.run().await;
        });
        self.office.connect(server, handle);
        self.bell.0.store(true, Ordering::Relaxed);
    }

    /// What a server sees of the world.
    fn ports(&self, server: ServerNumber) -> (Arc<dyn Store>, Hands) {
        if !self.is_watched {
            let (workloads, traffic) = (self.node.clone(), self.node.clone());
            return (self.store.clone(), Hands { workloads, traffic, jobs: self.jobs.clone() });
        }
        let store = FaultyStore {
            server,
            inner: self.store.clone(),
            faults: self.faults.clone(),
            watch: self.watch.clone(),
        };
        let node = Arc::new(FaultyNode {
            server,
            inner: self.node.clone(),
            faults: self.faults.clone(),
            watch: self.watch.clone(),
            late: Mutex::default(),
        });
        let jobs = Arc::new(FaultyJobs {
            server,
            inner: self.jobs.clone(),
            faults: self.faults.clone(),
            late: Mutex::default(),
        });
        (Arc::new(store), Hands { workloads: node.clone(), traffic: node, jobs })
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Rings when anybody has something to do.
#[derive(Debug)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
