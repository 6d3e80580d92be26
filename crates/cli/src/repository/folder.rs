//! Reading somebody's repository with limits: nothing here hangs, follows a path out of the folder
//! by its name, or reads more than it has room for.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use model::yaml;
use toml::Table;

use super::is_text;
use crate::error::plain;

/// A file that says how a project is built is far smaller than this.
const LARGEST_FILE: u64 = 512 * 1024;
/// All files together: a workspace may have thousands of members.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// More notes than this are not read by anybody.
const MOST_NOTES: usize = 12;
/// Of a folder with more entries than this, the first ones in the order of names are looked at.
const MOST_ENTRIES: usize = 2_000;

/// The repository's folder, and what could not be read in it.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    notes: RefCell<Vec<String>>,
    bytes_left: Cell<u64>,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), notes: RefCell::default(), bytes_left: Cell::new(MOST_BYTES) }
    }

    /// Something that the reader of the result should know, told once.
    pub(super) fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(super) fn into_notes(self) -> Vec<String> {
        let mut notes = self.notes.into_inner();
        if notes.len() > MOST_NOTES {
            let rest = notes.len() - MOST_NOTES;
            notes.truncate(MOST_NOTES);
            notes.push(format!("and {rest} more of this kind"));
        }
        notes
    }

    pub(super) fn has(&self, path: &str) -> bool {
        inside(path) && self.root.join(path).is_file()
    }

    /// The text of a file. `None` if it is not there; also, with a note, if it cannot be used.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let full = self.root.join(path);
        if !inside(path) || full.symlink_metadata().is_err() {
            return None;
        }
        if self.bytes_left.get() == 0 {
            self.note(format!("only the first {} MiB are read", MOST_BYTES >> 20));
            return None;
        }
        match read(&full) {
            Ok(text) => {
                let left = self.bytes_left.get().saturating_sub(text.len() as u64);
                self.bytes_left.set(left);
                Some(text)
            }
            Err(why) => {
                self.note(format!("{path}: {why}"));
                None
            }
        }
    }

    pub(super) fn toml(&self, path: &str) -> Option<Table> {
        let parsed = self.text(path)?.parse::<Table>();
        parsed
            .map_err(|error| self.note(format!("{path}: not TOML: {}", one_line(error.message()))))
            .ok()
    }

    pub(super) fn json(&self, path: &str) -> Option<serde_json::Value> {
        let parsed = serde_json::from_str(&self.text(path)?);
        parsed.map_err(|error| self.note(format!("{path}: not JSON: {error}"))).ok()
    }

    pub(super) fn yaml(&self, path: &str) -> Option<yaml::Node> {
        // Compose files still merge with `<<`.
        let options = yaml::Options { merge_keys: true, ..yaml::Options::default() };
        let document = yaml::read(path, self.text(path)?.as_bytes(), &options);
        if let Some(finding) = document.findings.iter().find(|finding| finding.is_error()) {
            let line = document.source.position(finding.span.start).line;
            self.note(format!("{path}: line {line}: {}", finding.message));
            return None;
        }
        document.root
    }

    /// The names of the files in a folder, sorted.
    pub(super) fn files(&self, path: &str) -> Vec<String> {
        self.names(path, Path::is_file)
    }

    /// The names of the folders in a folder, sorted, without the hidden ones.
    pub(super) fn folders(&self, path: &str) -> Vec<String> {
        let mut names = self.names(path, Path::is_dir);
        names.retain(|name| !name.starts_with('.'));
        names
    }

    /// The folders that a workspace names, with `*` for one level: `crates/*`.
    pub(super) fn members(&self, patterns: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for pattern in patterns {
            let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
            match pattern.split_once('*') {
                None => found.push(pattern.to_owned()),
                Some((parent, rest)) => {
                    // `**` and names that are only partly open are rare enough to mean the same.
                    let rest_is_open = rest.chars().all(|letter| matches!(letter, '*' | '/'));
                    let is_folder = parent.is_empty() || parent.ends_with('/');
                    let names = if rest_is_open && is_folder {
                        self.folders(parent.trim_end_matches('/'))
                    } else {
                        Vec::new()
                    };
                    found.extend(names.iter().map(|name| format!("{parent}{name}")));
                }
            }
        }
        found.retain(|member| inside(member));
        found.sort();
        found.dedup();
        found.truncate(MOST_ENTRIES);
        found
    }

    fn names(&self, path: &str, wanted: fn(&Path) -> bool) -> Vec<String> {
        if !inside(path) {
            return Vec::new();
        }
        let Ok(entries) = fs::read_dir(self.root.join(path)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                wanted(&entry.path()).then(|| entry.file_name().into_string().ok())?
            })
            .filter(|name| inside(name))
            .collect();
        names.sort();
        names.truncate(MOST_ENTRIES);
        names
    }
}

/// `path` below `folder`, where the empty folder is the repository itself.
pub(super) fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

fn read(path: &Path) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| plain(&error))?;
    // A pipe or a device would keep the reader waiting for ever.
    if !about.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| plain(&error))?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| plain(&error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST_FILE) {
        return Err(format!("larger than {} KiB", LARGEST_FILE / 1024));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a path stays in the folder and is fit for a file that people read.
pub(super) fn inside(path: &str) -> bool {
    let odd = |letter: char| letter == '\\' || !is_text(letter);
    path.is_empty()
        || (!path.contains(odd) && path.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lead_out_of_the_folder() {
        assert!(inside("a/b.toml") && inside(""));
        assert!(!inside("../a") && !inside("/etc/passwd") && !inside("a/../../b"));
        assert!(!inside("a//b") && !inside("a\\b") && !inside("a\nb") && !inside("a/./b"));
    }

    #[test]
    fn members_are_spelled_out() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["crates/b", "crates/a", "crates/.hidden", "tools/x"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let folder = Folder::new(dir.path());
        let members = |patterns: &[&str]| {
            folder.members(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(members(&["crates/*", "./tools/x/"]), ["crates/a", "crates/b", "tools/x"]);
        assert_eq!(members(&["../*", "/etc", "crates/a*"]), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_used_becomes_a_note() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("large"), vec![b'a'; 600_000]).unwrap();
        fs::write(dir.path().join("bytes"), [0xff, 0xfe]).unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        let folder = Folder::new(dir.path());
        for name in ["large", "bytes", "folder", "absent"] {
            assert_eq!(folder.text(name), None);
        }
        assert_eq!(
            folder.into_notes(),
            ["large: larger than 512 KiB", "bytes: not UTF-8 text", "folder: not a regular file",]
        );
    }
}
