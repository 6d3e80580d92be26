//! Which folders of the machine a container sees, and where.

use std::path::{Path, PathBuf};

use bollard::models::{Mount, MountType};

/// Folders and files with their places in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    all: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    outside: PathBuf,
    inside: PathBuf,
    is_fixed: bool,
}

impl Mounts {
    /// At the same path as on the machine.
    pub(crate) fn add_same(&mut self, path: &Path) {
        self.add(path, path);
    }

    pub(crate) fn add(&mut self, outside: &Path, inside: &Path) {
        let (outside, inside) = (outside.to_owned(), inside.to_owned());
        self.all.push(Place { outside, inside, is_fixed: false });
    }

    /// What cannot be changed from within. What is not there is left out.
    pub(crate) fn add_fixed(&mut self, outside: &Path, inside: &Path) {
        if outside.exists() {
            let (outside, inside) = (outside.to_owned(), inside.to_owned());
            self.all.push(Place { outside, inside, is_fixed: true });
        }
    }

    /// Where a path of the machine is found in the container; itself where it is not seen there.
    pub(crate) fn inside(&self, text: &str) -> String {
        translated(text, self.all.iter().map(|place| (&place.outside, &place.inside)))
    }

    /// The way back.
    pub(crate) fn outside(&self, text: &str) -> String {
        translated(text, self.all.iter().map(|place| (&place.inside, &place.outside)))
    }

    pub(super) fn list(&self) -> Vec<Mount> {
        let text = |path: &Path| Some(path.to_string_lossy().into_owned());
        let mount = |place: &Place| Mount {
            source: text(&place.outside),
            target: text(&place.inside),
            typ: Some(MountType::BIND),
            read_only: Some(place.is_fixed),
            ..Mount::default()
        };
        self.all.iter().map(mount).collect()
    }
}

fn translated<'a>(text: &str, places: impl Iterator<Item = (&'a PathBuf, &'a PathBuf)>) -> String {
    if !text.starts_with('/') {
        return text.to_owned();
    }
    let fitting =
        places.filter_map(|(from, to)| Some((Path::new(text).strip_prefix(from).ok()?, to)));
    // The innermost folder counts, as a mount hides what is below it.
    let Some((rest, to)) = fitting.min_by_key(|(rest, _)| rest.as_os_str().len()) else {
        return text.to_owned();
    };
    if rest.as_os_str().is_empty() {
        return to.to_string_lossy().into_owned();
    }
    to.join(rest).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_folder_counts() {
        let mut mounts = Mounts::default();
        mounts.add(Path::new("/job/temp"), Path::new("/github/runner_temp"));
        mounts.add(Path::new("/job/temp/_commands"), Path::new("/github/file_commands"));
        mounts.add(Path::new("/job/workspace"), Path::new("/github/workspace"));
        assert_eq!(mounts.inside("/job/temp/_commands/1-env"), "/github/file_commands/1-env");
        assert_eq!(mounts.inside("/job/temp/x"), "/github/runner_temp/x");
        assert_eq!(mounts.inside("/job/workspace"), "/github/workspace");
        assert_eq!(mounts.inside("/job/workspace-2"), "/job/workspace-2");
        assert_eq!(mounts.inside("job/workspace"), "job/workspace");
        assert_eq!(mounts.outside("/github/workspace/a.json"), "/job/workspace/a.json");
    }
}
