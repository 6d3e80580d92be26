//! Tending: what has outlived its time goes, and so does what the killed have left.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use ports::depot::{DepotError, Tended, Usage, Why};

use super::Inner;
use super::index::content::{self, FrameId, TreeId};
use super::index::room::{self, Freed};
use super::index::{Lasting, artifacts, caches};
use super::restore::{Broken, FrameReader};

/// How long after it was tended the depot is tended again.
const PAUSE: SignedDuration = SignedDuration::from_hours(1);

impl Inner {
    pub(super) fn usage(&self) -> Result<Usage, DepotError> {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        self.index.read(|connection| {
            Ok(Usage {
                stored: content::stored(connection)?,
                artifacts_stored: unsigned(artifacts::stored(connection)?),
                quota: self.options.quota,
                caches: unsigned(caches::count(connection)?),
                artifacts: unsigned(artifacts::count(connection)?),
            })
        })
    }

    pub(super) fn tend(&self) -> Result<Tended, DepotError> {
        let now = self.clock.now();
        let days = SignedDuration::from_hours(24 * i64::from(self.options.cache_days));
        let unused_since = now.saturating_sub(days).expect("a duration is no calendar's");
        let (tended, freed) = self.index.write(Lasting::Process, |transaction| {
            let mut freed = Freed::default();
            while let Some((cache, tree)) = caches::longest_unused(transaction, unused_since, None)?
            {
                room::drop_cache(transaction, cache, tree, &Why::Unused, now, &mut freed)?;
            }
            let mut tended = Tended::default();
            for (artifact, tree) in artifacts::expired(transaction, now)? {
                let why = Why::Unused;
                room::drop_artifact(transaction, &artifact, tree, &why, now, &mut freed)?;
                tended.artifacts.push(artifact);
            }
            // The quota may have been lowered. Artifacts alone may be above it; then so it is.
            room::make(transaction, self.options.quota, "the quota", None, now, &mut freed)?;
            room::note_tended(transaction, now)?;
            tended.caches.append(&mut freed.caches);
            Ok((tended, freed))
        })?;
        self.give_back(&freed);
        self.punch_holes()?;
        let is_known =
            |name: &str| self.index.read(|connection| content::is_pack_known(connection, name));
        let leftovers = self.packs.clear_leftovers(is_known)?;
        Ok(Tended { leftovers, ..tended })
    }

    /// After a saving: nobody who saved is to suffer from what it finds.
    pub(super) fn tend_now_and_then(&self) {
        let tended_at = self.index.read(room::tended_at);
        let is_due = |last: jiff::Timestamp| {
            let pause = self.clock.now().duration_since(last);
            // A clock that was set back must not keep everybody from tending.
            pause >= PAUSE || pause < -PAUSE
        };
        let tended = match tended_at {
            Ok(Some(last)) if !is_due(last) => return,
            Ok(_) => self.tend(),
            Err(error) => Err(error),
        };
        if let Err(error) = tended {
            tracing::warn!(error = &error as &dyn std::error::Error, "the depot was not tended");
        }
    }

    /// Gives the disk back what nobody names any more.
    pub(super) fn give_back(&self, freed: &Freed) {
        for pack in &freed.packs {
            self.packs.remove(pack);
        }
        if freed.has_holes
            && let Err(error) = self.punch_holes()
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the depot keeps its holes");
        }
    }

    fn punch_holes(&self) -> Result<(), DepotError> {
        let packs = self.index.read(room::holes)?;
        for (pack, holes) in packs {
            match self.packs.punch(&pack, &holes) {
                Ok(()) => {}
                // The pack has gone, or will.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(super::of_file(pack.as_ref(), "cleared", error)),
            }
            self.index.write(Lasting::Process, |transaction| {
                room::forget_holes(transaction, &pack, &holes)
            })?;
        }
        Ok(())
    }

    /// Looks at everything that a tree needs, so that nobody counts on what is damaged of it:
    /// who saves it again writes it anew.
    pub(super) fn distrust_damaged(&self, tree: TreeId) -> Result<(), DepotError> {
        let frames = self.index.read(|connection| content::frames_of(connection, tree))?;
        let mut reader = FrameReader::new(&self.packs)?;
        let mut damaged: BTreeSet<FrameId> = BTreeSet::new();
        for frame in &frames {
            let is_whole = reader.read(frame).and_then(|opened| {
                frame.blobs.iter().try_for_each(|blob| opened.blob(*blob).map(drop))
            });
            match is_whole {
                Ok(()) => {}
                Err(Broken::Damaged(_) | Broken::Gone) => {
                    damaged.insert(frame.id);
                }
                Err(Broken::Trouble(error)) => return Err(error),
            }
        }
        self.index.write(Lasting::Process, |transaction| content::distrust(transaction, &damaged))
    }
}
