//! `highroad secret rm`: forgets a secret.

use ports::vault::Vault as _;
use serde_json::json;

use super::whose::Whose;
use super::{Intent, Open, named, report, word};
use crate::command::Example;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::wire;

/// Remove a secret
///
/// Forgets all its versions, for good. What runs keeps the value that it was given.
#[derive(Debug, clap::Args)]
pub(super) struct Rm {
    /// The secret
    name: String,

    #[command(flatten)]
    whose: Whose,
}

pub(super) const EXAMPLES: &[Example] = &[Example {
    line: "highroad secret rm DATABASE_URL --env staging",
    does: "staging has what the service has from now on",
}];

impl Rm {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let secret = named(&self.name, self.whose, terminal)?;
        wire::block_on(async {
            let open = Open::at(global, Intent::Change, terminal).await?;
            open.vault.remove(&secret, &word()).await.map_err(|failure| open.told(failure))
        })?;
        if terminal.json() {
            let mut report = report(&secret);
            report["removed"] = json!(true);
            terminal.print_json(&report)?;
        } else {
            terminal.print(&format!("{secret} is removed\n"))?;
        }
        Ok(Exit::Success)
    }
}
