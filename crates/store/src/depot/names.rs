//! Which keys and names can be, and what stands for a set of paths.

use ports::depot::{DepotError, DepotErrorKind, MAX_KEY, MAX_KEYS, MAX_NAME};
use ports::entropy::Entropy;

use super::content::Digest;
use super::manifest::shown;

/// A key and the beginnings of keys that may stand in for it.
pub(super) fn check_keys(key: &str, restore_keys: &[String]) -> Result<(), DepotError> {
    let keys = 1 + restore_keys.len();
    if keys > MAX_KEYS {
        return invalid(format!("{keys} keys are looked for at once, more than {MAX_KEYS}"));
    }
    check_key(key)?;
    restore_keys.iter().try_for_each(|key| check_key(key))
}

pub(super) fn check_key(key: &str) -> Result<(), DepotError> {
    if key.is_empty() {
        return invalid("a cache needs a key".to_owned());
    }
    let characters = key.chars().count();
    if characters > MAX_KEY {
        let key = shown(key.as_bytes());
        return invalid(format!(
            "the key `{key}` has {characters} characters, more than {MAX_KEY}"
        ));
    }
    if key.contains([',', '\0']) {
        let key = shown(key.as_bytes());
        return invalid(format!("the key `{key}` has a comma, which no key may have"));
    }
    Ok(())
}

/// Runs, repositories and refs: whatever is not empty and not too long.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), DepotError> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        let name = shown(name.as_bytes());
        return invalid(format!(
            "`{name}` is not {what}: it has 1 to {MAX_NAME} bytes, and no NUL"
        ));
    }
    Ok(())
}

/// An artifact's name is one of a folder too.
pub(super) fn check_artifact_name(name: &str) -> Result<(), DepotError> {
    check_name("the name of an artifact", name)?;
    let forbidden = ['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/'];
    if let Some(character) = name.chars().find(|c| forbidden.contains(c)) {
        let name = shown(name.as_bytes());
        return invalid(format!(
            "`{name}` is not the name of an artifact: it has {character:?}; none of \
             \" : < > | * ? \\ / and line ends may be in it"
        ));
    }
    if [".", ".."].contains(&name) {
        return invalid(format!("`{name}` is not the name of an artifact"));
    }
    Ok(())
}

/// What stands for the paths of a cache, in the order in which they are written.
pub(super) fn version(paths: &[String]) -> String {
    let mut all = Vec::new();
    for path in paths {
        all.extend_from_slice(&(path.len() as u64).to_be_bytes());
        all.extend_from_slice(path.as_bytes());
    }
    let mut version = Digest::of(&all).to_string();
    version.truncate(32);
    version
}

/// A name that nothing has yet.
pub(super) fn random_name(entropy: &dyn Entropy) -> String {
    entropy.draw().iter().fold(String::new(), |name, byte| format!("{name}{byte:02x}"))
}

/// Whether it looks as if [`random_name`] had made it.
pub(super) fn is_random_name(name: &[u8]) -> bool {
    name.len() == 20 && name.iter().all(u8::is_ascii_hexdigit)
}

fn invalid<T>(what: String) -> Result<T, DepotError> {
    Err(DepotError::new(DepotErrorKind::Invalid, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_github_has_them() {
        assert!(check_key("npm-linux-äöü-1").is_ok());
        assert!(check_key(&"ä".repeat(MAX_KEY)).is_ok());
        for key in ["", "a,b", "a\0b", &"x".repeat(MAX_KEY + 1)] {
            assert!(check_key(key).is_err(), "{key}");
        }
        let nine = vec!["npm-".to_owned(); 9];
        assert!(check_keys("npm-1", &nine).is_ok());
        assert!(check_keys("npm-1", &[nine, vec!["npm".to_owned()]].concat()).is_err());
    }

    #[test]
    fn names_of_artifacts_are_names_of_folders() {
        for name in ["dist", "a b", "..a", "ä"] {
            assert!(check_artifact_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "a:b", "a*", &"x".repeat(MAX_NAME + 1)] {
            assert!(check_artifact_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_version_stands_for_paths_and_their_order() {
        let of =
            |paths: &[&str]| version(&paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        let all =
            [of(&[]), of(&["a"]), of(&["ab"]), of(&["a", "b"]), of(&["b", "a"]), of(&["a", ""])];
        for (nth, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!all[..nth].contains(one));
        }
    }
}
