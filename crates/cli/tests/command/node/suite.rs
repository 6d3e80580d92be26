//! The node keeps the promises of its two ports, as every other adapter has to.

use std::ops::Deref;

use node::client::NodeClient;

use super::given::Given;

/// A node with its client.
struct Adapter {
    client: NodeClient,
    _node: Given,
}

impl Adapter {
    fn new() -> Self {
        let node = Given::new("");
        Self { client: node.client(), _node: node }
    }
}

impl Deref for Adapter {
    type Target = NodeClient;

    fn deref(&self) -> &NodeClient {
        &self.client
    }
}

mod workloads {
    ports::workloads_suite!(async { super::Adapter::new() });
}

mod traffic {
    ports::traffic_suite!(async { super::Adapter::new() });
}
