//! Which service a repository holds.

use std::path::Path;

use model::manifest;
use model::name::ServiceName;

use crate::manifest_file::ManifestFile;

/// What is known of the service whose workflows run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) service: ServiceName,
    /// Those in `highroad.yaml`, where nobody said which one of several is meant.
    pub(crate) several: Vec<ServiceName>,
}

impl Held {
    /// The one that was said, else the only one in `highroad.yaml`, else one called as the folder
    /// is, as far as that can be a name.
    pub(crate) fn by(root: &Path, said: Option<&ServiceName>) -> Self {
        if let Some(said) = said {
            return Self { service: said.clone(), several: Vec::new() };
        }
        let described = described(root);
        match &described[..] {
            [only] => Self { service: only.clone(), several: Vec::new() },
            _ => Self { service: of_folder(root), several: described },
        }
    }
}

fn described(root: &Path) -> Vec<ServiceName> {
    let Ok(file) = ManifestFile::find(root) else { return Vec::new() };
    // What is wrong with it is for `highroad check` to tell.
    let read = file.bytes().ok().and_then(|bytes| manifest::read(&file.shown, &bytes).manifest);
    read.into_iter().flat_map(|it| it.services.keys().cloned().collect::<Vec<_>>()).collect()
}

fn of_folder(root: &Path) -> ServiceName {
    let name = root.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default().replace(['_', '.', ' '], "-");
    name.parse().unwrap_or_else(|_| "work".parse().expect("it is a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(manifest: &str, said: Option<&str>) -> (String, usize) {
        let above = tempfile::tempdir().unwrap();
        let root = above.path().join("My_Shop");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        if !manifest.is_empty() {
            std::fs::write(root.join("highroad.yaml"), manifest).unwrap();
        }
        let said = said.map(|said| said.parse().unwrap());
        let held = Held::by(&root, said.as_ref());
        (held.service.to_string(), held.several.len())
    }

    #[test]
    fn a_service_is_said_or_described_or_called_as_its_folder() {
        let one = "service: till\nowner: team-till\nrun: ./till\nenvironments: {production: {}}\n";
        let two = "owner: team-shop\nenvironments: {production: {}}\nservices:\n  web: {run: ./web}\n  \
                   api: {run: ./api}\n";
        assert_eq!(held("", None), ("my-shop".to_owned(), 0));
        assert_eq!(held("service: [", None), ("my-shop".to_owned(), 0));
        assert_eq!(held(one, None), ("till".to_owned(), 0));
        assert_eq!(held(two, None), ("my-shop".to_owned(), 2));
        assert_eq!(held(two, Some("api")), ("api".to_owned(), 0));
    }
}
