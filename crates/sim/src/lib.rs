//! A simulated world with its own clock: the real conductor and deciders, with a node and a
//! store in memory, faults drawn from a seed, and scripts that read like a page of a diary.

pub mod clock;
pub mod faults;
pub mod file_node;
pub mod mortal;
pub mod office;
pub mod page;
pub mod pipelines;
pub mod random;
pub mod scenario;
pub mod speed;
pub mod stores;
pub mod watch;
pub mod world;
