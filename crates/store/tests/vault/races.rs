//! Several who change secrets at once, in one server and in several.

use std::collections::BTreeSet;
use std::sync::Arc;

use ports::memory::MemoryStore;
use ports::store::Store;
use ports::vault::Vault;
use store::sqlite::{Mode, SqliteStore};
use store::vault::EmbeddedVault;
use tokio::task::JoinSet;

use super::given::{database, given, key, postgres, secret, set, vault_on, word};

const TASKS: u32 = 24;

struct Pair {
    name: &'static str,
    stores: [Arc<dyn Store>; 2],
    _folder: Option<tempfile::TempDir>,
}

impl Pair {
    fn vaults(&self) -> [Arc<EmbeddedVault>; 2] {
        self.stores.clone().map(|store| Arc::new(vault_on(store, &[key(1)])))
    }
}

/// Two servers on one store, as it can be had.
async fn pairs() -> Vec<Pair> {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("highroad.db"), Mode::Server).unwrap();
    let sqlite: Arc<dyn Store> = Arc::new(sqlite);
    let url = database().await;
    let (one, other) = (postgres(&url).await, postgres(&url).await);
    vec![
        Pair { name: "memory", stores: [memory.clone(), memory], _folder: None },
        Pair { name: "sqlite", stores: [sqlite.clone(), sqlite], _folder: Some(folder) },
        Pair { name: "postgres", stores: [one, other], _folder: None },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_of_one_secret_get_a_version_each() {
    for pair in pairs().await {
        let (name, vaults) = (pair.name, pair.vaults());
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let vault = vaults[number as usize % 2].clone();
            tasks.spawn(async move {
                let value = format!("value {number}");
                (set(&*vault, "shop/production/A", &value).await, value)
            });
        }
        let mut set: Vec<_> = tasks.join_all().await;
        set.sort();
        assert!(set.iter().map(|(version, _)| *version).eq(1..=TASKS), "{name}");
        let (_, newest) = set.pop().unwrap();
        assert_eq!(given(&*vaults[0], "shop/production").await["A"], newest, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_of_different_secrets_all_land() {
    for pair in pairs().await {
        let (name, vaults) = (pair.name, pair.vaults());
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let vault = vaults[number as usize % 2].clone();
            let path = ["shop", "shop/production", "till"][number as usize % 3];
            tasks.spawn(async move {
                let value = format!("value {number}");
                set(&*vault, &format!("{path}/SECRET_{number}"), &value).await
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|version| version == 1), "{name}");
        let names: BTreeSet<_> =
            [given(&*vaults[0], "shop/production").await, given(&*vaults[1], "till").await]
                .into_iter()
                .flatten()
                .collect();
        let all = (0..TASKS).map(|it| (format!("SECRET_{it}"), format!("value {it}")));
        assert_eq!(names, all.collect(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_on_while_keys_are_replaced() {
    const ROUNDS: u8 = 12;
    const MADE: u32 = 40;
    for pair in pairs().await {
        let Pair { name, stores: [one, other], .. } = pair;
        let all: Vec<_> = (1..=ROUNDS + 1).map(key).collect();
        let vault = vault_on(other.clone(), &all);
        set(&vault, "shop/A", "0").await;
        set(&vault, "shop/production/B", "0").await;
        let rotating = {
            let vault = vault_on(one, &all);
            let all = all.clone();
            tokio::spawn(async move {
                for next in &all[1..] {
                    vault.replace_root(next, &word()).await.unwrap();
                    for path in ["shop", "shop/production"] {
                        vault.rekey(&path.parse().unwrap(), &word()).await.unwrap();
                    }
                }
            })
        };
        let mut made = 0;
        while !rotating.is_finished() {
            made += 1;
            set(&vault, "shop/A", &made.to_string()).await;
            if made <= MADE {
                set(&vault, &format!("shop/env-{made}/NEW"), "new").await;
            }
            let read = given(&vault, "shop/production").await;
            assert_eq!(read["A"], made.to_string(), "{name}");
            assert_eq!(read["B"], "0", "{name}");
        }
        rotating.await.unwrap();
        let last = vault_on(other, &all[usize::from(ROUNDS)..]);
        assert_eq!(given(&last, "shop/production").await["B"], "0", "{name}");
        for number in 1..=made.min(MADE) {
            let read = given(&last, &format!("shop/env-{number}")).await;
            assert_eq!(read["NEW"], "new", "{name}: {number} of {made}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_while_it_is_read_is_given_whole_or_not_at_all() {
    for pair in pairs().await {
        let (name, [one, other]) = (pair.name, pair.vaults());
        set(&*one, "shop/B", "stays").await;
        let writing = tokio::spawn(async move {
            for _ in 0..20 {
                set(&*one, "shop/A", "comes and goes").await;
                one.remove(&secret("shop/A"), &word()).await.unwrap();
            }
        });
        while !writing.is_finished() {
            let read = given(&*other, "shop").await;
            assert_eq!(read["B"], "stays", "{name}");
            assert!(read.get("A").is_none_or(|value| value == "comes and goes"), "{name}");
        }
        writing.await.unwrap();
    }
}
