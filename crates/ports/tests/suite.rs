//! The fakes pass the suites: they are what the suites were written after.

use std::sync::Arc;

use jiff::Timestamp;
use ports::BoxFuture;
use ports::clock::Clock;
use ports::fake::FakeNode;
use ports::memory::MemoryStore;

mod store {
    use super::*;

    ports::store_suite!(async { Arc::new(MemoryStore::default()) });
}

mod workloads {
    use super::*;

    ports::workloads_suite!(async { Arc::new(node()) });
}

mod traffic {
    use super::*;

    ports::traffic_suite!(async { Arc::new(node()) });
}

fn node() -> FakeNode {
    FakeNode::new(Arc::new(Standstill))
}

/// Time that does not pass.
#[derive(Debug)]
struct Standstill;

impl Clock for Standstill {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}
