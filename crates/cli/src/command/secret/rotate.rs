//! `highroad secret rotate`: a new value for a secret, or new keys for all.

use std::path::PathBuf;

use model::vault::VaultPath;
use ports::vault::{KeyTrouble, Vault as _, VaultError};
use serde_json::json;

use super::whose::Whose;
use super::{Intent, Open, named, report, value, word};
use crate::command::Example;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::root_keys::Successor;
use crate::terminal::Terminal;
use crate::wire;

/// Replace a secret's value, or the keys that seal the values
///
/// With a NAME, the secret gets a new value, as by 'secret set', but only if it is there. The
/// versions before stay for what runs; the last 3 are kept.
///
/// With --vault-keys, each vault gets a new key: there is one for each service, and one for each of
/// its environments. With --root-key, everything is sealed under a new root key: the one that the
/// environment gives ('highroad help environment'); for who uses the file in the data folder, a new
/// one is made. The values stay, and are given out all the while. When it was interrupted, the same
/// command goes on with it.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(override_usage = "highroad secret rotate [OPTIONS] NAME\n\
                            highroad secret rotate --vault-keys [OPTIONS]\n\
                            highroad secret rotate --root-key [OPTIONS]")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["name", "vault_keys", "root_key"]))]
pub(super) struct Rotate {
    /// The secret that gets a new value
    name: Option<String>,

    /// Replace the keys of the vaults
    #[arg(long, conflicts_with = "from_file")]
    vault_keys: bool,

    /// Replace the root key
    #[arg(long, conflicts_with_all = ["from_file", "service", "env"])]
    root_key: bool,

    #[command(flatten)]
    whose: Whose,

    /// Take the value from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from_file: Option<PathBuf>,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        line: "highroad secret rotate DATABASE_URL --env production",
        does: "type the new value",
    },
    Example { line: "highroad secret rotate --vault-keys", does: "new keys; the values stay" },
    Example { line: "highroad secret rotate --root-key", does: "a new root key; the values stay" },
];

impl Rotate {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        match &self.name {
            Some(name) => {
                let name = name.clone();
                self.value(&name, global, terminal)
            }
            None if self.root_key => root(global, terminal),
            None => self.vaults(global, terminal),
        }
    }

    fn value(self, name: &str, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let secret = named(name, self.whose, terminal)?;
        let value = value::read(self.from_file.as_deref(), secret.name.as_str())?;
        let version = wire::block_on(async {
            let open = Open::at(global, Intent::Change, terminal).await?;
            open.vault.rotate(&secret, &value, &word()).await.map_err(|failure| open.told(failure))
        })?;
        if terminal.json() {
            let mut report = report(&secret);
            report["version"] = json!(version);
            terminal.print_json(&report)?;
        } else {
            terminal.print(&format!("{secret} is set anew, version {version}\n"))?;
        }
        Ok(Exit::Success)
    }

    fn vaults(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let (service, environment) = self.whose.some()?;
        let rekeyed = wire::block_on(async {
            let open = Open::at(global, Intent::Change, terminal).await?;
            let vaults = open.vault.vaults(service.as_ref()).await;
            let mut rekeyed: Vec<(VaultPath, usize)> = Vec::new();
            for path in vaults.map_err(|failure| open.told(failure))? {
                if environment.is_none() || path.environment == environment {
                    let secrets = open.vault.rekey(&path, &word()).await;
                    rekeyed.push((path, secrets.map_err(|failure| open.told(failure))?));
                }
            }
            Ok(rekeyed)
        })?;
        if terminal.json() {
            let vaults = rekeyed.iter().map(|(path, secrets)| {
                let VaultPath { service, environment } = path;
                json!({ "service": service, "environment": environment, "secrets": secrets })
            });
            terminal.print_json(&json!({ "vaults": vaults.collect::<Vec<_>>() }))?;
            return Ok(Exit::Success);
        }
        if rekeyed.is_empty() {
            terminal.note("there are no secrets");
        }
        for (path, secrets) in rekeyed {
            let words = format!("{path} has a new key for {}\n", count(secrets, "secret"));
            terminal.print(&words)?;
        }
        Ok(Exit::Success)
    }
}

fn root(global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
    let (replaced, file) = wire::block_on(async {
        let open = Open::at(global, Intent::Change, terminal).await?;
        // No key is made for nothing.
        let vaults = open.vault.vaults(None).await.map_err(|failure| open.told(failure))?;
        if vaults.is_empty() {
            return Err(open.told(VaultError::Key(KeyTrouble::NothingSealed)));
        }
        let successor = Successor::chosen(|| global.data(), &wire::entropy())?;
        let replaced = open.vault.replace_root(&successor.key, &word()).await;
        let replaced = replaced.map_err(|failure| open.told(failure))?;
        Ok((replaced, successor.settle()?))
    })?;
    if terminal.json() {
        terminal.print_json(&json!({
            "key": replaced.key,
            "vaults": replaced.vaults,
            "secrets": replaced.secrets,
            "file": file,
        }))?;
        return Ok(Exit::Success);
    }
    let secrets = count(replaced.secrets, "secret");
    terminal.print(&format!("{secrets} sealed under root key {}\n", replaced.key))?;
    terminal.note(&match file {
        Some(file) => format!(
            "the key is in {}: keep a copy elsewhere; backups from before need the key from before",
            file.display()
        ),
        None => {
            "give it in HIGHROAD_ROOT_KEY, HIGHROAD_ROOT_KEY_FILE or HIGHROAD_PASSPHRASE from now \
                 on; backups from before need the key from before"
                .to_owned()
        }
    });
    Ok(Exit::Success)
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
