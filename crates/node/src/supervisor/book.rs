//! What is wanted of each group, and what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::intent::{Group, GroupHealth};
use model::name::Place;
use model::workload::Workload;

use super::instance::Instance;

#[derive(Debug, Default)]
pub(super) struct Book {
    groups: BTreeMap<Group, Entry>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    /// None as long as nobody has said: what was found running goes on.
    pub(super) wanted: Option<u32>,
    pub(super) workload: Option<Arc<Workload>>,
    pub(super) instances: Vec<Arc<Instance>>,
    pub(super) restarts: u32,
    pub(super) last_words: Option<String>,
}

impl Book {
    pub(super) fn entry(&mut self, group: &Group) -> &mut Entry {
        self.groups.entry(group.clone()).or_default()
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.keys()
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.groups.values().flat_map(|entry| &entry.instances)
    }

    pub(super) fn workload(&self, group: &Group) -> Option<Arc<Workload>> {
        self.groups.get(group)?.workload.clone()
    }

    pub(super) fn forget_if_unwanted(&mut self, group: &Group) {
        let is_over = |entry: &Entry| entry.wanted == Some(0) && entry.instances.is_empty();
        if self.groups.get(group).is_some_and(is_over) {
            self.groups.remove(group);
        }
    }

    pub(super) fn health(&self, place: &Place) -> Vec<GroupHealth> {
        let of_place = self.groups.iter().filter(|(group, _)| group.place == *place);
        let health = |(group, entry): (&Group, &Entry)| {
            let count = entry.instances.iter().filter(|instance| instance.is_ready()).count();
            let there = u32::try_from(entry.instances.len()).unwrap_or(u32::MAX);
            GroupHealth {
                release: group.release,
                wanted: entry.wanted.unwrap_or(there),
                ready: u32::try_from(count).unwrap_or(u32::MAX),
                restarts: entry.restarts,
                crash_looping: entry.instances.iter().any(|it| it.is_crash_looping()),
                requests: 0,
                bad: 0,
                last_words: entry.last_words.clone(),
            }
        };
        of_place.map(health).collect()
    }
}
