//! `highroad cache`: the caches that jobs keep, and why one was not found.

mod explain;

use jiff::Timestamp;
use ports::clock::Clock as _;
use ports::depot::{Cache as Kept, CacheFilter, Depot, LookupFilter};
use serde_json::json;

use super::{Entry, Example};
use crate::amount;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::wire;

/// See and remove what jobs cache, and learn why a cache was missed
#[derive(Debug, clap::Args)]
pub(crate) struct Cache {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    List(List),
    Explain(Explain),
    Remove(Remove),
}

/// List the caches, the last used first
#[derive(Debug, clap::Args)]
struct List {
    /// How the key begins
    #[arg(value_name = "KEY")]
    prefix: Option<String>,

    /// Only of this repository: owner/name
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
}

/// Say why the last look-up missed
///
/// Tells what was looked for, what came nearest, and why it did not fit: another key and where the
/// two part, other paths, a ref that the run may not read, or that it was there and had to go.
#[derive(Debug, clap::Args)]
struct Explain {
    /// The look-ups of this key
    #[arg(value_name = "KEY")]
    key: Option<String>,
}

/// Remove caches
#[derive(Debug, clap::Args)]
struct Remove {
    /// How the key begins
    #[arg(value_name = "KEY")]
    prefix: String,
}

const EXAMPLES: &[Example] = &[
    Example { line: "highroad cache list", does: "what is cached, and how large it is" },
    Example { line: "highroad cache explain", does: "why the last look-up missed" },
];

pub(super) const ENTRY: Entry = Entry {
    name: "cache",
    examples: EXAMPLES,
    below: &[
        Entry::new(
            "list",
            &[Example { line: "highroad cache list npm-", does: "caches whose key begins so" }],
        ),
        Entry::new(
            "explain",
            &[Example { line: "highroad cache explain npm-linux-1a2b", does: "of one key" }],
        ),
        Entry::new(
            "remove",
            &[Example { line: "highroad cache remove npm-", does: "all whose key begins so" }],
        ),
    ],
};

impl Cache {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let data = global.data()?;
        let now = wire::clock().now();
        wire::block_on(async {
            let depot = wire::depot(&data);
            match self.part {
                Part::List(list) => list.run(&*depot, now, terminal).await,
                Part::Explain(explain) => explain.run(&*depot, now, terminal).await,
                Part::Remove(remove) => remove.run(&*depot, terminal).await,
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
        let filter = CacheFilter {
            prefix: self.prefix,
            repository: self.repository,
            ..CacheFilter::default()
        };
        let caches = depot.caches(filter).await?;
        if terminal.json() {
            let caches: Vec<_> = caches.iter().map(report).collect();
            terminal.print_json(&json!({ "caches": caches }))?;
            return Ok(Exit::Success);
        }
        let paint = terminal.paint();
        for cache in &caches {
            let Kept { key, repository, git_ref, size, used_at, .. } = cache;
            let used = amount::ago(*used_at, now);
            let of = format!("{repository} {git_ref}, {}, used {used}", amount::bytes(*size));
            terminal.print(&format!("{key}\n  {}\n", paint.faint(&of)))?;
        }
        let usage = depot.usage().await?;
        let (stored, quota) = (amount::bytes(usage.stored), amount::bytes(usage.quota));
        terminal.print(&format!("{stored} of {quota} are in use\n"))?;
        Ok(Exit::Success)
    }
}

impl Explain {
    async fn run(
        self,
        depot: &dyn Depot,
        now: Timestamp,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        let filter =
            LookupFilter { key: self.key, missed: true, limit: 1, ..LookupFilter::default() };
        let lookups = depot.lookups(filter).await?;
        let Some(lookup) = lookups.first() else {
            terminal.print("no look-up missed\n")?;
            return Ok(Exit::Success);
        };
        let explained = depot.explain(lookup.id).await?;
        let Some(explained) = explained else {
            return Err(Error::new(Exit::NotFound, "the look-up is not known any more"));
        };
        if terminal.json() {
            terminal.print_json(&explain::report(&explained))?;
        } else {
            terminal.print(&explain::text(&explained, now, terminal.paint()))?;
        }
        Ok(Exit::Success)
    }
}

impl Remove {
    async fn run(self, depot: &dyn Depot, terminal: &mut Terminal) -> Result<Exit, Error> {
        let filter = CacheFilter { prefix: Some(self.prefix.clone()), ..CacheFilter::default() };
        let removed = depot.remove_caches(filter).await?;
        if removed.is_empty() {
            return Err(Error::new(
                Exit::NotFound,
                format!("no cache has a key that begins with '{}'", self.prefix),
            )
            .hint("'highroad cache list' shows what there is"));
        }
        if terminal.json() {
            let removed: Vec<_> = removed.iter().map(report).collect();
            terminal.print_json(&json!({ "removed": removed }))?;
            return Ok(Exit::Success);
        }
        for cache in &removed {
            terminal.print(&format!("removed {} of {}\n", cache.key, cache.git_ref))?;
        }
        Ok(Exit::Success)
    }
}

fn report(cache: &Kept) -> serde_json::Value {
    json!({
        "id": cache.id,
        "repository": cache.repository,
        "ref": cache.git_ref,
        "key": cache.key,
        "paths": cache.paths,
        "bytes": cache.size,
        "files": cache.files,
        "saved_at": cache.saved_at,
        "used_at": cache.used_at,
    })
}
