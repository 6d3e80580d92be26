//! `highroad server`: the control plane.

mod beside;
mod sweep;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use api::{Api, JobFile, JobFiles};
use axum::Router;
use conductor::{Conductor, Hands, Kinds, Settings as Pace};
use engine::group::Groups;
use engine::pipeline::Pipeline;
use jiff::SignedDuration;
use jobs::remote::{self, Hub, HubSettings};
use jobs::secrets::Named;
use model::id::JobId;
use model::pipeline::Order;
use ports::BoxFuture;
use ports::clock::{Clock, SystemClock};
use ports::depot::Carrier;
use ports::entropy::Entropy as _;
use ports::store::Store;
use ports::tokens::{Scope, Tokens};
use ports::vault::{Vault as _, VaultError};
use store::vault::{EmbeddedVault, RootKeys};
use tokio::net::TcpListener;

use super::Example;
use crate::briefing::Instruction;
use crate::command_line::Global;
use crate::database::Database;
use crate::demand::{self, Demand};
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::{root_keys, telling, wire};
use beside::Beside;
use sweep::Sweep;

/// Run the server: it decides what happens, records it, and gives runners their jobs
///
/// Prints 'ready' and its address once it answers. Whatever it has acknowledged survives its being
/// killed, and a new one goes on where it was. Every path but /healthz wants a token: 'highroad
/// token create'.
///
/// It starts a runner on this machine, a process of its own: that goes on when the server ends, and
/// is its runner again when it is back. Others join with 'highroad runner'.
///
/// It listens on this machine only, until told otherwise, and it does not encrypt: for other
/// machines, put something before it that speaks TLS.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// Where it listens: 127.0.0.1:7070
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,

    /// How long a runner may be silent before its jobs are lost, and begun again elsewhere: 60
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    runner_timeout: u32,

    /// Start no runner beside the server: jobs wait for those of 'highroad runner'
    #[arg(long)]
    no_runner: bool,

    /// How many jobs the runner beside it takes at the same time; as many as there are processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    #[arg(conflicts_with = "no_runner")]
    runner_slots: Option<u16>,

    /// A label that the runner beside it offers besides
    #[arg(long = "runner-label", value_name = "LABEL", conflicts_with = "no_runner")]
    runner_labels: Vec<String>,

    /// For how long the logs of jobs that are over are kept: 90d, or hours as in 36h
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = span)]
    keep_logs: SignedDuration,

    /// For how long what a run checks out is kept, once it is over: 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = span)]
    keep_sources: SignedDuration,

    #[arg(long = "actions", value_name = "URL")]
    #[arg(help = "Where runners get actions from: a git URL with {owner} and {repo} in it (or \
                  HIGHROAD_ACTIONS)")]
    actions: Option<String>,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad server", does: "on http://127.0.0.1:7070, until it is interrupted" },
    Example {
        line: "highroad server --data /var/lib/highroad --listen 127.0.0.1:8080",
        does: "with a folder and a port of its own",
    },
];

/// How long a runner's question is kept open: shorter than what proxies on the way allow.
const PATIENCE: SignedDuration = SignedDuration::from_secs(25);
/// The most bytes of a job's log that are kept.
const MOST_OF_A_LOG: u64 = 16 << 30;

impl Server {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        telling::begin();
        let (data, database) = (global.absolute_data()?, global.database()?);
        wire::block_on(self.serve(&data, &database, terminal))
    }

    async fn serve(
        self,
        data: &Path,
        database: &Database,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        let store = wire::store_to_write(database).await;
        let store: Arc<dyn Store> = Arc::from(store.map_err(|failure| database.failure(&failure))?);
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            Error::io(format!("cannot listen on {}", self.listen), &error)
                .hint("is another server running there? --listen ADDRESS names another place")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::io("cannot tell where it listens", &error))?;
        let mut signals = wire::Signals::new()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let keys = RootKeys::new(root_keys::given(|| Ok(data.to_owned()))?);
        let vault =
            Arc::new(Vault { vault: wire::vault(store.clone(), keys), store: store.clone() });
        let hub = self.hub(data, &clock, vault)?;
        let hands = Hands { jobs: Arc::new(hub.clone()), ..Hands::default() };
        let kinds = Kinds::default().with(Pipeline).with(Groups);
        let (conductor, handle) =
            Conductor::new(store.clone(), hands, clock.clone(), kinds, pace(database));
        let beside = self.beside(data, address)?;
        let beside = async {
            match beside {
                Some(beside) => beside.for_ever().await,
                None => std::future::pending().await,
            }
        };
        let tokens: Arc<dyn Tokens> = Arc::new(wire::tokens(data));
        let jobs = Arc::new(Files(hub.clone()));
        let api = Api { handle, store: store.clone(), clock, jobs };
        let sweep = Sweep {
            hub: hub.clone(),
            store: store.clone(),
            clock: api.clock.clone(),
            keep_logs: self.keep_logs,
            keep_sources: self.keep_sources,
        };
        let router = routes(api, &hub, wire::depot(data), &tokens, store);

        terminal.print(&format!("ready http://{address}\n"))?;
        terminal.flush()?;
        if !address.ip().is_loopback() {
            tracing::warn!("other machines can reach {address}, and nothing there is encrypted");
        }
        let served = tokio::select! {
            served = axum::serve(listener, router) => served,
            () = conductor.run() => {
                return Err(Error::new(Exit::Bug, "the conductor has stopped"));
            }
            () = hub.watch() => Ok(()),
            () = sweep.for_ever() => Ok(()),
            () = beside => Ok(()),
            () = signals.told_to_end() => Ok(()),
        };
        served.map_err(|error| Error::io("cannot serve any more", &error))?;
        Ok(Exit::Success)
    }

    /// The runner that it is to have.
    fn beside(&self, data: &Path, address: SocketAddr) -> Result<Option<Beside>, Error> {
        if self.no_runner {
            return Ok(None);
        }
        // It is reached from here whatever else it listens to.
        let ip = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        if !ip.is_loopback() {
            tracing::warn!("{ip} is not this machine's own address: no runner is started beside");
            return Ok(None);
        }
        let url = format!("http://{}", SocketAddr::new(ip, address.port()));
        let (slots, labels) = (self.runner_slots, self.runner_labels.clone());
        let beside = Beside { data: data.to_owned(), url, slots, labels };
        beside.prepare(&wire::tokens(data))?;
        Ok(Some(beside))
    }

    fn hub(&self, data: &Path, clock: &Arc<dyn Clock>, vault: Arc<Vault>) -> Result<Hub, Error> {
        let actions = self.actions.clone().or_else(|| std::env::var("HIGHROAD_ACTIONS").ok());
        let brief = move |order: Arc<Order>| {
            let (actions, vault) = (actions.clone(), vault.clone());
            Box::pin(async move {
                let secrets = vault.secrets_of(&order).await?;
                let instruction = Instruction { actions, secrets };
                serde_json::to_value(instruction).map_err(|error| error.to_string())
            }) as BoxFuture<'static, _>
        };
        let hub = Hub::new(HubSettings {
            folder: data.join("jobs"),
            ledger: data.join("given"),
            sources: data.join("sources"),
            brief: Box::new(brief),
            lease: SignedDuration::from_secs(self.runner_timeout.into()),
            patience: PATIENCE,
            most_bytes: MOST_OF_A_LOG,
            clock: clock.clone(),
        });
        hub.map_err(|error| Error::io("cannot tell to whom jobs were given", &error))
    }
}

/// `90d` or `36h`.
fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "expected days or hours, as in 90d or 36h".to_owned();
    let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (_, Some(hours)) => (hours, 1),
        _ => return Err(wrong()),
    };
    let number: u16 = number.parse().map_err(|_| wrong())?;
    Ok(SignedDuration::from_hours(i64::from(number) * hours))
}

/// What jobs are given of the secrets of their services.
struct Vault {
    vault: EmbeddedVault,
    store: Arc<dyn Store>,
}

impl Vault {
    async fn secrets_of(&self, order: &Order) -> Result<Named, String> {
        let Some(demand) = Demand::of(order, |_| false) else { return Ok(Named::new()) };
        let told = |failure: VaultError| format!("its secrets cannot be had: {failure}");
        if EmbeddedVault::sealed_under(&*self.store).await.map_err(told)?.is_none() {
            return Ok(Named::new());
        }
        let wanted = demand.wanted(order, order.service.clone())?;
        self.vault.resolve(&wanted).await.map(demand::named).map_err(told)
    }
}

/// What runners have sent of jobs.
#[derive(Debug)]
struct Files(Hub);

impl JobFiles for Files {
    fn read(&self, job: JobId, file: JobFile, offset: u64) -> io::Result<Vec<u8>> {
        let file = match file {
            JobFile::Log => remote::JobFile::Log,
            JobFile::Events => remote::JobFile::Events,
        };
        self.0.read(job, file, offset)
    }

    fn is_under_way(&self, job: JobId) -> bool {
        self.0.is_under_way(job)
    }
}

/// Who shows which token gets to which paths.
fn routes(
    api: Api,
    hub: &Hub,
    depot: Arc<dyn Carrier>,
    tokens: &Arc<dyn Tokens>,
    store: Arc<dyn Store>,
) -> Router {
    let people = api.router().merge(remote::for_people(hub.clone()));
    let runners = remote::for_runners(hub.clone()).merge(remote::for_depot(depot));
    let people = api::admit(people, Scope::Operator, tokens.clone());
    let runners = api::admit(runners, Scope::Runner, tokens.clone());
    api::health(store).merge(people).merge(runners)
}

/// Servers that share a database go by different names, and look for what others leave.
fn pace(database: &Database) -> Pace {
    match database {
        Database::File(_) => Pace::alone("server"),
        Database::Postgres(_) => {
            let [a, b, c, d, ..] = wire::entropy().draw();
            let lot = u32::from_be_bytes([a, b, c, d]);
            Pace::among_others(format!("server-{lot:08x}"))
        }
    }
}
