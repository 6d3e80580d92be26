//! The proxy on real sockets, before real backends.
mod http1;
mod http2;
mod instances;
mod routing;
mod slow;
mod smuggling;
mod stage;
mod tls;
mod trip;
