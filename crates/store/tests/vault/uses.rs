//! Who was given what, and when.

use std::sync::Arc;

use ports::clock::Clock as _;
use ports::memory::MemoryStore;
use ports::store::{Claim, Hold, Store as _};
use ports::vault::{Vault, Wanted};

use super::given::{Hands, job, key, rows, set, vault_at, wanted};

#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(Hands::default()));
    let vault = vault_at(store.clone(), clock.clone(), &[key(1)]);
    set(&vault, "shop/A", "one").await;
    set(&vault, "shop/B", "two").await;
    let start = clock.now();
    let mut seen = Vec::new();
    for (number, seconds) in [(1, 0), (2, 30), (3, 29), (4, 1), (5, 59), (6, 1)] {
        clock.pass(seconds);
        let before = rows(&store);
        vault.resolve(&Wanted { by: job(number), ..wanted("shop") }).await.unwrap();
        let noted = vault.list(None).await.unwrap()[0].last_use.clone().unwrap();
        seen.push((number, (noted.at - start).get_seconds(), noted.by));
        assert_eq!(rows(&store) == before, !matches!(number, 1 | 4 | 6), "{number}");
    }
    let noted = |number, seconds, by| (number, seconds, job(by));
    assert_eq!(
        seen,
        [
            noted(1, 0, 1),
            noted(2, 0, 1),
            noted(3, 0, 1),
            noted(4, 60, 4),
            noted(5, 60, 4),
            noted(6, 120, 6),
        ]
    );
}

#[tokio::test]
async fn a_use_says_nothing_in_the_journal() {
    let store = Arc::new(MemoryStore::default());
    let vault = vault_at(store.clone(), Arc::new(Hands::default()), &[key(1)]);
    set(&vault, "shop/A", "one").await;
    let before = store.head().await.unwrap();
    vault.resolve(&wanted("shop")).await.unwrap();
    assert_eq!(store.head().await.unwrap(), before);
}

#[tokio::test]
async fn no_server_is_ever_asked_to_look_after_a_vault() {
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(Hands::default());
    let vault = vault_at(store.clone(), clock.clone(), &[key(1)]);
    set(&vault, "shop/A", "one").await;
    set(&vault, "shop/A", "two").await;
    clock.pass(1_000_000);
    for (server, anew) in [("vault", true), ("other", true), ("other", false)] {
        let now = clock.now();
        let hold = Hold { server: server.to_owned(), until: now };
        let claimed = store.claim(Claim { hold, anew, now, limit: 100 }).await.unwrap();
        assert_eq!((claimed.due, claimed.next), (Vec::new(), None));
    }
}
