//! The proxy on real sockets, before real backends.
mod http1;
mod routing;
mod stage;
