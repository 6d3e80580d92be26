//! `highroad secret list`: which secrets there are, and everything about them but their values.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ports::vault::{Listed, Vault as _};
use serde_json::{Value as Json, json};

use super::whose::Whose;
use super::{Intent, Open, report};
use crate::command::Example;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::help::{self, Row};
use crate::terminal::{Paint, Terminal};
use crate::wire;

/// List the secrets, never their values
///
/// Shows for each its version, when it was set and by whom, and to what it was last given, to the
/// minute. Without --service, and without a highroad.yaml here that names a single one, the secrets
/// of all services. It works beside a running server.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    whose: Whose,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad secret list", does: "the secrets of this repository's service" },
    Example {
        line: "highroad secret list --service shop --env production --json",
        does: "what is there for production alone, for a program",
    },
];

impl List {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let (service, environment) = self.whose.some()?;
        let mut listed = wire::block_on(async {
            let open = Open::at(global, Intent::Read, terminal).await?;
            open.vault.list(service.as_ref()).await.map_err(|failure| open.told(failure))
        })?;
        listed.retain(|it| environment.is_none() || it.secret.vault.environment == environment);
        if terminal.json() {
            let secrets: Vec<_> = listed.iter().map(machine).collect();
            terminal.print_json(&json!({ "secrets": secrets }))?;
        } else if listed.is_empty() {
            terminal.note("there are no secrets");
        } else {
            // Lines that go to another program are not folded.
            let width = terminal.columns().unwrap_or(usize::MAX);
            terminal.print(&text(&listed, width, terminal.paint()))?;
        }
        Ok(Exit::Success)
    }
}

fn machine(listed: &Listed) -> Json {
    let Listed { secret, version, set_at, set_by, last_use } = listed;
    let mut report = report(secret);
    report["version"] = json!(version);
    report["set_at"] = json!(set_at);
    report["set_by"] = json!(set_by);
    report["last_use"] = json!(last_use);
    report
}

/// One paragraph for each vault.
fn text(listed: &[Listed], width: usize, paint: Paint) -> String {
    let zone = TimeZone::system();
    let vaults = listed.chunk_by(|one, next| one.secret.vault == next.secret.vault);
    let paragraphs = vaults.map(|of_one| {
        let rows: Vec<_> = of_one.iter().map(|it| row(it, &zone)).collect();
        help::table(&of_one[0].secret.vault.to_string(), &rows, width, paint) + "\n"
    });
    paragraphs.collect::<Vec<_>>().join("\n")
}

fn row(listed: &Listed, zone: &TimeZone) -> Row {
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let Listed { secret, version, set_at, set_by, last_use } = listed;
    let used = match last_use {
        Some(used) => format!("last used {} by {}", time(used.at), used.by),
        None => "never used".to_owned(),
    };
    let words = format!("version {version}, set {} by {set_by}, {used}", time(*set_at));
    Row::new(secret.name.as_str(), words)
}
