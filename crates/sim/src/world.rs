//! One world: a server that may crash, a node that does not, and time that flies.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use conductor::{Conductor, Hands, Kinds, Settings};
use engine::rollout::Rollouts;
use jiff::{SignedDuration, Timestamp};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::fake::{FakeNode, MemoryStore, Seeded};
use ports::store::Store;
use ports::traffic::Traffic;
use ports::workloads::Workloads;

use crate::clock::SimClock;
use crate::faults::{Faults, FaultyNode, FaultyStore};
use crate::office::Office;
use crate::watch::{CheckedRollouts, Watch};

/// When every simulated world begins: a Monday morning.
pub const BEGINNING: Timestamp = Timestamp::constant(1_767_600_000, 0);

/// How long the server is away after a crash.
pub const DOWNTIME: SignedDuration = SignedDuration::from_secs(20);

/// A server and its surroundings. The server's life is one future; a crash drops it.
pub struct World {
    pub clock: SimClock,
    pub store: Arc<MemoryStore>,
    pub node: Arc<FakeNode>,
    pub faults: Arc<Faults>,
    pub watch: Arc<Watch>,
    pub office: Office,
    ports: (Arc<dyn Store>, Hands),
    is_checked: bool,
    server: BoxFuture<'static, ()>,
    bell: Arc<Bell>,
}

impl World {
    /// A world with these faults, in which every step is watched.
    pub fn watched(faults: impl FnOnce(SimClock) -> Faults) -> Self {
        let clock = SimClock::starting_at(BEGINNING);
        let store = Arc::new(MemoryStore::default());
        let node = Arc::new(FakeNode::new(Arc::new(clock.clone())));
        let (faults, watch) = (Arc::new(faults(clock.clone())), Arc::new(Watch::default()));
        let faulty_store = Arc::new(FaultyStore {
            inner: store.clone(),
            faults: faults.clone(),
            watch: watch.clone(),
        });
        let faulty_node = Arc::new(FaultyNode {
            inner: node.clone(),
            faults: faults.clone(),
            watch: watch.clone(),
            late: Mutex::default(),
        });
        let hands = Hands { workloads: faulty_node.clone(), traffic: faulty_node };
        Self::new(clock, store, node, faults, watch, (faulty_store, hands), true)
    }

    /// A world in which all goes well and nobody watches: for seeing how fast time flies.
    pub fn unwatched() -> Self {
        let clock = SimClock::starting_at(BEGINNING);
        let store = Arc::new(MemoryStore::default());
        let node = Arc::new(FakeNode::new(Arc::new(clock.clone())));
        let (faults, watch) = (Arc::new(Faults::none(clock.clone())), Arc::default());
        let (workloads, traffic): (Arc<dyn Workloads>, Arc<dyn Traffic>) =
            (node.clone(), node.clone());
        let ports: (Arc<dyn Store>, Hands) = (store.clone(), Hands { workloads, traffic });
        Self::new(clock, store, node, faults, watch, ports, false)
    }

    fn new(
        clock: SimClock,
        store: Arc<MemoryStore>,
        node: Arc<FakeNode>,
        faults: Arc<Faults>,
        watch: Arc<Watch>,
        ports: (Arc<dyn Store>, Hands),
        is_checked: bool,
    ) -> Self {
        let office = Office::new(clock.clone(), Seeded::new(1));
        let (server, bell) =
            (Box::pin(std::future::pending()), Arc::new(Bell(AtomicBool::new(true))));
        let mut world =
            Self { clock, store, node, faults, watch, office, ports, is_checked, server, bell };
        world.boot(SignedDuration::ZERO);
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
                // The server never ends by itself while somebody holds its handle.
                let _ = self.server.as_mut().poll(&mut context);
                if self.faults.take_crash() {
                    self.boot(DOWNTIME);
                }
            }
            let is_alive = self.clock.advance(Timestamp::MAX);
            assert!(is_alive, "the world stands still: everybody waits for somebody else");
        }
    }

    /// Drops the server in the middle of whatever it did, and begins its next life later.
    fn boot(&mut self, after: SignedDuration) {
        let (store, hands) = self.ports.clone();
        let kinds = if self.is_checked {
            Kinds::default().with(CheckedRollouts)
        } else {
            Kinds::default().with(Rollouts)
        };
        let settings =
            Settings { audit_every: SignedDuration::from_hours(1), ..Settings::alone("sim") };
        let clock = Arc::new(self.clock.clone());
        let (conductor, handle) = Conductor::new(store, hands, clock.clone(), kinds, settings);
        let begins = clock.sleep_until(clock.now() + after);
        self.server = Box::pin(async move {
            begins.await;
            conductor.run().await;
        });
        self.office.connect(handle);
        self.bell.0.store(true, Ordering::Relaxed);
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
