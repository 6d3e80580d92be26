//! Finding what a supervisor before this one has left running.

use std::io;

use model::intent::Group;

use super::Shared;
use super::life::{Life, ended, sweep};
use super::reason;
use super::record::{Record, all};
use crate::keeper::file::claim;
use crate::keeper::task::{Ended, Exit};
use crate::keeper::tree::Identity;
use crate::logs::last_lines;

/// An instance that was not over.
pub(super) enum Found {
    Alive(Box<Adopted>),
    /// It ended while nobody supervised it.
    Dead {
        group: Group,
        reason: String,
    },
}

pub(super) struct Adopted {
    pub(super) record: Record,
    pub(super) life: Life,
}

pub(super) fn find(shared: &Shared) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for id in all(&shared.folder)? {
        let folder = shared.folder_of(id);
        let Some(mut record) = Record::read(&folder) else { continue };
        if record.is_over {
            continue;
        }
        // A keeper that was started a moment ago may not have said so: from here on it cannot.
        let _ = claim(&folder, &Identity::nobody());
        if let Some(life) = Life::find(&folder)? {
            found.push(Found::Alive(Box::new(Adopted { record, life })));
            continue;
        }
        let known = ended(&folder);
        if known.is_none() {
            let (name, cgroup) = (id.to_string(), record.cgroup.clone());
            tokio::task::spawn_blocking(move || sweep(&name, cgroup.as_ref()));
        }
        let ended = known.unwrap_or_else(|| Ended::at_once(shared.clock.now(), Exit::Unknown));
        let reason = reason::of(&ended, &record.workload.limits);
        tracing::warn!("instance {id} of {} has ended meanwhile: {reason}", record.group.place);
        let words = last_lines(&shared.log_of(id), super::instance::LAST_WORDS);
        record.is_over = true;
        record.write(&folder)?;
        let was_wanted = !record.stopping;
        if was_wanted {
            let reason = format!("{reason}\n{words}").trim_end().to_owned();
            found.push(Found::Dead { group: record.group, reason });
        }
    }
    Ok(found)
}
