//! `highroad approve`, `reject` and `cancel`: words to a run on a server.

use std::path::PathBuf;

use engine::pipeline::Word;
use hyper::Method;
use model::id::{CommandId, RunId};
use ports::clock::Clock as _;
use ports::entropy::Entropy;
use serde::Deserialize;
use serde_json::json;

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::wire;

/// Let the jobs of a run enter an environment
///
/// Jobs whose environment has 'approvals' in highroad.yaml wait for as many people. Nobody approves
/// a run that they began themselves, and nobody counts twice.
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    entry: Entry,
}

/// Do not let the jobs of a run enter an environment
#[derive(Debug, clap::Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    entry: Entry,
}

/// End a run on a server
///
/// What runs is told to end; what is to run always still runs, unless by force.
#[derive(Debug, clap::Args)]
pub(crate) struct Cancel {
    /// The run, as the journal and 'highroad run' show it
    #[arg(value_name = "RUN")]
    run: RunId,

    /// Do not run what is to run always, either
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
struct Entry {
    /// The run, as the journal and 'highroad run' show it
    #[arg(value_name = "RUN")]
    run: RunId,

    #[arg(value_name = "ENVIRONMENT", help = "What its jobs wait to enter")]
    environment: String,

    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
struct Server {
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    #[arg(help = "The server (or HIGHROAD_URL)")]
    url: Option<String>,

    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(help = "A file with the token for the server in it (or HIGHROAD_TOKEN)")]
    token_file: Option<PathBuf>,
}

pub(super) const APPROVE: &[Example] = &[Example {
    line: "highroad approve run_01m7zrww4be48t4g8tjm687t6j production",
    does: "on the server that HIGHROAD_URL names",
}];

pub(super) const REJECT: &[Example] = &[Example {
    line: "highroad reject run_01m7zrww4be48t4g8tjm687t6j production",
    does: "its jobs for production fail",
}];

pub(super) const CANCEL: &[Example] =
    &[Example { line: "highroad cancel run_01m7zrww4be48t4g8tjm687t6j", does: "whoever began it" }];

/// What the server says to it.
#[derive(Debug, Deserialize)]
struct Answer {
    is_refusal: bool,
    text: String,
}

impl Approve {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let Entry { run, environment, server } = self.entry;
        server.tell(run, &Word::Approve { environment }, terminal)
    }
}

impl Reject {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let Entry { run, environment, server } = self.entry;
        server.tell(run, &Word::Reject { environment }, terminal)
    }
}

impl Cancel {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        self.server.tell(self.run, &Word::Cancel { force: self.force }, terminal)
    }
}

impl Server {
    fn tell(&self, run: RunId, word: &Word, terminal: &mut Terminal) -> Result<Exit, Error> {
        let client = wire::client(self.url.as_deref(), self.token_file.as_deref())?;
        let entropy: &dyn Entropy = &wire::entropy();
        let command = entropy.id(CommandId::new, wire::clock().now());
        let question = json!({ "command": command, "word": word });
        let path = format!("/api/v1/runs/{run}/words");
        let answer: Answer = wire::block_on(async {
            let answer = client.ask(Method::POST, &path, &question).await;
            answer.map_err(|error| wire::refused_by_server(&error))
        })?;
        if answer.is_refusal {
            return Err(Error::new(Exit::Refused, answer.text));
        }
        if terminal.json() {
            terminal.print_json(&json!({ "run": run, "answer": answer.text }))?;
        } else {
            terminal.print(&format!("{}\n", answer.text))?;
        }
        Ok(Exit::Success)
    }
}
