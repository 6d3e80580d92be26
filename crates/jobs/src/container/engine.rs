//! The engine: found, spoken to, and never waited for longer than the job may take.

use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use jiff::{SignedDuration, Timestamp};
use ports::clock::Clock;
use tokio::runtime::Runtime;

use super::address;
use crate::workbench::Host;
use crate::worker::CancelSignal;

/// Docker or Podman. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(super) docker: Docker,
    /// One thread speaks to the engine for all of the job's own.
    runtime: Arc<Runtime>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) socket: PathBuf,
    /// It runs with its user's rights only.
    pub(super) is_rootless: bool,
}

/// What ends waiting before the engine has answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Until {
    pub(crate) halt: CancelSignal,
    pub(crate) deadline: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("cancelled")]
    Cancelled,
    #[error("{0}: the engine took too long")]
    TooLong(String),
    /// What was asked, and what the engine said.
    #[error("{0}: {1}")]
    Said(String, String),
}

/// How long an answer is waited for that needs no work.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long one that is not known yet may take to say that it is there.
const GREETING: Duration = Duration::from_secs(5);
/// The library's own limit: it knows no cancel, so ours count.
const FOREVER: u64 = 7 * 24 * 60 * 60;

impl Engine {
    /// The first engine that answers. `Err` is why there is none, as the end of a sentence.
    pub(crate) fn find(host: &Host, clock: &Arc<dyn Clock>) -> Result<Self, String> {
        let sockets = address::sockets(host)?;
        let nobody = "neither Docker nor Podman answers on this machine: start one, or name it by \
                      DOCKER_HOST";
        let found: Vec<&PathBuf> = sockets.iter().filter(|socket| socket.exists()).collect();
        if found.is_empty() {
            return Err(nobody.to_owned());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("engine")
            .enable_all()
            .build()
            .map_err(|error| format!("it cannot be spoken to: {error}"))?;
        let runtime = Arc::new(runtime);
        let mut refusals = Vec::new();
        for socket in found {
            match Self::connect(socket, &runtime, clock) {
                Ok(engine) => return Ok(engine),
                Err(why) => refusals.push(format!("{}: {why}", socket.display())),
            }
        }
        Err(format!("{nobody} ({})", refusals.join("; ")))
    }

    fn connect(
        socket: &Path,
        runtime: &Arc<Runtime>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let path = socket.to_string_lossy();
        let docker = Docker::connect_with_unix(&path, FOREVER, API_DEFAULT_VERSION)
            .map_err(|error| error.to_string())?;
        let mut engine = Self {
            docker: docker.clone(),
            runtime: runtime.clone(),
            clock: clock.clone(),
            socket: socket.to_owned(),
            is_rootless: false,
        };
        let until = Until::default();
        engine.docker = engine
            .within(GREETING, "", &until, docker.negotiate_version())
            .map_err(|error| error.to_string())?;
        let info = engine
            .within(GREETING, "", &until, engine.docker.info())
            .map_err(|error| error.to_string())?;
        let security = info.security_options.unwrap_or_default();
        engine.is_rootless = security.iter().any(|option| option.contains("name=rootless"));
        Ok(engine)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Waits for an answer. `what` is asked, as errors say it.
    pub(super) fn wait<T>(
        &self,
        what: &str,
        until: &Until,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        self.within(PATIENCE, what, until, work)
    }

    /// The same for what may take as long as the job has.
    pub(super) fn wait_long<T>(
        &self,
        what: &str,
        until: &Until,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        self.at_most(None, what, until, work)
    }

    pub(super) fn within<T>(
        &self,
        patience: Duration,
        what: &str,
        until: &Until,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        self.at_most(Some(patience), what, until, work)
    }

    fn at_most<T>(
        &self,
        patience: Option<Duration>,
        what: &str,
        until: &Until,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineError> {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let _listening = until.halt.on_cancel(move || {
            // Who no longer listens needs no telling.
            let _ = tell.send(());
        });
        let patient = patience.map(|patience| self.after(patience));
        let end = [patient, until.deadline].into_iter().flatten().min();
        self.runtime.block_on(async {
            let (mut work, mut told) = (pin!(work), pin!(told));
            let mut late = end.map(|end| self.clock.sleep_until(end));
            poll_fn(|context| {
                if let Poll::Ready(answer) = work.as_mut().poll(context) {
                    return Poll::Ready(
                        answer.map_err(|error| EngineError::Said(what.to_owned(), said(&error))),
                    );
                }
                if let Poll::Ready(Ok(())) = told.as_mut().poll(context) {
                    return Poll::Ready(Err(EngineError::Cancelled));
                }
                let is_late =
                    late.as_mut().is_some_and(|late| late.as_mut().poll(context).is_ready());
                if is_late {
                    return Poll::Ready(Err(EngineError::TooLong(what.to_owned())));
                }
                Poll::Pending
            })
            .await
        })
    }

    /// Has something done that nobody waits for.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Waits for some time; `Err` if that ends before.
    pub(super) fn pause(&self, pause: Duration, until: &Until) -> Result<(), EngineError> {
        let end = self.after(pause);
        self.wait_long("waiting", until, async {
            self.clock.sleep_until(end).await;
            Ok(())
        })
    }

    pub(super) fn after(&self, pause: Duration) -> Timestamp {
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_add(pause).unwrap_or(Timestamp::MAX)
    }

    /// What is needed to make sockets in its runtime.
    pub(super) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.enter()
    }
}

/// What an engine says of what went wrong, without how it was asked.
pub(super) fn said(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        other => crate::worker::chain(other),
    }
}

/// Whether the engine knows nothing of what it was asked about.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("socket", &self.socket).finish_non_exhaustive()
    }
}
