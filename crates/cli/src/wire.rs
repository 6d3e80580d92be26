//! The one place where the ports get what is behind them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jobs::remote::{Client, ClientError, RemoteDepot};
use model::fact::{Actor, ActorName};
use ports::clock::{Clock, SystemClock};
use ports::depot::{Carrier, Depot};
use ports::entropy::{Entropy, SystemEntropy};
use ports::store::{Store, StoreError};
use store::depot::{EmbeddedDepot, Options};
use store::postgres::PostgresStore;
use store::sqlite::{Mode, SqliteStore};
use store::tokens::TokenFile;
use store::vault::{EmbeddedVault, RootKeys};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::briefing::Depots;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::late_depot::LateDepot;

/// The database, to be read only: it is neither made nor changed, and a server may have it.
pub(crate) async fn store_to_read(database: &Database) -> Result<Box<dyn Store>, Error> {
    let opened: Result<Box<dyn Store>, _> = match database {
        Database::File(path) => {
            SqliteStore::open(path, Mode::Reader).map(|store| Box::new(store) as _)
        }
        Database::Postgres(url) => {
            PostgresStore::open_read_only(url.expose()).await.map(|store| Box::new(store) as _)
        }
    };
    opened.map_err(|failure| database.failure(&failure))
}

/// The database to change it: it is made if there is none. A file belongs to nobody else then. Why
/// it cannot be had is for the caller to explain.
pub(crate) async fn store_to_write(database: &Database) -> Result<Box<dyn Store>, StoreError> {
    match database {
        Database::File(path) => {
            SqliteStore::open(path, Mode::Server).map(|store| Box::new(store) as _)
        }
        Database::Postgres(url) => {
            PostgresStore::open(url.expose()).await.map(|store| Box::new(store) as _)
        }
    }
}

/// The secrets in a database.
pub(crate) fn vault(store: Arc<dyn Store>, keys: RootKeys) -> EmbeddedVault {
    EmbeddedVault::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy), keys)
}

/// Where artifacts and caches are on this machine.
pub(crate) fn depot_folder(data: &Path) -> PathBuf {
    data.join("depot")
}

pub(crate) fn depot(data: &Path) -> Arc<dyn Carrier> {
    Arc::new(LateDepot::at(&depot_folder(data)))
}

/// Where a job's artifacts and caches are, told in its briefing; `passing` is for what is on the way.
pub(crate) fn depot_of(told: &Depots, passing: PathBuf) -> Result<Arc<dyn Depot>, ClientError> {
    let (url, token) = match told {
        Depots::Folder(folder) => return Ok(Arc::new(LateDepot::at(folder))),
        Depots::Server { url, token } => (url, token),
    };
    let client = Arc::new(Client::new(url, token)?);
    let open = |folder: &Path| {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let options = Options { quota: ROOM, ..Options::default() };
        let depot = EmbeddedDepot::open(folder, options, clock, entropy)?;
        Ok(Box::new(depot) as Box<dyn Carrier>)
    };
    Ok(Arc::new(RemoteDepot::new(client, passing, Box::new(open))))
}

/// Room for everything, in bytes.
const ROOM: u64 = 1 << 50;

/// The tokens that the server knows.
pub(crate) fn tokens(data: &Path) -> TokenFile {
    TokenFile::new(data.join("tokens.json"))
}

/// A server's URL, and the token by which this program shows it who it is: given by options, or
/// else by `HIGHROAD_URL` and `HIGHROAD_TOKEN`.
pub(crate) fn server(
    url: Option<&str>,
    token_file: Option<&Path>,
) -> Result<(String, String), Error> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let url = url.map(str::to_owned).or_else(|| variable("HIGHROAD_URL")).ok_or_else(|| {
        Error::new(Exit::Usage, "which server?").hint("name it with --url URL, or in HIGHROAD_URL")
    })?;
    let token = match token_file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Error::io(format!("cannot read {}", path.display()), &error))?,
        None => variable("HIGHROAD_TOKEN").ok_or_else(|| {
            Error::new(Exit::Usage, "there is no token for the server")
                .hint("put it in HIGHROAD_TOKEN, or name the file that it is in: --token-file FILE")
        })?,
    };
    Ok((url, token.trim().to_owned()))
}

/// Asks the server that is named in this way.
pub(crate) fn client(url: Option<&str>, token_file: Option<&Path>) -> Result<Client, Error> {
    let (url, token) = server(url, token_file)?;
    client_of(&url, &token)
}

pub(crate) fn client_of(url: &str, token: &str) -> Result<Client, Error> {
    Client::new(url, token)
        .map_err(|error| Error::new(Exit::Usage, error.to_string()).caused_like(&error))
}

/// Why a server did not do what it was asked.
pub(crate) fn refused_by_server(error: &ClientError) -> Error {
    let exit = match error {
        ClientError::Refused { .. } => Exit::Refused,
        _ => Exit::Io,
    };
    Error::new(exit, format!("the server did not do it: {error}")).caused_like(error)
}

/// The signals by which a command is told to end. From the time that this is made none is missed.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::io("cannot wait for signals", &error));
        let interrupt = listen(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns when Ctrl-C was pressed.
    pub(crate) async fn interrupted(&mut self) {
        self.interrupt.recv().await;
    }

    /// Returns when Ctrl-C was pressed or SIGTERM has come.
    pub(crate) async fn told_to_end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Who sits at the terminal.
pub(crate) fn person() -> Actor {
    let login = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let login = login.as_deref().and_then(ActorName::new);
    Actor::Person(login.or_else(|| ActorName::new("nobody")).expect("it is a name"))
}

pub(crate) fn clock() -> impl Clock {
    SystemClock
}

pub(crate) fn entropy() -> impl Entropy {
    SystemEntropy
}

/// Random bytes, for what nobody is to guess.
pub(crate) fn random<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    for piece in bytes.chunks_mut(10) {
        piece.copy_from_slice(&SystemEntropy.draw()[..piece.len()]);
    }
    bytes
}

/// Runs what has to wait, on this thread alone. Commands that never wait do without.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::io("cannot set up a way to wait", &error))?;
    runtime.block_on(work)
}
