//! What every [`Vault`] must do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::id::{AnyId, CommandId, JobId};
use model::vault::{SecretName, VaultPath};

use crate::entropy::{Entropy, SystemEntropy};
use crate::vault::{KEPT_VERSIONS, MAX_VALUE, SecretPath, Value, Vault, VaultError, Wanted, Word};

pub async fn a_secret_is_given_out_as_it_was_set(vault: &dyn Vault) {
    assert_eq!(set(vault, "shop/TOKEN", "hunter2").await, 1);
    assert_eq!(given(vault, "shop").await, [("TOKEN", "hunter2", 1, "shop")]);
}

pub async fn every_value_survives(vault: &dyn Vault) {
    let long = "\u{1f511}".repeat(MAX_VALUE / 4);
    let values = [
        " ",
        "\n",
        "x",
        "hunter2\n",
        "-----BEGIN KEY-----\r\nMIIE==\r\n-----END KEY-----\r\n",
        "{\"a\": \"\\u0000\"}",
        "\u{feff}p\u{e4}ssword \u{202e}",
        "'; DROP TABLE processes; --",
        long.as_str(),
    ];
    for value in values {
        set(vault, "shop/TOKEN", value).await;
        assert!(given(vault, "shop").await[0].1 == value, "{} bytes", value.len());
    }
}

pub async fn nothing_is_known_of_what_was_never_set(vault: &dyn Vault) {
    assert!(given(vault, "shop/production").await.is_empty());
    assert_eq!(vault.list(None).await.expect("the vault serves"), []);
    let missing = secret("shop/TOKEN");
    for error in [
        vault.remove(&missing, &word()).await.expect_err("it is not there"),
        vault.rotate(&missing, &value("x"), &word()).await.map(|_| ()).expect_err("nor is it here"),
        vault.recall(&missing, 1).await.map(|_| ()).expect_err("nor does anybody remember it"),
    ] {
        assert!(matches!(&error, VaultError::NoSecret(path) if *path == missing), "{error}");
    }
    assert_eq!(vault.list(None).await.expect("the vault serves"), []);
}

pub async fn the_newest_version_is_given_out(vault: &dyn Vault) {
    for number in 1..=10 {
        let value = format!("value {number}");
        assert_eq!(set(vault, "shop/TOKEN", &value).await, number);
        assert_eq!(given(vault, "shop").await, [("TOKEN", value.as_str(), number, "shop")]);
    }
    let rotated = vault.rotate(&secret("shop/TOKEN"), &value("rotated"), &word()).await;
    assert_eq!(rotated.expect("it is there"), 11);
    assert_eq!(given(vault, "shop").await, [("TOKEN", "rotated", 11, "shop")]);
}

pub async fn the_last_versions_are_remembered(vault: &dyn Vault) {
    for number in 1..=10 {
        set(vault, "shop/TOKEN", &format!("value {number}")).await;
        set(vault, "shop/OTHER", &format!("other {number}")).await;
    }
    let token = secret("shop/TOKEN");
    for version in 0..=11 {
        let recalled = vault.recall(&token, version).await;
        if (11 - KEPT_VERSIONS..=10).contains(&(version as usize)) {
            assert_eq!(recalled.expect("it is kept").expose(), format!("value {version}"));
        } else {
            let error = recalled.expect_err("it is not kept");
            assert!(matches!(error, VaultError::NoVersion { .. }), "{error}");
        }
    }
}

pub async fn the_environment_goes_before_the_service(vault: &dyn Vault) {
    for (path, value) in [
        ("shop/A", "the service's"),
        ("shop/B", "the service's"),
        ("shop/production/B", "the environment's"),
        ("shop/production/C", "the environment's"),
    ] {
        set(vault, path, value).await;
    }
    assert_eq!(
        given(vault, "shop/production").await,
        [
            ("A", "the service's", 1, "shop"),
            ("B", "the environment's", 1, "shop/production"),
            ("C", "the environment's", 1, "shop/production"),
        ]
    );
    let service = [("A", "the service's", 1, "shop"), ("B", "the service's", 1, "shop")];
    assert_eq!(given(vault, "shop").await, service);
    assert_eq!(given(vault, "shop/staging").await, service);
}

pub async fn vaults_do_not_touch_each_other(vault: &dyn Vault) {
    let paths = ["shop/A", "shop/production/A", "shop/staging/A", "shop-production/A", "till/A"];
    for path in paths {
        set(vault, path, path).await;
    }
    vault.remove(&secret("shop/staging/A"), &word()).await.expect("it is there");
    set(vault, "till/A", "another").await;
    for (place, value) in [
        ("shop", "shop/A"),
        ("shop/production", "shop/production/A"),
        ("shop/staging", "shop/A"),
        ("shop-production", "shop-production/A"),
        ("till/production", "another"),
    ] {
        let given = given(vault, place).await;
        assert_eq!(given.iter().map(|it| it.1.as_str()).collect::<Vec<_>>(), [value], "{place}");
    }
}

pub async fn only_what_is_wanted_is_given_out(vault: &dyn Vault) {
    for name in ["A", "B", "C"] {
        set(vault, &format!("shop/{name}"), name).await;
    }
    let names = ["C", "A", "MISSING"].map(name);
    let wanted = Wanted { names: Some(BTreeSet::from(names)), ..wanted("shop/production", job()) };
    let given = vault.resolve(&wanted).await.expect("the vault serves");
    assert_eq!(given.keys().map(SecretName::as_str).collect::<Vec<_>>(), ["A", "C"]);
    let used = vault.list(None).await.expect("the vault serves");
    let used = used.iter().filter(|it| it.last_use.is_some());
    assert_eq!(used.map(|it| it.secret.name.as_str()).collect::<Vec<_>>(), ["A", "C"]);
    let none = Wanted { names: Some(BTreeSet::new()), ..wanted };
    assert!(vault.resolve(&none).await.expect("the vault serves").is_empty());
}

pub async fn a_removed_secret_is_gone(vault: &dyn Vault) {
    for path in ["shop/A", "shop/B"] {
        set(vault, path, "one").await;
        set(vault, path, "two").await;
    }
    let removed = secret("shop/A");
    vault.remove(&removed, &word()).await.expect("it is there");
    assert_eq!(given(vault, "shop").await, [("B", "two", 2, "shop")]);
    for version in 1..=2 {
        let error = vault.recall(&removed, version).await.expect_err("it is gone");
        assert!(matches!(error, VaultError::NoSecret(_)), "{error}");
    }
    let error = vault.remove(&removed, &word()).await.expect_err("it is gone already");
    assert!(matches!(error, VaultError::NoSecret(_)), "{error}");
    assert_eq!(set(vault, "shop/A", "three").await, 3, "no number is used twice");
    assert_eq!(given(vault, "shop").await[0], ("A", "three", 3, "shop"));
    let error = vault.recall(&removed, 2).await.expect_err("it is gone for ever");
    assert!(matches!(error, VaultError::NoVersion { .. }), "{error}");
}

pub async fn a_repeated_command_counts_once(vault: &dyn Vault) {
    let (token, word, other) = (secret("shop/TOKEN"), word(), word());
    for _ in 0..3 {
        assert_eq!(vault.set(&token, &value("one"), &word).await.expect("it is kept"), 1);
    }
    for _ in 0..3 {
        assert_eq!(vault.rotate(&token, &value("two"), &other).await.expect("it is kept"), 2);
    }
    assert_eq!(vault.set(&token, &value("one"), &word).await.expect("it was kept"), 1);
    assert_eq!(given(vault, "shop").await, [("TOKEN", "two", 2, "shop")]);
    let remove = self::word();
    for _ in 0..3 {
        vault.remove(&token, &remove).await.expect("it is removed");
    }
}

pub async fn the_list_shows_everything_but_values(vault: &dyn Vault) {
    for path in ["till/B", "shop/production/A", "shop/B", "shop/A", "shop/A"] {
        set(vault, path, "hunter2").await;
    }
    let listed = vault.list(None).await.expect("the vault serves");
    let shown: Vec<_> = listed.iter().map(|it| (it.secret.to_string(), it.version)).collect();
    assert_eq!(
        shown,
        [
            ("A of shop".to_owned(), 2),
            ("B of shop".to_owned(), 1),
            ("A of shop/production".to_owned(), 1),
            ("B of till".to_owned(), 1),
        ]
    );
    assert!(listed.iter().all(|it| it.set_by == word().by && it.last_use.is_none()));
    assert!(!format!("{listed:?}").contains("hunter2"));
    let service = "till".parse().expect("a name");
    assert_eq!(vault.list(Some(&service)).await.expect("the vault serves"), &listed[3..]);
}

pub async fn the_last_use_is_noted(vault: &dyn Vault) {
    for path in ["shop/A", "shop/production/A", "shop/production/B"] {
        set(vault, path, "hunter2").await;
    }
    let by = job();
    let given = vault.resolve(&wanted("shop/production", by)).await.expect("the vault serves");
    assert_eq!(given.len(), 2);
    let listed = vault.list(None).await.expect("the vault serves");
    let used = listed.iter().map(|it| it.last_use.as_ref().map(|used| used.by));
    assert_eq!(used.collect::<Vec<_>>(), [None, Some(by), Some(by)], "what was given out only");
    assert!(listed[1].last_use.as_ref().is_some_and(|used| used.at >= listed[1].set_at));
    set(vault, "shop/production/A", "changed").await;
    let listed = vault.list(None).await.expect("the vault serves");
    assert!(listed[1].last_use.is_some(), "it is of the secret, not of the version");
}

/// `service/NAME` or `service/environment/NAME`.
fn secret(text: &str) -> SecretPath {
    let (vault, name) = text.rsplit_once('/').expect("a vault and a name");
    SecretPath { vault: vault.parse().expect("a path"), name: self::name(name) }
}

fn name(text: &str) -> SecretName {
    text.parse().expect("a name")
}

fn value(text: &str) -> Value {
    Value::new(text.to_owned()).expect("a value")
}

fn word() -> Word {
    let entropy: &dyn Entropy = &SystemEntropy;
    let command = entropy.id(CommandId::new, Timestamp::UNIX_EPOCH);
    Word { by: "person:ada".parse().expect("an actor"), command }
}

fn job() -> AnyId {
    let entropy: &dyn Entropy = &SystemEntropy;
    entropy.id(JobId::new, Timestamp::UNIX_EPOCH).into()
}

async fn set(vault: &dyn Vault, path: &str, text: &str) -> u32 {
    vault.set(&secret(path), &value(text), &word()).await.expect("the secret is kept")
}

fn wanted(place: &str, by: AnyId) -> Wanted {
    let path: VaultPath = place.parse().expect("a path");
    Wanted { service: path.service, environment: path.environment, names: None, by }
}

/// Name, value, version and whose it is.
#[derive(Debug)]
struct Given(String, String, u32, String);

impl PartialEq<(&str, &str, u32, &str)> for Given {
    fn eq(&self, other: &(&str, &str, u32, &str)) -> bool {
        (self.0.as_str(), self.1.as_str(), self.2, self.3.as_str()) == *other
    }
}

/// In the order of names.
async fn given(vault: &dyn Vault, place: &str) -> Vec<Given> {
    let given = vault.resolve(&wanted(place, job())).await.expect("the vault serves");
    let given = given.into_iter().map(|(name, it)| {
        let value = it.value.expose().to_owned();
        Given(name.to_string(), value, it.version, it.path.to_string())
    });
    given.collect()
}
