//! Depots in folders that vanish with them.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use ports::entropy::SystemEntropy;
use ports::suite::depot::{ARTIFACT_DAYS, CACHE_DAYS, Ground, QUOTA, SetClock};
use store::depot::{EmbeddedDepot, Options};
use tempfile::TempDir;

/// A depot as the suite wants it.
pub(super) struct Fresh {
    ground: Ground,
    _folder: TempDir,
}

impl Fresh {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let options =
            Options { quota: QUOTA, cache_days: CACHE_DAYS, artifact_days: ARTIFACT_DAYS };
        let entropy = Arc::new(SystemEntropy);
        let path = folder.path().join("depot");
        let depot = EmbeddedDepot::open(&path, options, clock.clone(), entropy).unwrap();
        let work = folder.path().join("ground");
        std::fs::create_dir(&work).unwrap();
        let ground = Ground { depot: Box::new(depot), clock, folder: work };
        Self { ground, _folder: folder }
    }
}

impl Deref for Fresh {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}
