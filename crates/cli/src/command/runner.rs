//! `highroad runner`: executes jobs for a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use jobs::host::Labels;
use jobs::remote::{ClientError, Drain, Parcel, RunnerError, RunnerSettings, SessionId};
use ports::clock::SystemClock;
use serde::Deserialize as _;
use tokio::sync::watch;

use super::Example;
use super::confines::{Confines, warn_of};
use crate::briefing::{Briefing, Depots, Instruction, Origin};
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::{telling, wire};

/// Execute jobs for a server, on this machine
///
/// Asks the server for jobs whose labels it offers, and executes them in workspaces of their own
/// below the data folder. The token is in HIGHROAD_TOKEN, or in the file that --token-file names.
///
/// When the server goes away its jobs go on, and what they say is sent once it is back. SIGTERM or
/// Ctrl-C lets the jobs finish and takes no more; a second one cancels them.
#[derive(Debug, clap::Args)]
pub(crate) struct Runner {
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    #[arg(help = "The server (or HIGHROAD_URL)")]
    url: Option<String>,

    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(help = "A file with the token in it (or HIGHROAD_TOKEN)")]
    token_file: Option<PathBuf>,

    /// What it is called in reports; the machine's name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// A label that it offers besides self-hosted and the operating system's name
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,

    /// Take jobs for the hosted machines of this family, such as 'ubuntu-', too; that one if none is named
    #[arg(long = "stand-in-for", value_name = "PREFIX", default_values = ["ubuntu-"])]
    stands_in_for: Vec<String>,

    /// How many jobs at the same time; as many as there are processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    slots: Option<u16>,

    /// For how many minutes the workspace of a job that failed is kept, to go on from there: 60
    #[arg(long, value_name = "MINUTES", default_value = "60")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=100_000))]
    keep_failed: u32,

    /// Keep caches and artifacts in a folder of this machine, for its own jobs; without, the server
    /// keeps them for all runners
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    depot: Option<PathBuf>,

    /// End once the server was silent for so long and no job is left
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    until_silent: Option<u32>,

    #[command(flatten)]
    confines: Confines,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        line: "highroad runner --url https://highroad.example.com --label gpu",
        does: "with the token in HIGHROAD_TOKEN",
    },
    Example {
        line: "highroad runner --url http://127.0.0.1:7070 --token-file token --slots 8",
        does: "beside the server, eight jobs at the same time",
    },
];

impl Runner {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        telling::begin();
        warn_of(self.confines.bounds(), terminal);
        let data = global.absolute_data()?;
        wire::block_on(self.work(&data))
    }

    async fn work(self, data: &Path) -> Result<Exit, Error> {
        let (url, token) = wire::server(self.url.as_deref(), self.token_file.as_deref())?;
        let client = wire::client_of(&url, &token)?;
        let depot = match &self.depot {
            Some(folder) => Depots::Folder(std::path::absolute(folder).map_err(|error| {
                Error::io(format!("cannot tell where {} is", folder.display()), &error)
            })?),
            None => Depots::Server { url, token },
        };
        let program = std::env::current_exe()
            .map_err(|error| Error::io("cannot tell which program this is", &error))?;
        let own = std::thread::available_parallelism().map_or(2, usize::from);
        let mut offered = vec!["self-hosted".to_owned(), std::env::consts::OS.to_owned()];
        offered.extend(self.labels.iter().cloned());
        let settings = RunnerSettings {
            client: Arc::new(client),
            name: self.name.clone().unwrap_or_else(machine),
            labels: Labels { offered, stands_in_for: self.stands_in_for.clone() },
            slots: self.slots.map_or(own, usize::from),
            folder: data.join("runner"),
            worker: (program, vec![crate::internal::WORKER.to_owned()]),
            brief: self.brief(data, depot),
            keep_failed: SignedDuration::from_mins(self.keep_failed.into()),
            until_silent: self.until_silent.map(|it| SignedDuration::from_secs(it.into())),
            session: SessionId::new(wire::random()),
            clock: Arc::new(SystemClock),
        };
        let runner = jobs::remote::Runner::new(settings).map_err(|error| refused(&error))?;
        let (tell, drain) = watch::channel(Drain::No);
        let mut signals = wire::Signals::new()?;
        let listen = async {
            for stage in [Drain::Gently, Drain::Now] {
                signals.told_to_end().await;
                tracing::info!(?stage, "told to end");
                tell.send_replace(stage);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = runner.run(drain) => ended.map_err(|error| refused(&error))?,
            () = listen => {}
        }
        Ok(Exit::Success)
    }

    fn brief(&self, data: &Path, depot: Depots) -> jobs::remote::RunnerBrief {
        let runner = self.name.clone().unwrap_or_else(machine);
        let (data, bounds) = (data.to_owned(), self.confines.bounds());
        let no_network = self.confines.no_network;
        let sandbox = self.confines.sandbox || no_network;
        Box::new(move |parcel: &Parcel, source: Option<&Path>, earlier: Option<&Path>| {
            let Instruction { actions, secrets } = Instruction::deserialize(&parcel.briefing)
                .map_err(|error| format!("the server speaks another language: {error}"))?;
            let briefing = Briefing {
                runner: runner.clone(),
                data: data.clone(),
                depot: depot.clone(),
                origin: source.map_or(Origin::Nothing, |path| Origin::Repository(path.to_owned())),
                actions,
                secrets,
                env: Vec::new(),
                earlier: earlier.map(Path::to_owned),
                sandbox,
                no_network,
                stays: false,
                bounds,
            };
            serde_json::to_value(briefing).map_err(|error| error.to_string())
        })
    }
}

fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn refused(error: &RunnerError) -> Error {
    let exit = match error {
        RunnerError::Refused(ClientError::Refused { .. }) | RunnerError::Taken(_) => Exit::Refused,
        _ => Exit::Io,
    };
    let told = Error::new(exit, error.to_string()).caused_like(error);
    match error {
        RunnerError::Refused(_) => {
            told.hint("make a token on the server: highroad token create NAME --for runner")
        }
        RunnerError::Taken(_) => told.hint("give each runner a folder of its own: --data DIR"),
        RunnerError::Folder { .. } => told,
    }
}
