//! How much fits.

use ports::vault::{MAX_SECRETS, MAX_VALUE, Vault, VaultError};

use super::given::{given, in_memory, secret, set, try_set, word};

#[tokio::test]
async fn a_vault_is_full_at_some_point_and_has_room_again() {
    let vault = in_memory();
    for number in 0..MAX_SECRETS {
        set(&*vault, &format!("shop/SECRET_{number}"), "x").await;
    }
    let error = try_set(&*vault, "shop/ANOTHER", "x").await.unwrap_err();
    assert!(matches!(error, VaultError::Full(_)), "{error}");
    assert_eq!(error.to_string(), "shop has 1000 secrets already");
    assert_eq!(set(&*vault, "shop/SECRET_7", "y").await, 2, "what is there can be set anew");
    assert_eq!(set(&*vault, "shop/production/ANOTHER", "x").await, 1);
    vault.remove(&secret("shop/SECRET_7"), &word()).await.unwrap();
    set(&*vault, "shop/ANOTHER", "x").await;
    assert_eq!(given(&*vault, "shop").await.len(), MAX_SECRETS);
}

#[tokio::test]
async fn many_large_values_fit() {
    let vault = in_memory();
    let large = "x".repeat(MAX_VALUE);
    for round in 0..4 {
        for number in 0..50 {
            let version = set(&*vault, &format!("shop/SECRET_{number}"), &large).await;
            assert_eq!(version, round + 1);
        }
    }
    let given = given(&*vault, "shop").await;
    assert!(given.len() == 50 && given.values().all(|value| *value == large));
}

#[tokio::test]
async fn removed_names_are_not_remembered_for_ever() {
    let vault = in_memory();
    for number in 0..MAX_SECRETS + 20 {
        let path = format!("shop/SECRET_{number}");
        set(&*vault, &path, "x").await;
        vault.remove(&secret(&path), &word()).await.unwrap();
    }
    let last = format!("shop/SECRET_{}", MAX_SECRETS + 19);
    assert_eq!(set(&*vault, &last, "x").await, 2);
}
