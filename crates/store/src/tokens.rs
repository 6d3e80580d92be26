//! Tokens in a file: whose each is and what it is good for, by the hash of it. The token itself is
//! shown once, to whoever has it made.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use model::fact::ActorName;
use ports::tokens::{Bearer, Scope, Tokens, TokensError};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// Knows the tokens of one file, also those that another process adds or takes away.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    known: Mutex<Known>,
}

/// A token as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: ActorName,
    pub may: Scope,
    pub made_at: Timestamp,
}

/// The file as it was read last.
#[derive(Debug, Default)]
struct Known {
    seen: Option<Stamp>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    listed: Listed,
    hash: String,
}

/// By which a changed file is known: each change makes a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    changed_at: (i64, i64),
}

impl TokenFile {
    /// A file that is not there yet has no tokens.
    pub fn new(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    /// Makes a token, and returns it: nobody can do that again. `None` if the name has one.
    pub fn create(
        &self,
        name: ActorName,
        may: Scope,
        made_at: Timestamp,
        random: [u8; 30],
    ) -> Result<Option<String>, TokensError> {
        let token = format!("hr_{}_{}", may.word(), hex(&random));
        let row = Row { listed: Listed { name, may, made_at }, hash: hash(&token) };
        let created = self.change(|rows| {
            let is_taken = rows.iter().any(|known| known.listed.name == row.listed.name);
            if !is_taken {
                rows.push(row);
            }
            !is_taken
        })?;
        Ok(created.then_some(token))
    }

    /// Whether there was such a token.
    pub fn revoke(&self, name: &ActorName) -> Result<bool, TokensError> {
        self.change(|rows| {
            let before = rows.len();
            rows.retain(|row| row.listed.name != *name);
            rows.len() < before
        })
    }

    /// In the order in which they were made.
    pub fn list(&self) -> Result<Vec<Listed>, TokensError> {
        Ok(read(&self.path)?.into_iter().map(|row| row.listed).collect())
    }

    /// Writes the changed file in place of the old one, if there is a change.
    fn change(&self, change: impl FnOnce(&mut Vec<Row>) -> bool) -> Result<bool, TokensError> {
        let trouble = |error| TokensError {
            what: format!("cannot write {}", self.path.display()),
            cause: Some(error),
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(trouble)?;
        let lock = self.path.with_extension("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(lock);
        let lock = lock.map_err(trouble)?;
        lock.lock().map_err(trouble)?;
        let mut rows = read(&self.path)?;
        let is_changed = change(&mut rows);
        if is_changed {
            write(&self.path, folder, &rows).map_err(trouble)?;
        }
        Ok(is_changed)
    }
}

impl Tokens for TokenFile {
    fn bearer(&self, token: &str) -> Result<Option<Bearer>, TokensError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path);
        if known.seen != now {
            known.rows = read(&self.path)?;
            known.seen = now;
        }
        let hash = hash(token);
        let row = known.rows.iter().find(|row| row.hash == hash);
        Ok(row.map(|row| Bearer { name: row.listed.name.clone(), may: row.listed.may }))
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let changed_at = (metadata.ctime(), metadata.ctime_nsec());
    Some(Stamp { inode: metadata.ino(), changed_at })
}

fn read(path: &Path) -> Result<Vec<Row>, TokensError> {
    let trouble = |cause| TokensError { what: format!("cannot read {}", path.display()), cause };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(trouble(Some(error))),
    };
    let rows = serde_json::from_slice::<Vec<Value>>(&text)
        .map_err(|error| trouble(Some(io::Error::other(error))))?;
    let row = |value: &Value| {
        let text = |key: &str| value.get(key)?.as_str();
        let name = ActorName::new(text("name")?)?;
        let may = Scope::ALL.into_iter().find(|scope| Some(scope.word()) == text("may"))?;
        let made_at = text("made_at")?.parse().ok()?;
        Some(Row { listed: Listed { name, may, made_at }, hash: text("sha256")?.to_owned() })
    };
    rows.iter().map(row).collect::<Option<Vec<_>>>().ok_or_else(|| trouble(None))
}

fn write(path: &Path, folder: &Path, rows: &[Row]) -> io::Result<()> {
    let rows: Vec<Value> = rows
        .iter()
        .map(|Row { listed: Listed { name, may, made_at }, hash }| {
            json!({
                "name": name.to_string(),
                "may": may.word(),
                "made_at": made_at.to_string(),
                "sha256": hash,
            })
        })
        .collect();
    // Made for its owner's eyes only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(&rows)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Tokens are drawn by lot, so nobody can try all that have a hash.
fn hash(token: &str) -> String {
    hex(digest(&SHA256, token.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("texts take all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ActorName {
        ActorName::new(name).unwrap()
    }

    #[test]
    fn a_token_is_known_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/tokens.json");
        let (server, other) = (TokenFile::new(path.clone()), TokenFile::new(path.clone()));
        assert_eq!(server.bearer("hr_runner_00").unwrap(), None);

        let now = Timestamp::UNIX_EPOCH;
        let token = other.create(name("build"), Scope::Runner, now, [7; 30]).unwrap().unwrap();
        assert!(token.starts_with("hr_runner_0707"), "{token}");
        let bearer = Bearer { name: name("build"), may: Scope::Runner };
        assert_eq!(server.bearer(&token).unwrap(), Some(bearer));
        assert_eq!(server.bearer(&token[..token.len() - 1]).unwrap(), None);
        assert_eq!(other.create(name("build"), Scope::Operator, now, [8; 30]).unwrap(), None);

        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("0707070707"), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        assert!(other.revoke(&name("build")).unwrap());
        assert!(!other.revoke(&name("build")).unwrap());
        assert_eq!(server.bearer(&token).unwrap(), None);
        assert_eq!(server.list().unwrap(), []);
    }

    #[test]
    fn a_file_that_somebody_has_broken_admits_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        for broken in ["", "[{}]", r#"[{"name": "a", "may": "all", "made_at": "x"}]"#] {
            fs::write(&path, broken).unwrap();
            let tokens = TokenFile::new(path.clone());
            assert!(tokens.bearer("hr_operator_00").is_err(), "{broken}");
            assert!(tokens.revoke(&name("a")).is_err(), "{broken}");
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
    }
}
