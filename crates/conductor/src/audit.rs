//! The audit: what holds is compared with the world now and then, and drift is mended.

use jiff::Timestamp;
use model::fact::{Actor, Cause, DriftFound, DriftMended, Fact, What};
use model::id::AnyId;
use model::intent::Target;
use model::journal::Sealed;
use ports::store::{Audit, Commit, Standing};

use crate::conductor::Shared;
use crate::desk::{Desk, Event};
use crate::hands::{Looked, Performed};

impl Desk {
    pub(crate) fn audit(&mut self, now: Timestamp) {
        let every = self.shared.settings.audit_every;
        self.next_audit = now + every;
        let audit = Audit { not_since: now - every, now, limit: Self::CLAIM };
        let store = self.shared.store.clone();
        self.work.push(Box::pin(async move { Event::Audited(store.audit(audit).await) }));
    }

    pub(crate) fn mend_all(&mut self, standing: Vec<Standing>) {
        if standing.len() == Self::CLAIM {
            self.next_audit = self.shared.clock.now();
        }
        for standing in standing {
            let shared = self.shared.clone();
            self.work.push(Box::pin(async move { Event::Mended(mend(&shared, standing).await) }));
        }
    }
}

/// Compares one intent that should hold with the world; drift is put on record and mended.
async fn mend(shared: &Shared, standing: Standing) -> Result<(), String> {
    let Standing { process, generation, intent } = standing;
    let target = intent.target();
    let (seen, newest) = match shared.hands.look(&intent, generation, shared.limit()).await {
        Looked::So => return Ok(()),
        Looked::Unreachable(why) => return Err(why),
        Looked::NotSo { seen, newest } => (seen, newest.max(generation)),
    };
    // While nobody has newly wanted something else, the same is wanted anew.
    let raised = shared.store.raise(target.clone(), generation, newest).await;
    let Some(generation) = raised.map_err(|error| error.to_string())? else { return Ok(()) };
    let found = DriftFound { target: target.clone(), generation, seen };
    record(shared, process, &target, found).await?;
    match shared.hands.perform(&intent, generation, shared.limit()).await {
        Performed::Done(_) => {
            let mended = DriftMended { target: target.clone(), generation };
            record(shared, process, &target, mended).await
        }
        // Jobs are not upheld, so they are never compared.
        Performed::Worked(_) => Ok(()),
        Performed::Refused(why) | Performed::Unreachable(why) => Err(why),
        Performed::Older(newest) => Err(format!("generation {newest} came in between")),
    }
}

async fn record(
    shared: &Shared,
    process: AnyId,
    target: &Target,
    what: impl Into<What>,
) -> Result<(), String> {
    let fact = Fact {
        at: shared.clock.now(),
        actor: Actor::conductor(),
        cause: Cause::Watch,
        subject: process,
        scope: target.scope(),
        what: what.into(),
    };
    let commit = Commit { facts: vec![Sealed::from(&fact)], ..Commit::default() };
    shared.store.commit(commit).await.map(drop).map_err(|error| error.to_string())
}
