//! The root keys of the secrets: from the environment, from files, or made when first needed.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ports::entropy::Entropy;
use store::vault::{Cost, RootKey, RootKeyError};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::exit::Exit;

/// Where the root key comes from: the key itself, a file with it, a passphrase to stretch.
struct Names {
    key: &'static str,
    file: &'static str,
    passphrase: &'static str,
}

const PRESENT: Names = Names {
    key: "HIGHROAD_ROOT_KEY",
    file: "HIGHROAD_ROOT_KEY_FILE",
    passphrase: "HIGHROAD_PASSPHRASE",
};

/// The same for the key that is to take over.
const NEXT: Names = Names {
    key: "HIGHROAD_NEW_ROOT_KEY",
    file: "HIGHROAD_NEW_ROOT_KEY_FILE",
    passphrase: "HIGHROAD_NEW_PASSPHRASE",
};

/// The file in the folder for Highroad's data, for those who name no other key.
pub(crate) const FILE: &str = "root.key";
/// The key that is to take its place, while it does.
const NEXT_FILE: &str = "root.key.new";

/// More than the text of any key.
const MOST_BYTES: usize = 4 << 10;

/// Who may do what with a file that people name themselves: its group may read it, since some
/// systems hand files out like that.
const OTHERS: u32 = 0o027;
/// With a file of our own, nobody but its owner may do anything.
const ANYBODY_ELSE: u32 = 0o077;

/// All root keys that this process is given, that of the present first. The folder is asked for
/// only if the environment names none.
pub(crate) fn given(
    folder: impl FnOnce() -> Result<PathBuf, Error>,
) -> Result<Vec<RootKey>, Error> {
    let variable = |name: &str| std::env::var_os(name);
    let mut keys = named(&PRESENT, variable)?;
    if keys.is_empty() {
        let folder = folder()?;
        for name in [FILE, NEXT_FILE] {
            keys.extend(of_file(&folder.join(name))?);
        }
    }
    keys.extend(named(&NEXT, variable)?);
    Ok(keys)
}

/// Makes the folder's root key, unless another process has just done so.
pub(crate) fn make(folder: &Path, entropy: &dyn Entropy) -> Result<RootKey, Error> {
    make_file(folder, FILE, entropy)
}

/// The root key that is to take over.
#[derive(Debug)]
pub(crate) struct Successor {
    pub(crate) key: RootKey,
    /// The folder in which its file is to take the place of the file before.
    folder: Option<PathBuf>,
}

impl Successor {
    /// The one that the environment names; without one, a new file for who uses the folder's.
    pub(crate) fn chosen(
        folder: impl FnOnce() -> Result<PathBuf, Error>,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        let variable = |name: &str| std::env::var_os(name);
        if let Some(key) = named(&NEXT, variable)?.into_iter().next() {
            return Ok(Self { key, folder: None });
        }
        if !named(&PRESENT, variable)?.is_empty() {
            let Names { key, file, passphrase } = NEXT;
            return Err(Error::new(Exit::Usage, "there is no root key to take over")
                .hint(format!("give it in {key}, {file} or {passphrase}")));
        }
        let folder = folder()?;
        let key = match of_file(&folder.join(NEXT_FILE))? {
            Some(begun) => begun,
            None => make_file(&folder, NEXT_FILE, entropy)?,
        };
        Ok(Self { key, folder: Some(folder) })
    }

    /// Puts its file in the place of the one before, now that it is the root key. Answers with the
    /// file, if it has one.
    pub(crate) fn settle(&self) -> Result<Option<PathBuf>, Error> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join(FILE);
        fs::rename(folder.join(NEXT_FILE), &path)
            .and_then(|()| sync(folder))
            .map_err(|error| Error::io(format!("cannot write {}", path.display()), &error))?;
        Ok(Some(path))
    }
}

fn named(
    names: &Names,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<RootKey>, Error> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let wrong = |name: &str, why: &str| {
        Error::new(Exit::Usage, format!("{name} is of no use")).caused_by(why.to_owned())
    };
    let text = |name: &'static str| {
        let text = set(name).map(|value| value.into_string().map(Zeroizing::new));
        text.transpose().map_err(|_| wrong(name, "it is not UTF-8 text"))
    };
    let mut keys = Vec::new();
    if let Some(text) = text(names.key)? {
        let key = RootKey::from_text(&text);
        keys.push(key.map_err(|error| wrong(names.key, &error.to_string()))?);
    }
    if let Some(path) = set(names.file).map(PathBuf::from) {
        let key = read(&path, OTHERS)?.ok_or_else(|| {
            let what = format!("there is no {}, which {} names", path.display(), names.file);
            Error::new(Exit::NotFound, what)
        })?;
        keys.push(key);
    }
    if let Some(text) = text(names.passphrase)? {
        let key = RootKey::passphrase(text, Cost::default());
        keys.push(key.map_err(|error| wrong(names.passphrase, &error.to_string()))?);
    }
    Ok(keys)
}

fn of_file(path: &Path) -> Result<Option<RootKey>, Error> {
    read(path, ANYBODY_ELSE)
}

/// Reads a key's file, unless it is open to somebody whom it is not for.
fn read(path: &Path, closed_to: u32) -> Result<Option<RootKey>, Error> {
    let shown = path.display();
    let cannot = |error: &io::Error| Error::io(format!("cannot read {shown}"), error);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| cannot(&error))?,
    };
    let about = file.metadata().map_err(|error| cannot(&error))?;
    if about.is_file() && about.permissions().mode() & closed_to != 0 {
        return Err(Error::new(Exit::Refused, format!("{shown} is open to others")).hint(format!(
            "close it: chmod 600 {shown}; if somebody may have read it, replace the key: highroad \
             secret rotate --root-key"
        )));
    }
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
    let length = file.take(MOST_BYTES as u64).read_to_string(&mut text);
    let key = match length {
        Ok(_) => RootKey::from_text(&text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(RootKeyError::Malformed),
        Err(error) => return Err(cannot(&error)),
    };
    key.map(Some).map_err(|error| {
        Error::new(Exit::Io, format!("{shown} holds no root key")).caused_by(error.to_string())
    })
}

/// The whole file or none of it, closed to everybody else from its beginning, and on the disk before
/// anything is sealed under the key.
fn make_file(folder: &Path, name: &str, entropy: &dyn Entropy) -> Result<RootKey, Error> {
    let path = folder.join(name);
    let (key, text) = RootKey::draw(entropy);
    let write = || {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".highroad-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        writeln!(file, "{}", *text)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(&path).map_err(|error| error.error)?;
        sync(folder)
    };
    match write() {
        Ok(()) => Ok(key),
        // Somebody was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => of_file(&path)?
            .ok_or_else(|| Error::io(format!("cannot make {}", path.display()), &error)),
        Err(error) => Err(Error::io(format!("cannot make {}", path.display()), &error)),
    }
}

/// A name is durable once its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use ports::fake::Seeded;

    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Vec<String>, Error> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        };
        named(&PRESENT, variable).map(|keys| keys.iter().map(ToString::to_string).collect())
    }

    fn drawn(seed: u64) -> (String, String) {
        let (key, text) = RootKey::draw(&Seeded::new(seed));
        (key.to_string(), text.to_string())
    }

    #[test]
    fn the_environment_may_name_several() {
        let ((one, one_text), (two, two_text)) = (drawn(1), drawn(2));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, format!("{two_text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        let file = ("HIGHROAD_ROOT_KEY_FILE", path.to_str().unwrap());
        let key = ("HIGHROAD_ROOT_KEY", one_text.as_str());
        let passphrase = ("HIGHROAD_PASSPHRASE", "correct horse");
        assert_eq!(with(&[]).unwrap(), [""; 0]);
        assert_eq!(with(&[("HIGHROAD_ROOT_KEY", "")]).unwrap(), [""; 0]);
        assert_eq!(with(&[passphrase, file, key]).unwrap(), [&one, &two, "a passphrase"]);
        fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
        assert_eq!(with(&[file]).unwrap_err().exit(), Exit::Refused);
    }

    #[test]
    fn what_is_of_no_use_is_not_repeated() {
        for (name, value) in [("HIGHROAD_ROOT_KEY", "hunter2"), ("HIGHROAD_PASSPHRASE", "hunter2")]
        {
            let error = with(&[(name, value)]).unwrap_err();
            let told = error.machine().to_string();
            assert!(told.contains(name) && !told.contains("hunter2"), "{told}");
            assert_eq!(error.exit(), Exit::Usage);
        }
        let error = with(&[("HIGHROAD_ROOT_KEY_FILE", "/nonexistent/key")]).unwrap_err();
        assert_eq!(error.exit(), Exit::NotFound);
    }

    #[test]
    fn a_file_is_made_once_and_closed() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("not/there/yet");
        let key = make(&below, &Seeded::new(1)).unwrap();
        let again = make(&below, &Seeded::new(2)).unwrap();
        assert_eq!(key.to_string(), again.to_string());
        let mode = fs::metadata(below.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&below).unwrap().count(), 1);
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(below.join(FILE), Permissions::from_mode(mode)).unwrap();
            let error = make(&below, &Seeded::new(2)).unwrap_err();
            assert_eq!(error.exit(), Exit::Refused);
        }
    }

    #[test]
    fn what_is_no_key_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for bytes in [b"".to_vec(), b"hunter2".to_vec(), b"\xff\xfe".to_vec(), vec![b'A'; 100_000]]
        {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let error = of_file(&path).unwrap_err();
            assert_eq!(error.exit(), Exit::Io);
            assert!(!error.machine().to_string().contains("hunter2"));
        }
    }
}
