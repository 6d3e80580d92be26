//! The server's own runner: a process beside it, which goes on when the server ends in the middle of
//! its jobs, and is taken for its own again by the next one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use jiff::SignedDuration;
use model::fact::ActorName;
use ports::clock::{Clock, SystemClock};
use ports::tokens::{Scope, Tokens as _, TokensError};
use store::tokens::TokenFile;

use crate::error::Error;
use crate::wire;

/// The runner, as it is to be.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) data: PathBuf,
    pub(super) url: String,
    pub(super) slots: Option<u16>,
    pub(super) labels: Vec<String>,
}

/// Whose token it shows.
const NAME: &str = "the runner beside the server";
/// How often is looked whether it is there.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(1);
/// For how many seconds it waits for a server that has gone before it ends, once its jobs are over.
const PATIENCE: u32 = 600;

impl Beside {
    /// Sees to it that there is a token that the runner can show.
    pub(super) fn prepare(&self, tokens: &TokenFile) -> Result<(), Error> {
        let told = |failure: TokensError| Error::new(crate::exit::Exit::Io, failure.what);
        let known = fs::read_to_string(self.token_file()).unwrap_or_default();
        let bearer = tokens.bearer(known.trim()).map_err(told)?;
        if bearer.is_some_and(|bearer| bearer.may == Scope::Runner) {
            return Ok(());
        }
        let name = ActorName::new(NAME).expect("it is a name");
        tokens.revoke(&name).map_err(told)?;
        let token = tokens.create(name, Scope::Runner, SystemClock.now(), wire::random());
        let token = token.map_err(told)?.unwrap_or_default();
        let write = || {
            // Nobody else may read it.
            let mut file = tempfile::NamedTempFile::new_in(&self.data)?;
            file.write_all(token.as_bytes())?;
            file.persist(self.token_file()).map(drop).map_err(|error| error.error)
        };
        write().map_err(|error| Error::io("cannot keep the token of the server's runner", &error))
    }

    /// Starts it, and again whenever there is none.
    pub(super) async fn for_ever(self) {
        let mut child: Option<Child> = None;
        loop {
            if let Some(Ok(Some(status))) = child.as_mut().map(Child::try_wait) {
                let log = self.log();
                tracing::warn!(%status, log = %log.display(), "the server's runner has ended");
                child = None;
            }
            if child.is_none() && !self.is_there() {
                match self.start() {
                    Ok(new) => child = Some(new),
                    Err(error) => tracing::error!(%error, "the server's runner cannot be started"),
                }
            }
            SystemClock.sleep_until(SystemClock.now() + LOOK_EVERY).await;
        }
    }

    /// Whether a runner has the folder: this server's, an earlier one's, or one that a person has
    /// started.
    fn is_there(&self) -> bool {
        let lock = File::open(self.data.join("runner/lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    fn start(&self) -> io::Result<Child> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut runner = Command::new(std::env::current_exe()?);
        runner.args(["runner", "--url", &self.url, "--token-file"]).arg(self.token_file());
        runner.arg("--data").arg(&self.data);
        runner.arg("--depot").arg(wire::depot_folder(&self.data));
        runner.args(["--until-silent", &PATIENCE.to_string()]);
        if let Some(slots) = self.slots {
            runner.args(["--slots", &slots.to_string()]);
        }
        for label in &self.labels {
            runner.args(["--label", label]);
        }
        runner.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // What ends the server from a terminal does not reach it.
        let child = runner.process_group(0).spawn()?;
        // For whoever wants to end it; nothing depends on it.
        let _ = fs::write(self.data.join("runner.pid"), format!("{}\n", child.id()));
        Ok(child)
    }

    fn token_file(&self) -> PathBuf {
        self.data.join("runner.token")
    }

    fn log(&self) -> PathBuf {
        self.data.join("runner.log")
    }
}
