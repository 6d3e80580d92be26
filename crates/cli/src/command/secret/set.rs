//! `highroad secret set`: gives a secret its value.

use std::path::PathBuf;

use ports::vault::Vault as _;
use serde_json::json;

use super::whose::Whose;
use super::{Intent, Open, named, on_the_command_line, report, value, word};
use crate::command::Example;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::wire;

/// Set a secret
///
/// Asks for the value without showing it, or takes it from standard input, less one line break at
/// its end, or from a file as it is: UTF-8 text of at most 48 KiB. A secret that is there gets its
/// next version; what runs keeps the value that it was given.
#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// Letters, digits and _; case makes no difference
    name: String,

    /// Taken only to say why not.
    #[arg(hide = true)]
    words: Vec<String>,

    #[command(flatten)]
    whose: Whose,

    /// Take the value from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from_file: Option<PathBuf>,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        line: "highroad secret set DATABASE_URL --env production",
        does: "type the value that this repository's service gets in production",
    },
    Example {
        line: "highroad secret set DEPLOY_KEY --service shop --from-file ~/.ssh/deploy",
        does: "the content of a file, for every environment of shop",
    },
    Example {
        line: "highroad secret set SESSION_KEY --service shop < session.key",
        does: "a value from another program, less the line break at its end",
    },
];

impl Set {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        if !self.words.is_empty() {
            return Err(on_the_command_line());
        }
        let secret = named(&self.name, self.whose, terminal)?;
        let value = value::read(self.from_file.as_deref(), secret.name.as_str())?;
        let version = wire::block_on(async {
            let open = Open::at(global, Intent::Add, terminal).await?;
            open.vault.set(&secret, &value, &word()).await.map_err(|failure| open.told(failure))
        })?;
        if terminal.json() {
            let mut report = report(&secret);
            report["version"] = json!(version);
            terminal.print_json(&report)?;
        } else {
            terminal.print(&format!("{secret} is set, version {version}\n"))?;
        }
        Ok(Exit::Success)
    }
}
