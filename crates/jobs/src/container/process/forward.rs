//! From the engine's connection into the pipe of a step, until its program has ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use futures_util::{Stream, StreamExt as _};
use jiff::SignedDuration;
use ports::clock::Clock;
use rustix::event::{EventfdFlags, eventfd};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::Sender;

use super::What;
use crate::container::engine::is_missing;
use crate::process::Exit;

pub(super) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// How often it is looked whether a program has ended whose output is held open by others.
const LOOK: SignedDuration = SignedDuration::from_secs(1);
/// The same once its output has ended, and how many times in vain.
const LAST_LOOK: SignedDuration = SignedDuration::from_millis(50);
const MOST_LOOKS: usize = 600;
/// How often a program is seen to have ended until that is believed without proof.
const DOUBTS: usize = 2;
/// How a program ends of which the engine knows nothing any more: with its container.
const GONE: Exit = Exit::Signal(9);
/// What a shell says of a program that was killed.
const KILLED: i64 = 137;

/// How a program ended, once it has. Clones are of the same one.
#[derive(Debug, Clone)]
pub(super) struct Done(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    event: OwnedFd,
    how: OnceLock<(Exit, bool)>,
}

impl Done {
    pub(super) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Shared { event, how: OnceLock::new() })))
    }

    fn tell(&self, exit: Exit, is_out_of_memory: bool) {
        // It ends once.
        let _ = self.0.how.set((exit, is_out_of_memory));
        let _ = rustix::io::write(&self.0.event, &1_u64.to_ne_bytes());
    }

    pub(super) fn exit(&self) -> Option<Exit> {
        self.0.how.get().map(|(exit, _)| *exit)
    }

    pub(super) fn is_out_of_memory(&self) -> bool {
        self.0.how.get().is_some_and(|(_, is_so)| *is_so)
    }
}

/// Ready to be read when the program has ended.
impl AsFd for Done {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

pub(super) struct Forward {
    pub(super) docker: Docker,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) what: What,
    pub(super) done: Done,
}

impl Forward {
    pub(super) async fn run(self, mut output: Output, pipe: Sender) {
        let mut pipe = Some(pipe);
        let mut unsure = 0;
        let mut nap = self.nap(LOOK);
        let exit = loop {
            tokio::select! {
                part = output.next() => match part {
                    Some(Ok(part)) => write(&mut pipe, part.as_ref()).await,
                    // A connection that breaks tells no more than one that ends.
                    Some(Err(_)) | None => break self.last_looks().await,
                },
                () = &mut nap => {
                    nap = self.nap(LOOK);
                    match self.look().await {
                        Ok(Seen::Ended(exit, true)) => break exit,
                        // One that Podman has not begun yet looks as if it had ended.
                        Ok(Seen::Ended(exit, false)) if unsure >= DOUBTS => break exit,
                        Ok(Seen::Ended(_, false)) => unsure += 1,
                        Ok(Seen::Running) => unsure = 0,
                        Err(_) => {}
                    }
                }
            }
        };
        let is_out_of_memory = exit == exit_of(KILLED) && self.had_no_memory().await;
        self.done.tell(exit, is_out_of_memory);
        // Others may print on.
        while let Some(Ok(part)) = output.next().await {
            write(&mut pipe, part.as_ref()).await;
            if pipe.is_none() {
                break;
            }
        }
    }

    async fn last_looks(&self) -> Exit {
        for _ in 0..MOST_LOOKS {
            match self.look().await {
                Ok(Seen::Ended(exit, _)) => return exit,
                Err(error) if is_missing(&error) => return GONE,
                Ok(Seen::Running) | Err(_) => {}
            }
            self.nap(LAST_LOOK).await;
        }
        GONE
    }

    async fn look(&self) -> Result<Seen, Error> {
        match &self.what {
            What::Program { exec, .. } => look(&self.docker, exec).await,
            What::Container { id } => {
                let found = self.docker.inspect_container(id, None).await?;
                let state = found.state.unwrap_or_default();
                Ok(match (state.running, state.exit_code) {
                    (Some(false), Some(code)) => Seen::Ended(exit_of(code), false),
                    _ => Seen::Running,
                })
            }
        }
    }

    async fn had_no_memory(&self) -> bool {
        let (What::Program { container: id, .. } | What::Container { id }) = &self.what;
        let found = self.docker.inspect_container(id, None).await;
        found.is_ok_and(|found| found.state.and_then(|state| state.oom_killed).unwrap_or(false))
    }

    fn nap(&self, nap: SignedDuration) -> ports::BoxFuture<'static, ()> {
        self::nap(self.clock.as_ref(), nap)
    }
}

enum Seen {
    Running,
    /// And whether the engine knows that it had begun.
    Ended(Exit, bool),
}

/// Waits until a program has ended whose output has.
pub(super) async fn exit_code(
    docker: &Docker,
    exec: &str,
    clock: &dyn Clock,
) -> Result<i64, Error> {
    for _ in 0..MOST_LOOKS {
        if let Seen::Ended(Exit::Code(code), _) = look(docker, exec).await? {
            return Ok(code.into());
        }
        nap(clock, LAST_LOOK).await;
    }
    Err(Error::RequestTimeoutError)
}

async fn look(docker: &Docker, exec: &str) -> Result<Seen, Error> {
    let found = docker.inspect_exec(exec).await?;
    Ok(match (found.running, found.exit_code) {
        (Some(false), Some(code)) => Seen::Ended(exit_of(code), found.can_remove == Some(true)),
        _ => Seen::Running,
    })
}

fn exit_of(code: i64) -> Exit {
    Exit::Code(i32::try_from(code).unwrap_or(i32::MAX))
}

fn nap(clock: &dyn Clock, nap: SignedDuration) -> ports::BoxFuture<'static, ()> {
    let end = clock.now().checked_add(nap).unwrap_or(jiff::Timestamp::MAX);
    clock.sleep_until(end)
}

/// Writes until nobody reads any more.
async fn write(pipe: &mut Option<Sender>, bytes: &[u8]) {
    if let Some(open) = pipe
        && open.write_all(bytes).await.is_err()
    {
        *pipe = None;
    }
}
