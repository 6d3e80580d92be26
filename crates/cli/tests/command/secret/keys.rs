//! Root keys: where they come from, wrong ones, and replacing them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use store::vault::{Cost, RootKey};

use super::{Kept, piped};
use crate::Ran;

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NEW: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn key(text: &str) -> RootKey {
    RootKey::from_text(text).unwrap()
}

impl Kept {
    fn with(&self, variables: &[(&str, &str)], line: &str, input: &str) -> Ran {
        let mut command = self.0.command(line);
        command.envs(variables.iter().copied());
        piped(command, input)
    }
}

#[test]
fn the_key_is_made_once_and_closed_to_others() {
    let kept = Kept::new();
    kept.set("A --service shop", "value");
    let path = kept.data().join("root.key");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.len(), 45);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = kept.piped("secret set B --service shop", "value");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    for mode in [0o604, 0o640, 0o644, 0o602] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let ran = kept.piped("secret set A --service shop", "other");
        assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""), "{mode:o}");
        assert!(ran.err.contains("/root.key is open to others\nhint: close it: chmod 600 "));
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(kept.given("shop"), ["A=value", "B=value"]);
    fs::remove_file(&path).unwrap();
    let ran = kept.piped("secret set A --service shop", "other");
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.contains("and no root key was given\nhint: "), "{}", ran.err);
    assert!(!path.exists(), "no other key is made for what is sealed already");
    assert_eq!(kept.run("secret list").code, Some(0), "the list needs no key");
}

#[test]
fn the_environment_names_the_key() {
    let kept = Kept::new();
    let file = kept.data().join("key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let file = ("HIGHROAD_ROOT_KEY_FILE", file.to_str().unwrap().to_owned());
    let file = (file.0, file.1.as_str());
    for (number, variable) in [("HIGHROAD_ROOT_KEY", KEY), file].into_iter().enumerate() {
        let ran = kept.with(&[variable], "secret set A --service shop", &number.to_string());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert_eq!(kept.given_with("shop", key(KEY)), [format!("A={number}")]);
    }
    assert!(!kept.data().join("root.key").exists());
    let ran = kept.with(&[("HIGHROAD_ROOT_KEY", NEW)], "secret set A --service shop", "x");
    assert_eq!(ran.code, Some(4));
    let said = format!("sealed under root key {}, but {} was given\n", key(KEY), key(NEW));
    assert!(ran.err.contains(&said), "{}", ran.err);
    assert!(ran.err.ends_with("nothing was changed\n"), "{}", ran.err);
    for (name, value) in [
        ("HIGHROAD_ROOT_KEY", "hunter2"),
        ("HIGHROAD_PASSPHRASE", "hunter2"),
        ("HIGHROAD_NEW_ROOT_KEY", "hunter2"),
        ("HIGHROAD_ROOT_KEY_FILE", "/nonexistent"),
    ] {
        let ran = kept.with(&[(name, value)], "secret set A --service shop", "x");
        assert!(matches!(ran.code, Some(2 | 3)), "{ran:?}");
        assert!(ran.err.contains(name) && !ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn a_passphrase_is_a_key_too() {
    let kept = Kept::new();
    let right = [("HIGHROAD_PASSPHRASE", "correct horse battery")];
    let ran = kept.with(&right, "secret set A --service shop", "value");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let wrong = [("HIGHROAD_PASSPHRASE", "correct horse batterz")];
    let ran = kept.with(&wrong, "secret set A --service shop", "other");
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.contains(", but a passphrase was given\n"), "{}", ran.err);
    let text = "correct horse battery".to_owned();
    let passphrase = RootKey::passphrase(text.into(), Cost::default()).unwrap();
    assert_eq!(kept.given_with("shop", passphrase), ["A=value"]);
}

#[test]
fn vault_keys_are_replaced() {
    let kept = Kept::new();
    for line in ["A --service shop", "B --service shop", "A --service shop -e production"] {
        kept.set(line, "value");
    }
    kept.set("A --service till", "value");
    let ran = kept.run("secret rotate --vault-keys");
    assert_eq!(
        ran.out,
        "shop has a new key for 2 secrets\nshop/production has a new key for 1 secret\n\
         till has a new key for 1 secret\n"
    );
    let ran = kept.run("secret rotate --vault-keys --service shop --env production --json");
    assert_eq!(
        ran.out,
        "{\"vaults\":[{\"service\":\"shop\",\"environment\":\"production\",\"secrets\":1}]}\n"
    );
    assert_eq!(kept.given("shop/production"), ["A=value", "B=value"]);
    let rekeyed = kept.run("journal --kind vault --json").out.lines().count();
    assert_eq!(rekeyed, 4);
}

#[test]
fn the_folders_root_key_is_replaced() {
    let kept = Kept::new();
    let nothing = kept.run("secret rotate --root-key");
    assert_eq!(nothing.code, Some(4));
    assert!(nothing.err.starts_with("error: there are no secrets yet"), "{}", nothing.err);
    assert!(!kept.data().join("root.key.new").exists());
    kept.set("A --service shop", "value");
    let path = kept.data().join("root.key");
    let before = fs::read_to_string(&path).unwrap();
    let ran = kept.run("secret rotate --root-key");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let after = fs::read_to_string(&path).unwrap();
    assert_ne!(before, after);
    assert_eq!(ran.out, format!("1 secret sealed under root key {}\n", key(&after)));
    assert!(ran.err.contains("backups from before need the key from before"), "{}", ran.err);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(kept.given("shop"), ["A=value"]);
    let old = kept.with(&[("HIGHROAD_ROOT_KEY", before.trim())], "secret rm A --service shop", "");
    assert_eq!(old.code, Some(4));
    let journal = kept.run("journal --kind vault").out;
    assert!(journal.contains(&format!("under root key {}", key(&after))), "{journal}");
}

#[test]
fn a_named_root_key_is_replaced_by_another() {
    let kept = Kept::new();
    let present = ("HIGHROAD_ROOT_KEY", KEY);
    kept.with(&[present], "secret set A --service shop", "value");
    let ran = kept.with(&[present], "secret rotate --root-key", "");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("give it in HIGHROAD_NEW_ROOT_KEY"), "{}", ran.err);
    let next = ("HIGHROAD_NEW_ROOT_KEY", NEW);
    let wrong = kept.with(
        &[("HIGHROAD_ROOT_KEY", NEW), ("HIGHROAD_NEW_PASSPHRASE", "correct horse")],
        "secret rotate --root-key",
        "",
    );
    assert_eq!(wrong.code, Some(4), "{wrong:?}");
    assert_eq!(kept.given_with("shop", key(KEY)), ["A=value"]);
    let ran = kept.with(&[present, next], "secret rotate --root-key --json", "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["key"], key(NEW).to_string());
    assert_eq!(ran.json()["secrets"], 1);
    assert_eq!(kept.given_with("shop", key(NEW)), ["A=value"]);
    let again = kept.with(&[present, next], "secret rotate --root-key --json", "");
    assert_eq!(again.out, ran.out, "it is so already");
    assert!(!kept.data().join("root.key").exists());
}

#[test]
fn replacing_the_root_key_survives_being_killed() {
    const KILLS: u64 = 25;
    let kept = Kept::new();
    let mut expected = Vec::new();
    for number in 0..8 {
        kept.set(&format!("SECRET_{number} --service shop --env e{number}"), "value");
        expected.push((format!("shop/e{number}"), [format!("SECRET_{number}=value")]));
    }
    for kill in 0..KILLS {
        let mut rotating = kept.0.command("secret rotate --root-key");
        let mut child = rotating.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Wherever it is by then; that it is anywhere is proven commit by commit elsewhere.
        std::thread::park_timeout(std::time::Duration::from_millis(2 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whoever comes next finds every key that is needed, in the middle of it too.
        let name = format!("AFTER_{kill}");
        kept.set(&format!("{name} --service till"), "value");
        let ran = kept.run(&format!("secret rm {name} --service till"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let ran = kept.run("secret rotate --root-key");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for (place, given) in expected {
        assert_eq!(kept.given(&place), given);
    }
    let mut files: Vec<_> = fs::read_dir(kept.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("root"))
        .collect();
    files.sort();
    assert_eq!(files, ["root.key"]);
}
