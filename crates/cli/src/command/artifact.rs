//! `highroad artifact`: what jobs left for others.

use std::path::PathBuf;

use jiff::Timestamp;
use ports::clock::Clock as _;
use ports::depot::{Artifact as Kept, ArtifactFilter, Depot, RestoreArtifacts, Which};
use serde_json::json;

use super::{Entry, Example};
use crate::amount;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::wire;

/// See and fetch what jobs uploaded
#[derive(Debug, clap::Args)]
pub(crate) struct Artifact {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    List(List),
    Get(Get),
}

/// List the artifacts, the newest first
#[derive(Debug, clap::Args)]
struct List {
    /// Only those whose name fits this pattern: 'report-*'
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
}

/// Put the newest artifact of a name into a folder
#[derive(Debug, clap::Args)]
struct Get {
    #[arg(value_name = "NAME", help = "Its name")]
    name: String,

    /// The folder; without it, one with the artifact's name
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    into: Option<PathBuf>,
}

const EXAMPLES: &[Example] = &[
    Example { line: "highroad artifact list", does: "what there is, the newest first" },
    Example { line: "highroad artifact get report", does: "the newest, into ./report" },
];

pub(super) const ENTRY: Entry = Entry {
    name: "artifact",
    examples: EXAMPLES,
    below: &[
        Entry::new(
            "list",
            &[Example { line: "highroad artifact list 'report-*'", does: "by a pattern" }],
        ),
        Entry::new(
            "get",
            &[Example { line: "highroad artifact get report out", does: "into another folder" }],
        ),
    ],
};

impl Artifact {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let data = global.data()?;
        let now = wire::clock().now();
        wire::block_on(async {
            let depot = wire::depot(&data);
            match self.part {
                Part::List(list) => list.run(&*depot, now, terminal).await,
                Part::Get(get) => get.run(&*depot, terminal).await,
            }
        })
    }
}

impl List {
    async fn run(
        self,
        depot: &dyn Depot,
        now: Timestamp,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        let which = self.pattern.map_or(Which::All, Which::Matching);
        let filter = ArtifactFilter { which, ..ArtifactFilter::default() };
        let artifacts = depot.artifacts(filter).await?;
        if terminal.json() {
            let artifacts: Vec<_> = artifacts.iter().map(report).collect();
            terminal.print_json(&json!({ "artifacts": artifacts }))?;
            return Ok(Exit::Success);
        }
        let paint = terminal.paint();
        for artifact in &artifacts {
            let saved = amount::ago(artifact.saved_at, now);
            let size = amount::bytes(artifact.size);
            let of = format!("{} files, {size}, saved {saved} by {}", artifact.files, artifact.run);
            terminal.print(&format!("{}\n  {}\n", artifact.name, paint.faint(&of)))?;
        }
        Ok(Exit::Success)
    }
}

impl Get {
    async fn run(self, depot: &dyn Depot, terminal: &mut Terminal) -> Result<Exit, Error> {
        let which = Which::Named(self.name.clone());
        let filter = ArtifactFilter { which: which.clone(), limit: 1, ..ArtifactFilter::default() };
        let found = depot.artifacts(filter).await?;
        let Some(artifact) = found.first() else {
            return Err(Error::new(
                Exit::NotFound,
                format!("there is no artifact '{}'", self.name),
            )
            .hint("'highroad artifact list' shows what there is"));
        };
        let into = self.into.unwrap_or_else(|| PathBuf::from(&artifact.name));
        let shown = into.display().to_string();
        let run = artifact.run.clone();
        depot.restore_artifacts(RestoreArtifacts { run, which, into, apart: false }).await?;
        if terminal.json() {
            terminal.print_json(&json!({ "artifact": report(artifact), "into": shown }))?;
        } else {
            terminal.print(&format!("{} files in {shown}\n", artifact.files))?;
        }
        Ok(Exit::Success)
    }
}

fn report(artifact: &Kept) -> serde_json::Value {
    json!({
        "name": artifact.name,
        "run": artifact.run,
        "digest": artifact.digest,
        "bytes": artifact.size,
        "files": artifact.files,
        "saved_at": artifact.saved_at,
        "expires_at": artifact.expires_at,
    })
}
