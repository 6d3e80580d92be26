//! Which environments jobs enter only with people's consent: as `highroad.yaml` says.

use std::collections::BTreeMap;
use std::path::Path;

use model::manifest;
use model::pipeline::Protection;

use crate::error::Error;
use crate::exit::Exit;
use crate::manifest_file::ManifestFile;

/// Where several services of a repository share an environment, the strictest counts. A file that
/// cannot be understood is no reason to let everybody in.
pub(crate) fn of(root: &Path) -> Result<Vec<Protection>, Error> {
    let Ok(file) = ManifestFile::find(root) else { return Ok(Vec::new()) };
    let read = manifest::read(&file.shown, &file.bytes()?);
    let Some(manifest) = read.manifest else {
        let why = format!("{} is not right, so nobody knows who must consent to what", file.shown);
        return Err(Error::new(Exit::Findings, why).hint("highroad check says what is wrong in it"));
    };
    let mut protections: BTreeMap<String, u32> = BTreeMap::new();
    for (_, service) in manifest.services.iter() {
        for (name, environment) in service.shared.environments.iter() {
            let Some(approvals) = &environment.approvals else { continue };
            let count = protections.entry(name.to_string()).or_default();
            *count = approvals.count.get().max(*count);
        }
    }
    let wanted = protections.into_iter().filter(|(_, approvals)| *approvals > 0);
    Ok(wanted.map(|(environment, approvals)| Protection { environment, approvals }).collect())
}
