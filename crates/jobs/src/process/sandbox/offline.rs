//! No network: a network namespace of one's own, in which there is nothing but the loopback.

use std::fs;
use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};
use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;

/// Leaves the network. For root as for anybody else in a user namespace, too: root of this
/// namespace can do nothing about the machine's own network, not even come back to it.
pub(super) fn go() -> Result<(), String> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    unshare().map_err(|error| {
        refused(&format!("a network namespace of its own cannot be made: {error}"))
    })?;
    let write = |file: &str, text: &str| {
        fs::write(file, text)
            .map_err(|error| refused(&format!("{file} cannot be written: {error}")))
    };
    // Who may not set groups cannot leave one that keeps it from a file.
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    write("/proc/self/gid_map", &format!("{group} {group} 1"))?;
    raise_loopback()
        .map_err(|error| refused(&format!("the loopback cannot be switched on: {error}")))
}

#[expect(unsafe_code, reason = "the call has no safe form")]
fn unshare() -> rustix::io::Result<()> {
    // SAFETY: descriptors stay shared, and this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNET) }
}

fn refused(why: &str) -> String {
    format!(
        "the job asks for no network, and this machine does not let it leave the network: {why} \
         (see user.max_user_namespaces, kernel.unprivileged_userns_clone and \
         kernel.apparmor_restrict_unprivileged_userns)"
    )
}

/// Tests talk to servers of their own at 127.0.0.1.
fn raise_loopback() -> io::Result<()> {
    const NEW_LINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const LOOPBACK: i32 = 1;
    const UP: u32 = 1;
    let mut message = Vec::with_capacity(32);
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&NEW_LINK.to_ne_bytes());
    message.extend_from_slice(&REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    // The interface: its family, its kind, its number, its flags and which of them are meant.
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&LOOPBACK.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());

    // Of netlink's protocols, the one of routes is the first.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 64];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    // Behind the head of the answer stands the error, negated; 0 acknowledges.
    let error = answer[..length].get(16..20).and_then(|bytes| bytes.try_into().ok());
    match error.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
