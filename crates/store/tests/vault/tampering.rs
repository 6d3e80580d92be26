//! Somebody with an editor for the database: whatever they do, no wrong value is given out.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::persisted::Persisted as _;
use model::vault::{Register, Vault as Row, VaultPath};
use ports::memory::MemoryStore;
use ports::vault::{Vault, VaultError};

use super::given::{
    RawRow, given, key, rows, secret, set, store_of, told, try_given, try_set, vault_on, word,
};

const SECRETS: [(&str, &str); 5] = [
    ("shop/A", "the first value"),
    ("shop/A", "the second value"),
    ("shop/B", "another value of the same length"),
    ("shop/production/A", "the value of production itself!!"),
    ("shop/production/B", "the other value of production"),
];

async fn filled() -> Vec<RawRow> {
    let store = Arc::new(MemoryStore::default());
    let vault = vault_on(store.clone(), &[key(1)]);
    for (path, value) in SECRETS {
        set(&vault, path, value).await;
    }
    rows(&store)
}

async fn opened(rows: &[RawRow]) -> Result<BTreeMap<String, String>, VaultError> {
    try_given(&vault_on(store_of(rows).await, &[key(1)]), "shop/production").await
}

fn id(path: &str) -> model::id::AnyId {
    path.parse::<VaultPath>().unwrap().id().into()
}

fn state<'a>(rows: &'a mut [RawRow], path: &str) -> &'a mut String {
    let row = rows.iter_mut().find(|row| row.id == id(path));
    &mut row.expect("there is such a vault").state
}

fn is_told(error: &VaultError) -> bool {
    assert!(SECRETS.iter().all(|(_, value)| !told(error).contains(value)), "{error}");
    match error {
        VaultError::Tampered { .. } | VaultError::Unreadable { .. } | VaultError::Key(_) => true,
        VaultError::NoSecret(_)
        | VaultError::NoVersion { .. }
        | VaultError::Full(_)
        | VaultError::Contended { .. }
        | VaultError::Store(_) => false,
    }
}

#[tokio::test]
async fn every_changed_byte_is_noticed() {
    let rows = filled().await;
    let sound = opened(&rows).await.unwrap();
    for (number, row) in rows.iter().enumerate() {
        for place in 0..row.state.len() {
            for other in [1, 2, 32] {
                let mut bytes = row.state.clone().into_bytes();
                bytes[place] ^= other;
                let Ok(state) = String::from_utf8(bytes) else { continue };
                let mut rows = rows.clone();
                rows[number].state.clone_from(&state);
                match opened(&rows).await {
                    Err(error) => assert!(is_told(&error), "{error}: {state}"),
                    // Whom the vaults belong to is not what keeps values apart, and the first
                    // version of a secret is not what is asked for.
                    Ok(given) if row.kind != "vault" => assert_eq!(given, sound, "{state}"),
                    Ok(_) => panic!("not noticed: {state}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn every_row_that_is_cut_short_or_gone_is_noticed() {
    let rows = filled().await;
    let sound = opened(&rows).await.unwrap();
    for (number, row) in rows.iter().enumerate() {
        for length in 0..row.state.len() {
            let mut rows = rows.clone();
            rows[number].state.truncate(length);
            match opened(&rows).await {
                Err(error) => assert!(is_told(&error), "{error}"),
                Ok(given) => assert_eq!((given, row.kind.as_str()), (sound.clone(), "vault-value")),
            }
        }
        let mut fewer = rows.clone();
        fewer.remove(number);
        match opened(&fewer).await {
            Err(error) => assert!(is_told(&error), "{error}"),
            // A vault that is gone takes its secrets with it; no value gets another name.
            Ok(given) => {
                let of_service = SECRETS[..3].iter().chain(&SECRETS[3..]);
                let known: Vec<_> = of_service.map(|(_, value)| *value).collect();
                assert!(given.values().all(|value| known.contains(&value.as_str())));
            }
        }
    }
}

#[tokio::test]
async fn values_that_changed_places_do_not_open() {
    let rows = filled().await;
    let values: Vec<_> =
        (0..rows.len()).filter(|number| rows[*number].kind == "vault-value").collect();
    assert_eq!(values.len(), SECRETS.len());
    for one in &values {
        for other in values.iter().filter(|other| *other != one) {
            let mut rows = rows.clone();
            rows[*one].state = rows[*other].state.clone();
            let vault = vault_on(store_of(&rows).await, &[key(1)]);
            let mut noticed = 0;
            for (path, version) in [
                ("shop/A", 1),
                ("shop/A", 2),
                ("shop/B", 1),
                ("shop/production/A", 1),
                ("shop/production/B", 1),
            ] {
                let recalled = vault.recall(&secret(path), version).await;
                noticed += usize::from(recalled.is_err_and(|error| is_told(&error)));
            }
            assert_eq!(noticed, 1, "the one that was replaced, and no other");
        }
    }
}

#[tokio::test]
async fn vaults_that_changed_places_do_not_open() {
    let mut rows = filled().await;
    let (service, environment) =
        (state(&mut rows, "shop").clone(), state(&mut rows, "shop/production").clone());
    for (path, other) in [("shop", &environment), ("shop/production", &service)] {
        let mut rows = rows.clone();
        state(&mut rows, path).clone_from(other);
        assert!(is_told(&opened(&rows).await.unwrap_err()));
        // Nor with its path made to fit.
        let mut row = Row::load(other).unwrap();
        row.path = path.parse().unwrap();
        *state(&mut rows, path) = row.save();
        assert!(is_told(&opened(&rows).await.unwrap_err()));
        // Nor with the keys of one and the index of the other.
        let own = Row::load(if path == "shop" { &service } else { &environment }).unwrap();
        for mixed in [
            Row { wrapped: row.wrapped.clone(), key: row.key, ..own.clone() },
            Row { index: row.index.clone(), ..own.clone() },
            Row { index: row.index.clone(), seal: row.seal.clone(), ..own.clone() },
            Row { seal: row.seal.clone(), ..own.clone() },
            Row { wrapped: Vec::new(), ..own },
        ] {
            *state(&mut rows, path) = mixed.save();
            assert!(is_told(&opened(&rows).await.unwrap_err()), "{mixed:?}");
        }
    }
}

#[tokio::test]
async fn an_index_cannot_be_edited() {
    let rows = filled().await;
    let edits: [fn(&str) -> String; 6] = [
        |index| index.replace("\"A\"", "\"C\""),
        |index| index.replace("person:ada", "person:eve"),
        |index| index.replace("\"number\":1", "\"number\":9"),
        |index| {
            index.replace("\"last_use\":null", "\"last_use\":{\"at\":\"2026-01-01T00:00:00Z\",\"by\":\"job_00000000000000000000000000\"}")
        },
        |index| format!(" {index}"),
        |_| "{\"secrets\":{},\"removed\":{}}".to_owned(),
    ];
    for edit in edits {
        let mut rows = rows.clone();
        let mut row = Row::load(state(&mut rows, "shop/production")).unwrap();
        let edited = edit(row.index.get());
        assert_ne!(edited, row.index.get());
        let text = row.save().replace(row.index.get(), &edited);
        row = Row::load(&text).unwrap();
        *state(&mut rows, "shop/production") = row.save();
        if row.index.get() != edited {
            // Space around it is not part of it.
            continue;
        }
        assert!(is_told(&opened(&rows).await.unwrap_err()), "{edited}");
        let vault = vault_on(store_of(&rows).await, &[key(1)]);
        assert!(is_told(&vault.list(None).await.unwrap_err()));
        assert!(is_told(&try_set(&vault, "shop/production/A", "x").await.unwrap_err()));
        assert!(is_told(&vault.remove(&secret("shop/production/A"), &word()).await.unwrap_err()));
    }
}

#[tokio::test]
async fn a_register_that_forgot_a_vault_learns_of_it_again() {
    let mut rows = filled().await;
    let register = rows.iter_mut().find(|row| row.id == Register::id().into()).unwrap();
    let mut forgetful = Register::load(&register.state).unwrap();
    forgetful.vaults.clear();
    register.state = forgetful.save();
    let vault = vault_on(store_of(&rows).await, &[key(1)]);
    assert_eq!(vault.list(None).await.unwrap(), []);
    set(&vault, "shop/production/C", "x").await;
    assert_eq!(vault.list(None).await.unwrap().len(), 3);
    assert_eq!(given(&vault, "shop/production").await.len(), 3);
}

#[tokio::test]
async fn rows_of_another_kind_are_not_taken_for_a_vault() {
    let mut rows = filled().await;
    for kind in ["vault-value", "rollout", ""] {
        let number = rows.iter().position(|row| row.id == id("shop")).unwrap();
        rows[number].kind = kind.to_owned();
        assert!(is_told(&opened(&rows).await.unwrap_err()));
    }
}
