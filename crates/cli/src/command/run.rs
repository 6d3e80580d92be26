//! `highroad run`: a repository's workflows, executed on this machine without any server.

mod executor;
mod list;
mod occasion;
mod remote;
mod report;
mod secrets;
mod selection;
mod shell;
mod tail;
mod view;
mod witness;

use std::path::PathBuf;

use model::name::ServiceName;

use super::Example;
use super::confines::Confines;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::local::git::WorkingTree;
use crate::local::past::Past;
use crate::local::service::Held;
use crate::terminal::Terminal;
use crate::wire;
use executor::Executor;
use remote::Remote;
use secrets::Secrets;
use selection::Selection;

/// Run this repository's workflows on this machine
///
/// Executes what a push of the present working tree would start, with what is not committed yet:
/// the workflows in .github/workflows, unchanged, without a server. One line for each job, and the
/// last lines of a step that fails.
///
/// Jobs for ubuntu-* and self-hosted run on this host, each in a workspace of its own. Other labels
/// have to be offered with --label.
///
/// Ends with 1 if a run does not succeed.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[arg(help = "What happens: push, pull_request, workflow_dispatch …")]
    #[arg(value_name = "EVENT", default_value = "push", hide_default_value = true)]
    event: String,

    /// Only this workflow, or those in this folder
    #[arg(short = 'W', long = "workflows", value_name = "FILE|DIR")]
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    workflows: Option<PathBuf>,

    /// Only this job, and the jobs that it needs
    #[arg(short = 'j', long, value_name = "JOB")]
    job: Option<String>,

    /// The event's payload; it has the last word over what is made up
    #[arg(short = 'e', long = "eventpath", value_name = "FILE")]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    payload: Option<PathBuf>,

    /// A secret; KEY alone takes it from the environment. Others come from 'highroad secret'
    #[arg(short = 's', long = "secret", value_name = "KEY[=VALUE]")]
    secrets: Vec<String>,

    /// Whose secrets the workflows get: a service, where highroad.yaml has several
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceName>,

    /// A variable of the `vars` context
    #[arg(long = "var", value_name = "KEY=VALUE", value_parser = pair)]
    vars: Vec<(String, String)>,

    /// A variable in the environment of every step
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,

    #[arg(long = "input", value_name = "KEY=VALUE", value_parser = pair)]
    #[arg(help = "An input of workflow_dispatch")]
    inputs: Vec<(String, String)>,

    /// Only the cells of matrices with this value; several for one key are a choice
    #[arg(long = "matrix", value_name = "KEY:VALUE", value_parser = cell)]
    matrix: Vec<(String, String)>,

    /// Go to this folder first
    #[arg(short = 'C', long = "directory", value_name = "DIR", default_value = ".")]
    #[arg(hide_default_value = true, value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,

    /// Draw what would run, and why the rest would not
    #[arg(short = 'l', long)]
    list: bool,

    /// How many jobs at the same time; as many as there are processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,

    /// A label that this machine offers besides
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,

    #[arg(long = "actions", value_name = "URL")]
    #[arg(help = "Where actions and workflows of other repositories come from: a git URL with \
                  {owner} and {repo} in it (or HIGHROAD_ACTIONS)")]
    actions: Option<String>,

    /// Once more, the last run's jobs: those that failed, all, or one by its name
    #[arg(long, value_name = "failed|all|JOB", conflicts_with_all = ["payload", "inputs", "job"])]
    again: Option<String>,

    /// With --again JOB: from this step on, in the workspace as it was
    #[arg(long, value_name = "STEP", requires = "again")]
    from: Option<String>,

    /// Run on a server and its runners, with what is not committed yet
    #[arg(long)]
    #[arg(conflicts_with_all = ["secrets", "service", "env", "jobs", "labels", "actions"])]
    #[arg(conflicts_with_all = ["sandbox", "no_network", "memory", "cpus", "disk", "shell_on_failure"])]
    remote: bool,

    #[arg(long, value_name = "URL", requires = "remote", value_hint = clap::ValueHint::Url)]
    #[arg(help = "The server (or HIGHROAD_URL)")]
    url: Option<String>,

    #[arg(long, value_name = "FILE", requires = "remote")]
    #[arg(help = "A file with the token for the server in it (or HIGHROAD_TOKEN)")]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    confines: Confines,

    /// Open a shell where a step fails, in its place and with its environment
    #[arg(long)]
    shell_on_failure: bool,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad run", does: "what a push of this working tree would start" },
    Example {
        line: "highroad run --list",
        does: "draw it, and say why other workflows do not run",
    },
    Example { line: "highroad run pull_request -j test", does: "one job of a pull request" },
    Example {
        line: "highroad run workflow_dispatch -W deploy.yml --input env=staging",
        does: "a workflow that is started by hand",
    },
    Example {
        line: "highroad run --matrix node:20 -s NPM_TOKEN",
        does: "one cell, with a secret from the environment",
    },
    Example { line: "highroad run --remote", does: "on the server that HIGHROAD_URL names" },
    Example { line: "highroad run --again failed", does: "what failed in the last run" },
    Example {
        line: "highroad run --again test --from 'npm test'",
        does: "from a step on, with the workspace as it was",
    },
    Example {
        line: "highroad run -j test --shell-on-failure",
        does: "look around where a step has failed",
    },
];

impl Run {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        if self.shell_on_failure {
            shell::check(terminal)?;
        }
        let tree = WorkingTree::around(&self.directory)?;
        let data = global.absolute_data()?;
        let mut past = Past::of(&data, &tree.root);
        let held = Held::by(&tree.root, self.service.as_ref());
        let selection = match &self.again {
            Some(what) => Selection::again(&past, what, self.from.as_deref())?,
            None => Selection::of(&tree, &self, &data, &held.service)?,
        };
        if selection.has_errors() {
            selection.complain(terminal)?;
            return Ok(Exit::Findings);
        }
        if self.list {
            list::draw(&selection, terminal)?;
            return Ok(Exit::Success);
        }
        if selection.runs.is_empty() {
            return Err(selection.nothing_to_run(&self.event));
        }
        if self.remote {
            let client = wire::client(self.url.as_deref(), self.token_file.as_deref())?;
            return Remote::new(client, &data, selection).execute(&tree, &mut past, terminal);
        }
        let secrets = Secrets::new(&self.secrets, global, held)?;
        Executor::new(&self, &tree, &data, selection, secrets).execute(&mut past, terminal)
    }

    /// Where actions and workflows of other repositories come from.
    fn actions(&self) -> Option<String> {
        self.actions.clone().or_else(|| std::env::var("HIGHROAD_ACTIONS").ok())
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    split(text, '=')
}

fn cell(text: &str) -> Result<(String, String), String> {
    split(text, ':')
}

fn split(text: &str, at: char) -> Result<(String, String), String> {
    match text.split_once(at) {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("expected KEY{at}VALUE")),
    }
}
