//! `highroad secret`: values for jobs and services that nobody reads back.

mod list;
mod rm;
mod rotate;
mod set;
mod typed;
mod value;
mod whose;

use std::sync::Arc;

use model::id::CommandId;
use model::vault::{SecretName, SecretNameError, VaultPath};
use ports::clock::Clock as _;
use ports::entropy::Entropy;
use ports::store::{StoreError, StoreErrorKind};
use ports::vault::{KeyTrouble, SecretPath, VaultError, Word};
use serde_json::{Value as Json, json};
use store::vault::{EmbeddedVault, RootKeys};

use super::{Entry, Example};
use crate::command_line::Global;
use crate::database::Database;
use crate::error::{Error, plain};
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::{root_keys, wire};
use whose::Whose;

/// Keep values that only jobs and services get to see
///
/// A secret belongs to a service, or to one environment of it; the environment's value goes before
/// the service's. Jobs and services are given the values. Nobody can read one back, you included.
///
/// The values are sealed in the database under a root key that is not in it: the one that the
/// environment gives ('highroad help environment'), or else the one in the file root.key in the
/// data folder, which is made when it is first needed. Without the root key the values are lost:
/// keep a copy of it elsewhere.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Secret {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    Set(set::Set),
    List(list::List),
    Rotate(rotate::Rotate),
    Rm(rm::Rm),
}

const EXAMPLES: &[Example] = &[
    Example {
        line: "highroad secret set DATABASE_URL --env production",
        does: "type a value for this repository's service in production",
    },
    Example { line: "highroad secret list", does: "what there is, and when it was last used" },
    Example {
        line: "highroad secret rotate --vault-keys",
        does: "seal everything under new keys; the values stay",
    },
];

pub(super) const ENTRY: Entry = Entry {
    name: "secret",
    examples: EXAMPLES,
    below: &[
        Entry::new("set", set::EXAMPLES),
        Entry::new("list", list::EXAMPLES),
        Entry::new("rotate", rotate::EXAMPLES),
        Entry::new("rm", rm::EXAMPLES),
    ],
};

impl Secret {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self.part {
            Part::Set(set) => set.run(global, terminal),
            Part::List(list) => list.run(global, terminal),
            Part::Rotate(rotate) => rotate.run(global, terminal),
            Part::Rm(rm) => rm.run(global, terminal),
        }
    }
}

/// The vault in a database, and what is said when it does not do as it is told.
struct Open {
    vault: EmbeddedVault,
    database: Database,
}

/// What a command is going to do with the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    /// Works beside a running server.
    Read,
    Change,
    /// May be the first: makes the root key if there is none.
    Add,
}

impl Open {
    async fn at(global: &Global, intent: Intent, terminal: &mut Terminal) -> Result<Self, Error> {
        let database = global.database()?;
        let store = match intent {
            Intent::Read => wire::store_to_read(&database).await?,
            Intent::Change | Intent::Add => wire::store_to_write(&database)
                .await
                .map_err(|failure| cannot_change(&database, &failure))?,
        };
        let mut keys = root_keys::given(|| global.data())?;
        if keys.is_empty() && intent == Intent::Add {
            let sealed_under = EmbeddedVault::sealed_under(&*store).await;
            if sealed_under.map_err(|failure| told(&database, failure))?.is_none() {
                let folder = global.data()?;
                keys.push(root_keys::make(&folder, &wire::entropy())?);
                terminal.note(&format!(
                    "made {}: keep a copy elsewhere, without it no value can be opened",
                    folder.join(root_keys::FILE).display()
                ));
            }
        }
        let vault = wire::vault(Arc::from(store), RootKeys::new(keys));
        Ok(Self { vault, database })
    }

    fn told(&self, failure: VaultError) -> Error {
        told(&self.database, failure)
    }
}

/// The word of whoever sits here.
fn word() -> Word {
    let entropy: &dyn Entropy = &wire::entropy();
    Word { by: wire::person(), command: entropy.id(CommandId::new, wire::clock().now()) }
}

/// Reads a name. What is none is not repeated: it may be the value.
fn named(text: &str, whose: Whose, terminal: &mut Terminal) -> Result<SecretPath, Error> {
    if text.contains('=') {
        return Err(on_the_command_line());
    }
    let name: Result<SecretName, SecretNameError> = text.parse();
    let name = name.map_err(|error| {
        Error::new(Exit::Usage, error.to_string()).hint("for example DATABASE_URL")
    })?;
    Ok(SecretPath { vault: whose.path(terminal)?, name })
}

/// Why values are not taken as words.
fn on_the_command_line() -> Error {
    Error::new(
        Exit::Usage,
        "a value does not belong on the command line: other programs see it there, and the shell \
         keeps it in its history",
    )
    .hint(
        "leave it out to be asked for it, or give it by standard input or --from-file; and choose \
         another value, if that one was real",
    )
}

fn report(secret: &SecretPath) -> Json {
    let VaultPath { service, environment } = &secret.vault;
    json!({ "name": secret.name, "service": service, "environment": environment })
}

pub(super) fn told(database: &Database, failure: VaultError) -> Error {
    let message = failure.to_string();
    match failure {
        VaultError::NoSecret(_) | VaultError::NoVersion { .. } => {
            Error::new(Exit::NotFound, message).hint("'highroad secret list' shows what there is")
        }
        VaultError::Full(_) => Error::new(Exit::Refused, message)
            .hint("remove what nobody uses: 'highroad secret list' shows the last uses"),
        VaultError::Key(trouble) => Error::new(Exit::Refused, message).hint(match trouble {
            KeyTrouble::NothingSealed => "'highroad secret set NAME' sets the first one",
            KeyTrouble::BeingReplaced { .. } => {
                "give both keys, and finish with 'highroad secret rotate --root-key'; nothing was \
                 changed"
            }
            KeyTrouble::NoneYet
            | KeyTrouble::Missing { .. }
            | KeyTrouble::Wrong { .. }
            | KeyTrouble::Stretching(_) => {
                "give the key in HIGHROAD_ROOT_KEY, HIGHROAD_ROOT_KEY_FILE or \
                 HIGHROAD_PASSPHRASE, or as root.key in the data folder; nothing was changed"
            }
        }),
        VaultError::Tampered { .. } => Error::new(Exit::Store, message).hint(
            "keep the database as it is for the inquiry; 'highroad journal verify' may tell more",
        ),
        VaultError::Unreadable { source, .. } => {
            let cause = std::error::Error::source(&source).map_or_else(|| plain(&source), plain);
            Error::new(Exit::Store, message)
                .caused_by(cause)
                .hint("update highroad on this machine, or restore a backup")
        }
        VaultError::Contended { .. } => Error::new(Exit::Store, message).hint("try again"),
        VaultError::Store(failure) => cannot_change(database, &failure),
    }
}

fn cannot_change(database: &Database, failure: &StoreError) -> Error {
    let error = database.failure(failure);
    match failure.kind {
        StoreErrorKind::Locked => error.hint(
            "secrets cannot be changed beside a running server yet: stop it for a moment; \
             'highroad secret list' works beside it",
        ),
        StoreErrorKind::Unreachable => error.hint(
            "nobody knows whether it was done: 'highroad secret list' tells, once it answers",
        ),
        _ => error,
    }
}
