//! What a job asks of the vault.

use std::collections::{BTreeMap, BTreeSet};

use jobs::secrets::{Asked, Named, environment};
use model::name::ServiceName;
use model::pipeline::{Order, Secrets};
use model::vault::SecretName;
use ports::vault::{Resolved, Wanted};

/// Secrets that an order asks for; all that it may see, where no names are told.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) names: Option<BTreeSet<SecretName>>,
}

impl Demand {
    /// `None` if there is nothing that the vault need be opened for. What is given already is not
    /// asked for.
    pub(crate) fn of(order: &Order, is_given: impl Fn(&str) -> bool) -> Option<Self> {
        if order.secrets == Secrets::None {
            return None;
        }
        let names = match Asked::of(order) {
            Asked::All => None,
            Asked::These(names) => {
                let names = names.iter().filter(|name| !is_given(name));
                // What is no name is nowhere, `GITHUB_TOKEN` for one.
                Some(names.filter_map(|name| name.parse().ok()).collect::<BTreeSet<_>>())
            }
        };
        let is_empty = names.as_ref().is_some_and(BTreeSet::is_empty);
        (!is_empty).then_some(Self { names })
    }

    /// The question to the vault. `Err` says why the job's environment cannot be told.
    pub(crate) fn wanted(&self, order: &Order, service: ServiceName) -> Result<Wanted, String> {
        // Workflows may write their names in any case, and may have some that no vault can have.
        let environment = environment(order)?;
        let environment = environment.and_then(|name| name.to_ascii_lowercase().parse().ok());
        Ok(Wanted { service, environment, names: self.names.clone(), by: order.job.into() })
    }
}

/// What the vault has given, as jobs take it.
pub(crate) fn named(resolved: BTreeMap<SecretName, Resolved>) -> Named {
    resolved.into_iter().map(|(name, it)| (name.into(), it.value.expose().to_owned())).collect()
}
