//! The secrets that jobs are given: those of the command line, and those that the vault has.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jobs::secrets::Named;
use model::pipeline::Order;
use model::vault::SecretName;
use ports::store::{Store, StoreErrorKind};
use ports::vault::{Vault as _, Wanted};
use store::vault::{EmbeddedVault, RootKeys};

use crate::command::secret;
use crate::command_line::Global;
use crate::database::Database;
use crate::demand::{self, Demand};
use crate::error::Error;
use crate::exit::Exit;
use crate::local::service::Held;
use crate::{root_keys, wire};

#[derive(Debug)]
pub(super) struct Secrets {
    /// They go before those of the vault.
    given: Named,
    database: Database,
    data: PathBuf,
    held: Held,
    /// Those that were asked for and that nobody has.
    absent: Mutex<BTreeSet<String>>,
}

impl Secrets {
    pub(super) fn new(given: &[String], global: &Global, held: Held) -> Result<Self, Error> {
        Ok(Self {
            given: given.iter().map(|text| pair(text)).collect::<Result<_, _>>()?,
            database: global.database()?,
            data: global.data()?,
            held,
            absent: Mutex::default(),
        })
    }

    /// What a job may be given of what its workflow asks for. Nothing is opened for one that asks
    /// for nothing more than was said.
    pub(super) async fn of(&self, order: &Order) -> Result<Named, String> {
        let mut secrets = self.given.clone();
        // One that sees none has these all the same: they are kept out of its log.
        let Some(demand) = Demand::of(order, |name| is_among(&secrets, name)) else {
            return Ok(secrets);
        };
        let found = self.found(order, &demand).await.map_err(|error| {
            let names = demand.names.iter().flatten();
            let names = names.map(SecretName::as_str).collect::<Vec<_>>();
            let what = if names.is_empty() { "its secrets".to_owned() } else { names.join(", ") };
            format!("{what} cannot be had from the vault: {}", error.in_one_line())
        })?;
        for (name, value) in found {
            if !is_among(&secrets, &name) {
                secrets.push((name, value));
            }
        }
        let wanted = demand.names.iter().flatten();
        let missing = wanted.filter(|name| !is_among(&secrets, name.as_str()));
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.extend(missing.map(ToString::to_string));
        Ok(secrets)
    }

    /// The names that were asked for in vain until now.
    pub(super) fn absent(&self) -> Vec<String> {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.iter().cloned().collect()
    }

    async fn found(&self, order: &Order, demand: &Demand) -> Result<Named, Error> {
        let Some((store, access)) = self.store().await? else { return Ok(Named::new()) };
        let told = |failure| secret::told(&self.database, failure);
        if EmbeddedVault::sealed_under(&*store).await.map_err(told)?.is_none() {
            return Ok(Named::new());
        }
        if !self.held.several.is_empty() {
            let services: Vec<_> = self.held.several.iter().map(ToString::to_string).collect();
            let what = format!("highroad.yaml has several services: {}", services.join(", "));
            return Err(Error::new(Exit::Usage, what)
                .hint("say with --service whose secrets the workflows get"));
        }
        let keys = RootKeys::new(root_keys::given(|| Ok(self.data.clone()))?);
        let vault = wire::vault(store, keys);
        let wanted = demand.wanted(order, self.held.service.clone());
        let wanted = wanted.map_err(|why| Error::new(Exit::Findings, why))?;
        match access {
            Access::Whole => vault.resolve(&wanted).await.map(demand::named).map_err(told),
            Access::ReadOnly => read(&vault, &wanted).await.map_err(told),
        }
    }

    /// The database, for as long as it takes to look: others want it too. `None` if nothing was
    /// ever kept.
    async fn store(&self) -> Result<Option<(Arc<dyn Store>, Access)>, Error> {
        if let Database::File(path) = &self.database
            && !path.exists()
        {
            return Ok(None);
        }
        match wire::store_to_write(&self.database).await {
            Ok(store) => Ok(Some((Arc::from(store), Access::Whole))),
            Err(failure) => match failure.kind {
                // A server has it, or another run just now.
                StoreErrorKind::Locked | StoreErrorKind::ReadOnly => {
                    let store = wire::store_to_read(&self.database).await?;
                    Ok(Some((Arc::from(store), Access::ReadOnly)))
                }
                _ => Err(self.database.failure(&failure)),
            },
        }
    }
}

/// What may be done with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Whole,
    /// The last use cannot be noted.
    ReadOnly,
}

/// The same as [`Vault::resolve`](ports::vault::Vault::resolve), without a note of it.
async fn read(vault: &EmbeddedVault, wanted: &Wanted) -> Result<Named, ports::vault::VaultError> {
    let mut listed = vault.list(Some(&wanted.service)).await?;
    // What the environment has goes before what the service has.
    listed.sort_by_key(|it| it.secret.vault.environment.is_none());
    let mut found = Named::new();
    for it in listed {
        let path = &it.secret.vault;
        let is_seen = path.environment.is_none() || path.environment == wanted.environment;
        let name = &it.secret.name;
        let is_wanted = wanted.names.as_ref().is_none_or(|names| names.contains(name));
        if is_seen && is_wanted && !is_among(&found, name.as_str()) {
            let value = vault.recall(&it.secret, it.version).await?;
            found.push((name.to_string(), value.expose().to_owned()));
        }
    }
    Ok(found)
}

fn is_among(secrets: &Named, name: &str) -> bool {
    secrets.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// `KEY=VALUE`, or `KEY` with the value in the environment.
fn pair(text: &str) -> Result<(String, String), Error> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => std::env::var(text).map(|value| (text.to_owned(), value)).map_err(|_| {
            Error::new(Exit::Usage, format!("the secret {text} has no value"))
                .hint(format!("give it as {text}=VALUE, or set {text} in the environment"))
        }),
    }
}
