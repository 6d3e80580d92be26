//! The data plane: supervises a service's instances and proxies their traffic, and goes on doing
//! both whatever becomes of the server.
pub mod keeper;
pub mod logs;
pub mod proxy;
pub mod rota;
pub mod stats;
pub mod supervisor;
pub mod tripwire;
