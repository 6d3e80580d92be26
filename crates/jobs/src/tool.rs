//! Programs that the worker runs for itself, outside of any step: the `git` that fetches actions.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::worker::CancelSignal;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("it cannot be started: {0}")]
    Start(io::Error),
    #[error("it cannot be listened to: {0}")]
    Listen(io::Error),
    #[error("cancelled")]
    Cancelled,
    #[error("it said more than {} bytes", MOST)]
    TooMuch,
    /// What it said, or how it ended.
    #[error("{0}")]
    Failed(String),
}

/// The most that is taken from one program.
const MOST: u64 = 64 << 20;
/// How much of a complaint is passed on.
const COMPLAINT: usize = 4_000;

/// What a program prints; an error if it does not end well.
pub(crate) fn output(command: &mut Command, halt: &CancelSignal) -> Result<String, ToolError> {
    String::from_utf8(bytes(command, halt)?)
        .or_else(|error| Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

pub(crate) fn bytes(command: &mut Command, halt: &CancelSignal) -> Result<Vec<u8>, ToolError> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(ToolError::Start)?;
    let pid = Pid::from_child(&child);
    let listening = halt.on_cancel(move || {
        // It may just have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    });
    let (Some(mut said), Some(mut complaint)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(ToolError::Listen(io::ErrorKind::BrokenPipe.into()));
    };
    let complaining = thread::spawn(move || read(&mut complaint));
    let said = read(&mut said);
    let complaint = complaining.join().unwrap_or_else(|_| Ok(Vec::new()));
    // Only until its number may belong to another.
    drop(listening);
    let status = child.wait().map_err(ToolError::Listen)?;
    if halt.is_cancelled() {
        return Err(ToolError::Cancelled);
    }
    let said = said?;
    if status.success() {
        return Ok(said);
    }
    let complaint = complaint.unwrap_or_default();
    let complaint = String::from_utf8_lossy(&complaint);
    let complaint = complaint.trim();
    if complaint.is_empty() {
        return Err(ToolError::Failed(status.to_string()));
    }
    let cut = complaint.floor_char_boundary(COMPLAINT);
    Err(ToolError::Failed(complaint[..cut].to_owned()))
}

fn read(pipe: &mut impl Read) -> Result<Vec<u8>, ToolError> {
    let mut bytes = Vec::new();
    pipe.take(MOST + 1).read_to_end(&mut bytes).map_err(ToolError::Listen)?;
    if bytes.len() as u64 > MOST { Err(ToolError::TooMuch) } else { Ok(bytes) }
}
