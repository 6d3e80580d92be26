//! Hands a node's sockets and its lock to the process that takes its place, so that at every moment
//! somebody listens.
//!
//! The new process asks; the old one stops deciding, gives, and goes on serving requests. The new one
//! sets itself up and says that it serves; only then the old one ends. A new one that dies
//! before that has changed nothing: the old one goes on.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// How long either side waits for the other's next word.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most descriptors that the kernel passes at once.
const MAX_DESCRIPTORS: usize = 253;

const ASKED: &[u8] = b"highroad-node take-over 1\n";
const SERVING: &[u8] = b"serving\n";

/// What passes from a node to its successor.
#[derive(Debug)]
pub struct Inheritance {
    /// Whoever holds it is the node of its folder.
    pub lock: OwnedFd,
    pub control: UnixListener,
    pub handover: UnixListener,
    pub http: Vec<TcpListener>,
    pub https: Vec<TcpListener>,
}

/// How the descriptors that come along are to be read.
#[derive(Debug, Serialize, Deserialize)]
struct Inventory {
    http: usize,
    https: usize,
}

/// The new process' side, until it serves.
#[derive(Debug)]
pub struct Successor(UnixStream);

/// Asks the node behind a socket for what it has.
pub fn take_over(socket: &Path) -> io::Result<(Inheritance, Successor)> {
    let mut stream = UnixStream::connect(socket)?;
    set_patience(&stream)?;
    stream.write_all(ASKED)?;
    let (inventory, descriptors) = receive(&stream)?;
    let inheritance = unpack(&inventory, descriptors)
        .ok_or_else(|| io::Error::other("the other node gives other things than it says"))?;
    Ok((inheritance, Successor(stream)))
}

impl Successor {
    /// Lets the old process end.
    pub fn serves(mut self) -> io::Result<()> {
        self.0.write_all(SERVING)
    }
}

/// The old process' side: somebody wants to take its place.
#[derive(Debug)]
pub(crate) struct Claim(UnixStream);

impl Claim {
    /// Reads who has come. Blocks for as long as it is patient.
    pub(crate) fn hear(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        set_patience(&stream)?;
        let mut claim = Self(stream);
        let mut asked = [0; ASKED.len()];
        claim.0.read_exact(&mut asked)?;
        if asked == ASKED {
            Ok(claim)
        } else {
            Err(io::Error::other("it asks in a way that this version does not know"))
        }
    }

    /// Gives everything. Blocks until it is said that the other serves; an error says that it never
    /// will.
    pub(crate) fn grant(mut self, inheritance: &Inheritance) -> io::Result<()> {
        send(&self.0, inheritance)?;
        let mut answer = [0; SERVING.len()];
        self.0.read_exact(&mut answer)?;
        if answer == SERVING {
            Ok(())
        } else {
            Err(io::Error::other("it does not say that it serves"))
        }
    }
}

fn set_patience(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

fn send(stream: &UnixStream, inheritance: &Inheritance) -> io::Result<()> {
    let Inheritance { lock, control, handover, http, https } = inheritance;
    let fixed = [lock.as_fd(), control.as_fd(), handover.as_fd()];
    let listeners = http.iter().chain(https).map(TcpListener::as_fd);
    let descriptors: Vec<BorrowedFd<'_>> = fixed.into_iter().chain(listeners).collect();
    if descriptors.len() > MAX_DESCRIPTORS {
        return Err(io::Error::other("too many listening sockets to hand over at once"));
    }
    let inventory = serde_json::to_vec(&Inventory { http: http.len(), https: https.len() })?;
    let mut space =
        vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(&descriptors).size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = sendmsg(stream, &[IoSlice::new(&inventory)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent == inventory.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn receive(stream: &UnixStream) -> io::Result<(Inventory, Vec<OwnedFd>)> {
    let mut text = [0; 256];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let slices = &mut [IoSliceMut::new(&mut text)];
    let received = recvmsg(stream, slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Err(io::Error::other("the other node does not give up its place"));
    }
    let inventory = serde_json::from_slice(&text[..received.bytes])?;
    Ok((inventory, descriptors))
}

fn unpack(inventory: &Inventory, descriptors: Vec<OwnedFd>) -> Option<Inheritance> {
    if descriptors.len() != 3 + inventory.http + inventory.https {
        return None;
    }
    let mut descriptors = descriptors.into_iter();
    let lock = descriptors.next()?;
    let control = UnixListener::from(descriptors.next()?);
    let handover = UnixListener::from(descriptors.next()?);
    let http = descriptors.by_ref().take(inventory.http).map(TcpListener::from).collect();
    let https = descriptors.map(TcpListener::from).collect();
    Some(Inheritance { lock, control, handover, http, https })
}
