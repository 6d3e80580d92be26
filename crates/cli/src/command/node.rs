//! `highroad node`: the data plane.

mod logs;
mod status;
mod top;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use node::client::NodeClient;
use node::node::{End, Node, OpenError, Settings};
use node::proxy::Cidr;
use node::supervisor;
use ports::clock::SystemClock;
use ports::entropy::SystemEntropy;
use ports::workloads::Unreachable;

use super::{Entry, Example};
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::{telling, wire};

/// Run services on this machine, and steer requests to them
///
/// Keeps instances alive and splits requests between releases as its server says, and goes on doing
/// both when the server is gone. What it was told is on its disk. When it is killed, its instances
/// run on, and the next node takes them over.
///
/// Prints 'ready' and its addresses once it serves. SIGTERM or Ctrl-C lets requests finish; instances
/// keep running.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false, args_conflicts_with_subcommands = true)]
pub(crate) struct NodeCommand {
    #[command(subcommand)]
    part: Option<Part>,

    /// Where it takes HTTP requests: 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: Vec<SocketAddr>,

    /// Where it takes HTTPS requests; nowhere, if none is named
    #[arg(long, value_name = "ADDRESS", requires = "certificates")]
    https: Vec<SocketAddr>,

    /// The folder with certificates and their keys: NAME.crt beside NAME.key, looked at again as they change
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    certificates: Option<PathBuf>,

    /// A proxy before this one, as an address or a network, whose X-Forwarded headers are believed
    #[arg(long = "trust", value_name = "NETWORK")]
    trusted: Vec<Cidr>,

    /// Where its server speaks to it; node/node.sock in the data folder
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    socket: Option<PathBuf>,

    /// The key that secrets are sealed with at rest, made if it is not there; node/node.key in the data folder
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key_file: Option<PathBuf>,

    /// Threads that serve requests; as many as there are processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,

    /// How long requests may take to finish when it ends: 30
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=86_400))]
    drain: u32,

    /// Take the place of the node that runs here now, without a refused connection
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    Status(status::Status),
    Top(top::Top),
    Logs(logs::Logs),
}

/// Where a running node is found.
#[derive(Debug, clap::Args)]
struct Found {
    /// The node's socket; node/node.sock in the data folder
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    socket: Option<PathBuf>,
}

impl Found {
    fn client(&self, global: &Global) -> Result<NodeClient, Error> {
        let socket = match &self.socket {
            Some(socket) => socket.clone(),
            None => own_socket(&global.data()?),
        };
        Ok(NodeClient::of_watcher(&socket))
    }
}

const EXAMPLES: &[Example] = &[
    Example { line: "highroad node", does: "on http://127.0.0.1:8080, until it is told to end" },
    Example {
        line: "highroad node --http 0.0.0.0:80 --https 0.0.0.0:443 --certificates /etc/highroad/tls",
        does: "open to the world",
    },
    Example {
        line: "highroad node --replace",
        does: "after an upgrade: takes over, drops nothing",
    },
];

pub(super) const ENTRY: Entry = Entry {
    name: "node",
    examples: EXAMPLES,
    below: &[
        Entry::new(
            "status",
            &[Example {
                line: "highroad node status",
                does: "what runs, and who gets the requests",
            }],
        ),
        Entry::new(
            "top",
            &[Example {
                line: "highroad node top",
                does: "requests, errors and times, second by second",
            }],
        ),
        Entry::new(
            "logs",
            &[Example {
                line: "highroad node logs shop/production -f",
                does: "what its instances print, as they print it",
            }],
        ),
    ],
};

impl NodeCommand {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self.part {
            Some(Part::Status(status)) => status.run(global, terminal),
            Some(Part::Top(top)) => top.run(global, terminal),
            Some(Part::Logs(logs)) => logs.run(global, terminal),
            None => {
                telling::begin();
                let data = global.absolute_data()?;
                wire::block_on(self.serve(&data, terminal))
            }
        }
    }

    async fn serve(self, data: &Path, terminal: &mut Terminal) -> Result<Exit, Error> {
        // From now on no signal is missed.
        let mut signals = wire::Signals::new()?;
        let node = Node::open(self.settings(data)).await.map_err(|error| told(&error))?;
        terminal.print(&format!("ready {}\n", addresses(&node)))?;
        terminal.flush()?;
        let end = node.serve(signals.told_to_end()).await;
        match end.map_err(|error| Error::io("the node cannot go on", &error))? {
            End::Told => tracing::info!("told to end: instances run on"),
            End::Replaced => tracing::info!("another node has taken over"),
        }
        Ok(Exit::Success)
    }

    fn settings(self, data: &Path) -> Settings {
        // This very program, also when another one has been put in its place meanwhile.
        let program = PathBuf::from("/proc/self/exe");
        let folder = data.join("node");
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        Settings {
            socket: self.socket.unwrap_or_else(|| own_socket(data)),
            key_file: self.key_file.unwrap_or_else(|| folder.join("node.key")),
            http: self.http,
            https: self.https,
            threads: self.threads.map(usize::from),
            certificates: self.certificates,
            trusted: self.trusted,
            access_log: Some(folder.join("access.log")),
            supervisor: supervisor::Settings::new(supervisor::Launcher {
                program,
                args: vec![crate::internal::INSTANCE.into()],
            }),
            replace: self.replace,
            drain: Duration::from_secs(self.drain.into()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock,
            entropy,
            folder,
        }
    }
}

fn own_socket(data: &Path) -> PathBuf {
    data.join("node/node.sock")
}

fn addresses(node: &Node) -> String {
    let (http, https) = node.addresses();
    let http = http.iter().map(|address| format!("http://{address}"));
    let https = https.iter().map(|address| format!("https://{address}"));
    http.chain(https).collect::<Vec<_>>().join(" ")
}

fn told(error: &OpenError) -> Error {
    let exit = match error {
        OpenError::Taken(_) => Exit::Refused,
        _ => Exit::Io,
    };
    let told = Error::new(exit, error.to_string()).caused_like(error);
    match error {
        OpenError::Taken(_) => {
            told.hint("--replace takes its place, or name another folder: --data DIR")
        }
        OpenError::Listen { .. } => {
            told.hint("is another server running there? --http ADDRESS names another place")
        }
        _ => told,
    }
}

fn unreachable(error: &Unreachable) -> Error {
    Error::new(Exit::Io, error.0.clone()).hint("is a node running? 'highroad node' starts one")
}
