//! Whose secret is meant: said, or read from the repository's `highroad.yaml`.

use std::path::Path;

use model::manifest::{self, Manifest};
use model::name::{EnvironmentName, ServiceName};
use model::source::nearest;
use model::vault::VaultPath;

use crate::error::Error;
use crate::exit::Exit;
use crate::manifest_file::ManifestFile;
use crate::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Whose {
    /// Of this service; without it, of the one in this folder's highroad.yaml
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceName>,

    /// In this environment only
    #[arg(short, long, value_name = "ENV")]
    env: Option<EnvironmentName>,
}

impl Whose {
    /// The vault that is meant.
    pub(super) fn path(self, terminal: &mut Terminal) -> Result<VaultPath, Error> {
        let found = Found::here();
        let service = match self.service {
            Some(service) => service,
            None => found.only()?,
        };
        if let (Some(environment), Some(manifest)) = (&self.env, found.manifest()) {
            remark(manifest, &service, environment, terminal);
        }
        Ok(VaultPath { service, environment: self.env })
    }

    /// The service that is meant, if any is; every environment unless one is named.
    pub(super) fn some(self) -> Result<(Option<ServiceName>, Option<EnvironmentName>), Error> {
        let service = match self.service {
            Some(service) => Some(service),
            None => Found::here().only().ok(),
        };
        if service.is_none() && self.env.is_some() {
            return Err(unsaid("an environment belongs to a service, and none is named"));
        }
        Ok((service, self.env))
    }
}

/// What the folder's `highroad.yaml` says.
enum Found {
    Nothing,
    Unreadable { shown: String },
    Manifest { shown: String, manifest: Box<Manifest> },
}

impl Found {
    fn here() -> Self {
        let Ok(file) = ManifestFile::find(Path::new(".")) else { return Self::Nothing };
        let read = file.bytes().ok().and_then(|bytes| manifest::read(&file.shown, &bytes).manifest);
        let shown = file.shown;
        match read {
            Some(manifest) => Self::Manifest { shown, manifest: Box::new(manifest) },
            None => Self::Unreadable { shown },
        }
    }

    fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Manifest { manifest, .. } => Some(manifest),
            Self::Nothing | Self::Unreadable { .. } => None,
        }
    }

    /// The only service.
    fn only(&self) -> Result<ServiceName, Error> {
        match self {
            Self::Nothing => Err(unsaid("no service is named, and there is no highroad.yaml here")),
            Self::Unreadable { shown } => {
                Err(unsaid(&format!("no service is named, and {shown} has errors")))
            }
            Self::Manifest { shown, manifest } => {
                let names: Vec<_> = manifest.services.keys().map(ServiceName::as_str).collect();
                match &names[..] {
                    [name] => Ok(name.parse().expect("the manifest's names are names")),
                    several => Err(unsaid(&format!(
                        "no service is named, and {shown} has several: {}",
                        several.join(", ")
                    ))),
                }
            }
        }
    }
}

fn unsaid(what: &str) -> Error {
    Error::new(Exit::Usage, what).hint("--service SERVICE says whose secret it is")
}

/// A workflow may know environments that the manifest does not, so this is no error.
fn remark(
    manifest: &Manifest,
    service: &ServiceName,
    environment: &EnvironmentName,
    terminal: &mut Terminal,
) {
    let Some(described) = manifest.services.get(service) else { return };
    let known: Vec<_> = described.shared.environments.keys().map(EnvironmentName::as_str).collect();
    if known.contains(&environment.as_str()) {
        return;
    }
    let near = nearest(environment.as_str(), known.iter().copied());
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    terminal.note(&format!("note: highroad.yaml has no environment {environment}{near}"));
}
