//! A store that tells of every fact once it is committed, so that a live view need not ask.

use std::sync::Arc;

use model::fact::What;
use model::id::{AnyId, CommandId};
use model::intent::{Generation, Target};
use model::journal::{Entry, Head};
use ports::BoxFuture;
use ports::store::{
    Audit, Claim, Claimed, Commit, CommitError, Committed, Query, Standing, Store, StoreError,
    Stored,
};
use tokio::sync::mpsc::UnboundedSender;

/// What happened to which process.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) subject: AnyId,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) struct Witness {
    pub(super) store: Arc<dyn Store>,
    pub(super) told: UnboundedSender<Told>,
}

impl Store for Witness {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let facts = commit.facts.clone();
        Box::pin(async move {
            let committed = self.store.commit(commit).await?;
            for fact in facts {
                let record = fact.record;
                let Ok(what) = What::read(&record.kind, &record.body) else { continue };
                let Ok(subject) = record.subject.parse() else { continue };
                // Whoever watched has left: nobody is to be told.
                let _ = self.told.send(Told { subject, what });
            }
            Ok(committed)
        })
    }

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.store.load(process)
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
        self.store.reply_to(command)
    }

    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.store.entries(query)
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        self.store.head()
    }
}
