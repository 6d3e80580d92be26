//! Files of the kernel that the runtime waits for: handles of processes, bells of folders.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Has the runtime wait for a file; inside of one only.
#[expect(unsafe_code, reason = "the runtime is told a number, and has to trust its owner")]
pub(crate) fn watched(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is what it is for as long as it lives, and what is returned owns it and
    // lends it only as shared.
    Ok(unsafe { AsyncFd::register(handle) }?)
}
