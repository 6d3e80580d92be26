//! Who can open what: root keys, passphrases, and wrong ones of either.

use std::sync::Arc;

use model::fact::What;
use ports::memory::MemoryStore;
use ports::store::{Query, Store};
use ports::vault::{KeyTrouble, Vault, VaultError};
use store::vault::{EmbeddedVault, RootKey};

use super::given::{
    given, job, key, map, passphrase, rows, secret, set, told, try_given, try_set, vault_on, word,
};

/// A store with a secret of the service, one of production, and one that was removed.
async fn filled(by: &RootKey) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    let vault = vault_on(store.clone(), std::slice::from_ref(by));
    set(&vault, "shop/A", "one").await;
    set(&vault, "shop/production/B", "two").await;
    set(&vault, "shop/GONE", "three").await;
    vault.remove(&secret("shop/GONE"), &word()).await.unwrap();
    store
}

async fn all(store: &Arc<MemoryStore>, keys: &[RootKey]) -> Result<(), VaultError> {
    let given = try_given(&vault_on(store.clone(), keys), "shop/production").await?;
    assert_eq!(given, map(&[("A", "one"), ("B", "two")]));
    Ok(())
}

#[tokio::test]
async fn whoever_has_the_key_can_open() {
    for by in [key(1), passphrase("correct horse")] {
        let store = filled(&by).await;
        all(&store, std::slice::from_ref(&by)).await.unwrap();
        all(&store, &[key(2), passphrase("another horse"), by]).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_before_anything_is_changed() {
    for by in [key(1), passphrase("correct horse")] {
        let store = filled(&by).await;
        let before = (rows(&store), store.head().await.unwrap());
        let wrong: [&[RootKey]; 4] = [
            &[],
            &[key(2)],
            &[passphrase("correct horsf")],
            &[key(2), passphrase("battery staple")],
        ];
        for keys in wrong {
            let vault = vault_on(store.clone(), keys);
            let path = "shop".parse().unwrap();
            let errors = [
                try_set(&vault, "shop/A", "new").await.unwrap_err(),
                try_set(&vault, "shop/staging/NEW", "new").await.unwrap_err(),
                vault.remove(&secret("shop/A"), &word()).await.unwrap_err(),
                vault.recall(&secret("shop/A"), 1).await.unwrap_err(),
                try_given(&vault, "shop/production").await.unwrap_err(),
                vault.rekey(&path, &word()).await.unwrap_err(),
                vault.replace_root(&key(3), &word()).await.unwrap_err(),
            ];
            for error in errors {
                let VaultError::Key(trouble) = &error else { panic!("{error}") };
                let is_missing = matches!(trouble, KeyTrouble::Missing { .. });
                assert_eq!(is_missing, keys.is_empty(), "{error}");
                assert!(is_missing || matches!(trouble, KeyTrouble::Wrong { .. }), "{error}");
                assert!(!told(&error).contains("correct horse"));
            }
        }
        assert_eq!((rows(&store), store.head().await.unwrap()), before);
    }
}

#[tokio::test]
async fn the_trouble_names_both_keys() {
    let store = filled(&key(1)).await;
    let sealed_under = EmbeddedVault::sealed_under(&*store).await.unwrap().unwrap();
    assert_eq!(sealed_under.to_string(), key(1).to_string());
    let error = all(&store, &[key(2), passphrase("correct horse")]).await.unwrap_err();
    let [one, two] = [key(1), key(2)];
    assert_eq!(
        error.to_string(),
        format!(
            "the secrets are sealed under root key {one}, but {two} and a passphrase was given"
        )
    );
}

#[tokio::test]
async fn the_list_needs_no_key() {
    let store = filled(&key(1)).await;
    for keys in [&[][..], &[key(2)], &[key(1)]] {
        let listed = vault_on(store.clone(), keys).list(None).await.unwrap();
        let names = listed.iter().map(|it| it.secret.to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["A of shop", "B of shop/production"]);
    }
}

#[tokio::test]
async fn without_any_key_nothing_is_begun() {
    let store = Arc::new(MemoryStore::default());
    let vault = vault_on(store.clone(), &[]);
    let error = try_set(&vault, "shop/A", "one").await.unwrap_err();
    assert!(matches!(error, VaultError::Key(KeyTrouble::NoneYet)), "{error}");
    let error = vault.replace_root(&key(1), &word()).await.unwrap_err();
    assert!(matches!(error, VaultError::Key(KeyTrouble::NothingSealed)), "{error}");
    assert_eq!(rows(&store), []);
    assert_eq!(EmbeddedVault::sealed_under(&*store).await.unwrap(), None);
}

#[tokio::test]
async fn a_vault_gets_a_new_key_and_keeps_its_values() {
    let store = filled(&key(1)).await;
    let vault = vault_on(store.clone(), &[key(1)]);
    for number in 0..5 {
        set(&vault, "shop/A", &format!("value {number}")).await;
    }
    let before = rows(&store);
    let word = word();
    for _ in 0..3 {
        assert_eq!(vault.rekey(&"shop".parse().unwrap(), &word).await.unwrap(), 1);
    }
    assert_eq!(given(&vault, "shop").await, map(&[("A", "value 4")]));
    for version in 4..=6 {
        let recalled = vault.recall(&secret("shop/A"), version).await.unwrap();
        assert_eq!(recalled.expose(), format!("value {}", version - 2));
    }
    let after = rows(&store);
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after);
    let kinds: Vec<_> = changed.map(|(before, _)| before.kind.as_str()).collect();
    assert_eq!(kinds, ["vault"], "values stay as they are, and the word counts once");
    assert_eq!(vault.rekey(&"nowhere".parse().unwrap(), &self::word()).await.unwrap(), 0);
}

#[tokio::test]
async fn the_root_key_is_replaced() {
    let keys = [key(1), passphrase("correct horse"), key(2), passphrase("battery staple")];
    let store = filled(&keys[0]).await;
    for pair in keys.windows(2) {
        let vault = vault_on(store.clone(), &pair[..1]);
        let replaced = vault.replace_root(&pair[1], &word()).await.unwrap();
        assert_eq!((replaced.vaults, replaced.secrets), (2, 2));
        assert_eq!(EmbeddedVault::sealed_under(&*store).await.unwrap(), Some(replaced.key));
        all(&store, &pair[1..]).await.unwrap();
        let error = all(&store, &pair[..1]).await.unwrap_err();
        assert!(matches!(error, VaultError::Key(KeyTrouble::Wrong { .. })), "{error}");
        let again = vault_on(store.clone(), &pair[1..]);
        assert_eq!(again.replace_root(&pair[1], &word()).await.unwrap(), replaced);
    }
}

#[tokio::test]
async fn the_journal_tells_which_keys_were_replaced() {
    let store = filled(&key(1)).await;
    let vault = vault_on(store.clone(), &[key(1)]);
    vault.rekey(&"shop/production".parse().unwrap(), &word()).await.unwrap();
    vault.replace_root(&key(2), &word()).await.unwrap();
    let kind = Some("vault".to_owned());
    let query = Query { kind, limit: 10, ..Query::default() };
    let entries = store.entries(query).await.unwrap();
    let facts: Vec<_> = entries.iter().map(|entry| entry.record.read().unwrap()).collect();
    let told = facts.iter().map(|fact| {
        let What::VaultRekeyed(rekeyed) = &fact.what else { panic!("{fact:?}") };
        (fact.scope.to_string(), fact.actor.to_string(), rekeyed.secrets, rekeyed.key.clone())
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].0, "shop/production");
    assert!(told[0].3.starts_with("vault key ") && told[0].2 == 1, "{told:?}");
    let ada = "person:ada".to_owned();
    assert_eq!(told[1], (String::new(), ada, 2, format!("root key {}", key(2))));
}

#[tokio::test]
async fn recalling_needs_no_job() {
    let store = filled(&key(1)).await;
    let vault = vault_on(store.clone(), &[key(1)]);
    vault.recall(&secret("shop/A"), 1).await.unwrap();
    assert!(vault.list(None).await.unwrap().iter().all(|it| it.last_use.is_none()));
    given(&vault, "shop").await;
    let listed = vault.list(None).await.unwrap();
    assert_eq!(listed[0].last_use.as_ref().map(|used| used.by), Some(job(1)));
}
