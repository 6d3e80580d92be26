//! The GitHub Actions workflows that are there. Highroad reads them as they are.

use super::Sighting;
use super::folder::Folder;

const FOLDER: &str = ".github/workflows";

pub(super) fn look(folder: &Folder) -> Option<Sighting> {
    let mut names = folder.files(FOLDER);
    let file = |name: &String| name.strip_suffix(".yml").or(name.strip_suffix(".yaml")).is_some();
    names.retain(file);
    let noun = if names.len() == 1 { "workflow" } else { "workflows" };
    let what = format!("{} {noun}: {}", names.len(), names.join(", "));
    (!names.is_empty()).then(|| Sighting::new(FOLDER, what))
}
