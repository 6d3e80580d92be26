//! A program in a container: executed for a step, or asked something.
//!
//! What it prints comes through a pipe as a process's output does, so that a step is attended to in
//! the same way wherever it is executed.

mod forward;
mod signal;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use bollard::container::AttachContainerResults;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::AttachContainerOptions;
use futures_util::StreamExt as _;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::net::unix::pipe::Sender;

use super::engine::{Engine, EngineError, Until};
use super::place::Place;
use crate::process::{Attended, Exit, Left, Leftover, ProcessTree};
use forward::{Done, Forward, Output};

/// A program with all that it needs.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) folder: String,
    /// What one of its variables holds that no other program's does.
    pub(crate) tracking: String,
}

/// A running program of a step.
pub(crate) struct Remote {
    engine: Engine,
    tree: ProcessTree,
    output: OwnedFd,
    done: Done,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// One of several programs in a container.
    Program { container: String, exec: String, tracking: String },
    /// The container itself.
    Container { id: String },
}

/// What is read at once of what it prints.
const READ: usize = 64 << 10;
/// What a pipe holds, if the kernel lets it.
const PIPE: usize = 1 << 20;
/// The most that is taken of what a program says that is asked something.
const MOST: usize = 1 << 20;

impl Remote {
    /// Executes a program in a container that runs.
    pub(crate) fn execute(
        place: &Place,
        tree: &ProcessTree,
        command: Command,
        until: &Until,
    ) -> Result<Self, EngineError> {
        let engine = &place.engine;
        let tracking = command.tracking.clone();
        let what = format!("`{}` cannot be started in the container", command.words[0]);
        let (exec, output) = engine.wait(&what, until, start(engine, &place.id, command))?;
        let container = place.id.clone();
        Self::attend(engine, tree, output, What::Program { container, exec, tracking }, &what)
    }

    /// Starts a container and executes what it is made for.
    pub(crate) fn start(
        place: &Place,
        tree: &ProcessTree,
        until: &Until,
    ) -> Result<Self, EngineError> {
        let engine = &place.engine;
        let options = AttachContainerOptions {
            stream: true,
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        let what = format!("the container {} cannot be listened to", place.shown);
        // First, so that nothing is missed.
        let attached = engine.docker.attach_container(&place.id, Some(options));
        let AttachContainerResults { output, .. } = engine.wait(&what, until, attached)?;
        place.start(until)?;
        Self::attend(engine, tree, output, What::Container { id: place.id.clone() }, &what)
    }

    fn attend(
        engine: &Engine,
        tree: &ProcessTree,
        stream: Output,
        what: What,
        shown: &str,
    ) -> Result<Self, EngineError> {
        let wrong = |error: io::Error| EngineError::Said(shown.to_owned(), error.to_string());
        let (output, input) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|error| wrong(error.into()))?;
        // A user with many pipes may have only small ones.
        let _ = fcntl_setpipe_size(&output, PIPE);
        let done = Done::new().map_err(wrong)?;
        let pipe = {
            let _runtime = engine.enter();
            Sender::from_owned_fd(input).map_err(wrong)?
        };
        let forward = Forward {
            docker: engine.docker.clone(),
            clock: engine.clock.clone(),
            what: what.clone(),
            done: done.clone(),
        };
        engine.spawn(forward.run(stream, pipe));
        Ok(Self { engine: engine.clone(), tree: tree.clone(), output, done, what })
    }
}

impl Attended for Remote {
    fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    fn into_output(self: Box<Self>) -> OwnedFd {
        self.output
    }

    fn handle(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    fn tree(&self) -> &ProcessTree {
        &self.tree
    }

    fn ended(&self) -> io::Result<Option<Exit>> {
        Ok(self.done.exit())
    }

    fn interrupt(&self) {
        self.what.signal(&self.engine, "INT");
    }

    fn terminate(&self) -> io::Result<Left> {
        Ok(if self.what.signal(&self.engine, "TERM") { Left::Unseen } else { Left::Nobody })
    }

    fn kill(&self) -> io::Result<Vec<Leftover>> {
        self.what.kill(&self.engine);
        // Its container goes with the job at the latest.
        Ok(Vec::new())
    }

    fn settle(&self) {}

    fn is_out_of_memory(&self) -> bool {
        self.done.is_out_of_memory()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("what", &self.what).finish_non_exhaustive()
    }
}

/// What a program in a container says, and how it ends.
pub(super) fn ask(
    engine: &Engine,
    container: &str,
    words: &[String],
    user: Option<&str>,
    patience: Duration,
    until: &Until,
) -> Result<(i64, Vec<u8>), EngineError> {
    let docker = &engine.docker;
    let config = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(words.to_vec()),
        user: user.map(str::to_owned),
        ..CreateExecOptions::default()
    };
    let what = format!("`{}` in the container", words.first().map_or("", String::as_str));
    engine.within(patience, &what, until, async {
        let exec = docker.create_exec(container, config).await?.id;
        let mut said = Vec::new();
        if let StartExecResults::Attached { mut output, .. } =
            docker.start_exec(&exec, None).await?
        {
            while let Some(part) = output.next().await {
                let part = part?;
                let room = MOST - said.len();
                said.extend_from_slice(&part.as_ref()[..part.as_ref().len().min(room)]);
            }
        }
        let code = forward::exit_code(docker, &exec, engine.clock.as_ref()).await?;
        Ok((code, said))
    })
}

async fn start(
    engine: &Engine,
    container: &str,
    command: Command,
) -> Result<(String, Output), bollard::errors::Error> {
    let pair = |(name, value): (String, String)| format!("{name}={value}");
    let config = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.words),
        env: Some(command.environment.into_iter().map(pair).collect()),
        working_dir: Some(command.folder),
        ..CreateExecOptions::default()
    };
    let exec = engine.docker.create_exec(container, config).await?.id;
    let options = StartExecOptions { output_capacity: Some(READ), ..StartExecOptions::default() };
    match engine.docker.start_exec(&exec, Some(options)).await? {
        StartExecResults::Attached { output, .. } => Ok((exec, output)),
        StartExecResults::Detached => Ok((exec, futures_util::stream::empty().boxed())),
    }
}
