//! Listening sockets as the proxy wants them.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted; the kernel's own limit (`net.core.somaxconn`) may be lower.
const WAITING: i32 = 8_192;

/// A socket that all workers accept from.
///
/// There is one for all of them, not one for each: what waits in the queue of a socket that one
/// worker has to itself waits for this worker, however idle the others are, and is lost when a
/// later process has fewer workers.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // A system may say otherwise; `[::]` is to mean every address on each of them.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(WAITING)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
