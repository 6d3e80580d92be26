//! Changes that end in the middle, and changes that others come between: at every single commit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::fact::What;
use model::id::{AnyId, CommandId};
use model::intent::{Generation, Target};
use model::journal::{Entry, Head};
use model::persisted::Persisted as _;
use model::vault::{Register, SealedValue};
use ports::BoxFuture;
use ports::memory::MemoryStore;
use ports::store::{
    Audit, Claim, Claimed, Commit, CommitError, Committed, Query, Standing, Store, StoreError,
    StoreErrorKind, Stored,
};
use ports::vault::{KeyTrouble, Vault, VaultError};
use store::vault::RootKey;
use tokio::sync::Mutex;

use super::given::{
    given, key, map, passphrase, rows, secret, set, store_of, try_given, try_set, vault_on, word,
};

/// What comes between before one of the commits.
type Between = BoxFuture<'static, ()>;

/// A store on which something happens at one of the commits.
struct Eventful {
    store: Arc<MemoryStore>,
    ahead: AtomicUsize,
    event: Event,
}

enum Event {
    /// The server dies, before or after the commit is durable.
    Death {
        is_durable: bool,
    },
    Between(Mutex<Option<Between>>),
}

impl Eventful {
    fn new(store: &Arc<MemoryStore>, ahead: usize, event: Event) -> Arc<Self> {
        Arc::new(Self { store: store.clone(), ahead: AtomicUsize::new(ahead), event })
    }

    fn has_happened(&self) -> bool {
        self.ahead.load(Ordering::SeqCst) == 0
    }

    fn dead() -> StoreError {
        StoreError::new(StoreErrorKind::Unreachable, "the server is dead")
    }

    fn alive(&self) -> Result<&MemoryStore, StoreError> {
        let is_dead = matches!(self.event, Event::Death { .. }) && self.has_happened();
        if is_dead { Err(Self::dead()) } else { Ok(&self.store) }
    }
}

impl fmt::Debug for Eventful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an eventful store")
    }
}

impl Store for Eventful {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            let store = self.alive()?;
            let ahead = self.ahead.load(Ordering::SeqCst);
            if ahead > 0 {
                self.ahead.store(ahead - 1, Ordering::SeqCst);
            }
            match &self.event {
                Event::Death { is_durable } if ahead == 1 => {
                    if *is_durable {
                        store.commit(commit).await?;
                    }
                    Err(Self::dead().into())
                }
                Event::Between(between) if ahead == 1 => {
                    let between = between.lock().await.take();
                    between.expect("it happens once").await;
                    store.commit(commit).await
                }
                _ => store.commit(commit).await,
            }
        })
    }

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move { self.alive()?.load(process).await })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        self.store.claim(claim)
    }

    fn audit(&self, audit: Audit) -> BoxFuture<'_, Result<Vec<Standing>, StoreError>> {
        self.store.audit(audit)
    }

    fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> BoxFuture<'_, Result<Option<Generation>, StoreError>> {
        self.store.raise(target, from, above)
    }

    fn reply_to(&self, command: CommandId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(async move { self.alive()?.reply_to(command).await })
    }

    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.store.entries(query)
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        self.store.head()
    }
}

const VALUES: [(&str, &str); 3] =
    [("shop/A", "one"), ("shop/production/A", "two"), ("till/B", "three")];

/// Three vaults, and one that was registered and never made.
async fn filled(by: &RootKey) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    let vault = vault_on(store.clone(), std::slice::from_ref(by));
    for (path, value) in VALUES {
        set(&vault, path, value).await;
    }
    let ending = Eventful::new(&store, 2, Event::Death { is_durable: false });
    try_set(&vault_on(ending, std::slice::from_ref(by)), "shop/staging/A", "x").await.unwrap_err();
    let register = register(&store).await;
    assert_eq!(register.vaults.len(), 4);
    store_of(&rows(&store)).await
}

async fn register(store: &MemoryStore) -> Register {
    let stored = store.load(Register::id().into()).await.unwrap().unwrap();
    Register::load(&stored.state).unwrap()
}

async fn read(store: &Arc<MemoryStore>, keys: &[RootKey]) -> Result<(), VaultError> {
    let vault = vault_on(store.clone(), keys);
    assert_eq!(try_given(&vault, "shop").await?, map(&[("A", "one")]));
    assert_eq!(try_given(&vault, "shop/production").await?, map(&[("A", "two")]));
    assert_eq!(try_given(&vault, "shop/staging").await?, map(&[("A", "one")]));
    assert_eq!(try_given(&vault, "till").await?, map(&[("B", "three")]));
    Ok(())
}

#[tokio::test]
async fn replacing_the_root_key_can_end_anywhere() {
    let (one, two) = (key(1), passphrase("correct horse"));
    for (old, new) in [(&one, &two), (&two, &one)] {
        let before = rows(&*filled(old).await);
        for is_durable in [false, true] {
            let mut deaths = 0;
            for ahead in 1.. {
                let store = store_of(&before).await;
                let ending = Eventful::new(&store, ahead, Event::Death { is_durable });
                let vault = vault_on(ending.clone(), std::slice::from_ref(old));
                let outcome = vault.replace_root(new, &word()).await;
                if !ending.has_happened() {
                    outcome.unwrap();
                    break;
                }
                outcome.unwrap_err();
                deaths += 1;
                after_a_death(&store, old, new).await;
            }
            assert_eq!(deaths, 11, "a beginning, 4 vaults, the turn, 4 vaults, an end");
        }
    }
}

async fn after_a_death(store: &Arc<MemoryStore>, old: &RootKey, new: &RootKey) {
    read(store, &[old.clone(), new.clone()]).await.unwrap();
    let is_in_force = register(store).await.root.id.to_string();
    match read(store, std::slice::from_ref(old)).await {
        Ok(()) => {}
        Err(VaultError::Key(KeyTrouble::Wrong { sealed_under, .. })) => {
            assert_eq!(sealed_under, is_in_force, "until then the old key opens everything");
        }
        Err(error) => panic!("{error}"),
    }
    // Another key comes too late, or has to wait.
    if register(store).await.next.is_some() {
        let vault = vault_on(store.clone(), &[old.clone(), new.clone()]);
        let error = vault.replace_root(&key(9), &word()).await.unwrap_err();
        assert!(matches!(error, VaultError::Key(KeyTrouble::BeingReplaced { .. })), "{error}");
    }
    // Whoever has both keys changes what they like meanwhile.
    let both = vault_on(store.clone(), &[old.clone(), new.clone()]);
    set(&both, "late/A", "four").await;
    both.rekey(&"shop".parse().unwrap(), &word()).await.unwrap();

    let vault = vault_on(store.clone(), std::slice::from_ref(old));
    let replaced = vault.replace_root(new, &word()).await.unwrap();
    assert_eq!((replaced.vaults, replaced.secrets), (5, 4));
    read(store, std::slice::from_ref(new)).await.unwrap();
    assert_eq!(
        given(&vault_on(store.clone(), std::slice::from_ref(new)), "late").await["A"],
        "four"
    );
    let error = read(store, std::slice::from_ref(old)).await.unwrap_err();
    assert!(matches!(error, VaultError::Key(KeyTrouble::Wrong { .. })), "{error}");
    let register = register(store).await;
    assert_eq!((register.next, register.former), (None, None));
    let entries = store.entries(Query { limit: 100, ..Query::default() }).await.unwrap();
    let whole = entries.iter().map(|entry| entry.record.read().unwrap());
    let whole = whole
        .filter(|fact| matches!(&fact.what, What::VaultRekeyed(it) if it.key.starts_with("root")));
    assert_eq!(whole.count(), 1, "it is told once");
}

#[tokio::test]
async fn other_changes_can_end_anywhere() {
    for is_durable in [false, true] {
        for ahead in 1..=8 {
            let store = filled(&key(1)).await;
            let ending = Eventful::new(&store, ahead, Event::Death { is_durable });
            let vault = vault_on(ending, &[key(1)]);
            let told = [
                try_set(&vault, "late/A", "four").await.is_ok(),
                try_set(&vault, "till/B", "changed").await.is_ok(),
                vault.remove(&secret("shop/production/A"), &word()).await.is_ok(),
                vault.rekey(&"shop".parse().unwrap(), &word()).await.is_ok(),
            ];
            let vault = vault_on(store.clone(), &[key(1)]);
            let late = given(&vault, "late").await;
            let till = given(&vault, "till").await;
            let production = given(&vault, "shop/production").await;
            assert!(late.is_empty() || late["A"] == "four");
            assert!(["three", "changed"].contains(&till["B"].as_str()));
            assert!(["one", "two"].contains(&production["A"].as_str()));
            // What was acknowledged is so.
            assert!(!told[0] || late["A"] == "four");
            assert!(!told[1] || till["B"] == "changed");
            assert!(!told[2] || production["A"] == "one");
            assert_eq!(given(&vault, "shop").await, map(&[("A", "one")]));
            // And everything can be done again.
            for path in ["late/A", "till/B", "shop/production/A", "shop/staging/A"] {
                set(&vault, path, "again").await;
            }
            vault.replace_root(&key(2), &word()).await.unwrap();
            assert_eq!(given(&vault_on(store, &[key(2)]), "till").await["B"], "again");
        }
    }
}

#[tokio::test]
async fn the_root_key_can_be_replaced_between_any_two_commits() {
    let (old, new) = (key(1), key(2));
    for keys in [vec![old.clone()], vec![old.clone(), new.clone()]] {
        for path in ["late/A", "shop/staging/A", "shop/A"] {
            let mut events = 0;
            for ahead in 1.. {
                let store = filled(&old).await;
                let other = vault_on(store.clone(), std::slice::from_ref(&old));
                let new = new.clone();
                let between = Box::pin(async move {
                    other.replace_root(&new, &word()).await.unwrap();
                });
                let event = Event::Between(Mutex::new(Some(between)));
                let eventful = Eventful::new(&store, ahead, event);
                let outcome = try_set(&vault_on(eventful.clone(), &keys), path, "late").await;
                if !eventful.has_happened() {
                    break;
                }
                events += 1;
                let vault = vault_on(store, &[key(2)]);
                let (place, name) = path.rsplit_once('/').unwrap();
                match outcome {
                    Ok(_) => assert_eq!(given(&vault, place).await[name], "late", "{path} {ahead}"),
                    Err(VaultError::Key(KeyTrouble::Wrong { .. })) if keys.len() == 1 => {
                        given(&vault, place).await;
                    }
                    Err(error) => panic!("{path}, commit {ahead}: {error}"),
                }
            }
            assert!(events >= 2, "{path}");
        }
    }
}

#[tokio::test]
async fn a_vault_key_can_be_replaced_between_any_two_commits() {
    for path in ["shop/A", "shop/NEW"] {
        for ahead in 1..=2 {
            let store = filled(&key(1)).await;
            let other = vault_on(store.clone(), &[key(1)]);
            let between = Box::pin(async move {
                other.rekey(&"shop".parse().unwrap(), &word()).await.unwrap();
            });
            let event = Event::Between(Mutex::new(Some(between)));
            let eventful = Eventful::new(&store, ahead, event);
            set(&vault_on(eventful.clone(), &[key(1)]), path, "late").await;
            assert!(eventful.has_happened());
            let (_, name) = path.rsplit_once('/').unwrap();
            assert_eq!(given(&vault_on(store, &[key(1)]), "shop").await[name], "late");
        }
    }
}

#[tokio::test]
async fn a_lost_race_leaves_no_value_behind() {
    let store = filled(&key(1)).await;
    let other = vault_on(store.clone(), &[key(1)]);
    let between = Box::pin(async move {
        set(&other, "shop/A", "quicker").await;
    });
    let eventful = Eventful::new(&store, 2, Event::Between(Mutex::new(Some(between))));
    assert_eq!(set(&vault_on(eventful, &[key(1)]), "shop/A", "slower").await, 3);
    let values = rows(&store).into_iter().filter(|row| row.kind == "vault-value");
    let kept = values.filter(|row| SealedValue::load(&row.state).unwrap().sealed.is_some());
    // Three versions of this one, and one each of the others; "x" was never named by any index.
    assert_eq!(kept.count(), 3 + 2);
}
