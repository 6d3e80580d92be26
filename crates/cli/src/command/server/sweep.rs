//! Lets go of what the server has kept for long enough.

use std::io;
use std::sync::Arc;

use jiff::SignedDuration;
use jobs::remote::Hub;
use ports::clock::Clock;
use ports::store::{Status, Store};

/// How often is looked.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

pub(super) struct Sweep {
    pub(super) hub: Hub,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keep_logs: SignedDuration,
    pub(super) keep_sources: SignedDuration,
}

impl Sweep {
    pub(super) async fn for_ever(self) {
        loop {
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "what was kept for long enough cannot be removed");
            }
            self.clock.sleep_until(self.clock.now() + EVERY).await;
        }
    }

    async fn once(&self) -> io::Result<()> {
        let (hub, keep) = (self.hub.clone(), self.keep_logs);
        let logs = tokio::task::spawn_blocking(move || hub.remove_logs(keep)).await;
        let logs = logs.map_err(io::Error::other)??;
        let mut sources = 0;
        for run in self.hub.old_sources(self.keep_sources)? {
            let stored = self.store.load(run.into()).await.map_err(io::Error::other)?;
            // One that never began can begin no more, so long after its source has come.
            if stored.is_none_or(|stored| stored.status == Status::Ended) {
                self.hub.remove_source(run)?;
                sources += 1;
            }
        }
        if logs + sources > 0 {
            tracing::info!(logs, sources, "removed what was kept for long enough");
        }
        Ok(())
    }
}
