//! How jobs wait for one another: every need names a job, and there is no ring among them.

use std::collections::{BTreeMap, VecDeque};

use model::source::{Severity, Span};

use super::super::model::Job;
use super::super::problem::{ProblemKind, Stage, near};
use super::Builder;

/// Rings beyond this many are not told.
const MOST_RINGS: usize = 20;

impl Builder<'_> {
    /// `span` is where the jobs are written.
    pub(super) fn order(&mut self, jobs: &[Job], span: Span) {
        if jobs.iter().all(|job| !job.needs.is_empty()) {
            let kind = ProblemKind::NoFirstJob { empty: jobs.is_empty() };
            self.misplaced(span, "jobs".to_owned(), kind);
        }
        let graph = Graph::of(jobs);
        let can_start = graph.can_start();
        let mut rings = graph.rings(&can_start);
        for (number, job) in jobs.iter().enumerate().filter(|(number, _)| !can_start[*number]) {
            for (index, need) in job.needs.iter().enumerate() {
                let (id, needed) = (job.id.value.clone(), need.value.clone());
                let kind = match graph.needs[number][index] {
                    None => {
                        let near = near(&needed, jobs.iter().map(|job| &*job.id.value));
                        ProblemKind::UnknownNeed { job: id, need: needed, near }
                    }
                    Some(needed_job) if !can_start[needed_job] => {
                        let ring = rings.remove(&(number, index)).unwrap_or_default();
                        let ring = ring.iter().map(|job| jobs[*job].id.value.clone()).collect();
                        ProblemKind::NeedsCycle { job: id, need: needed, ring }
                    }
                    Some(_) => continue,
                };
                self.misplaced(need.span, format!("jobs.{}.needs", job.id.value), kind);
            }
        }
    }

    fn misplaced(&mut self, span: Span, path: String, kind: ProblemKind) {
        self.problems.add(Severity::Error, Stage::Order, span, path, kind);
    }
}

/// For each job the jobs that it needs, by their numbers; nothing for one that there is not.
struct Graph {
    needs: Vec<Vec<Option<usize>>>,
}

impl Graph {
    fn of(jobs: &[Job]) -> Self {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for (number, job) in jobs.iter().enumerate() {
            numbers.entry(job.id.value.to_ascii_lowercase()).or_insert(number);
        }
        let number = |id: &str| numbers.get(&id.to_ascii_lowercase()).copied();
        let needs = |job: &Job| job.needs.iter().map(|need| number(&need.value)).collect();
        Self { needs: jobs.iter().map(needs).collect() }
    }

    /// Whether everything that a job needs, and that those need, is there and comes to an end.
    fn can_start(&self) -> Vec<bool> {
        let mut waiting: Vec<usize> = self.needs.iter().map(Vec::len).collect();
        let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); self.needs.len()];
        for (waiter, needs) in self.needs.iter().enumerate() {
            for needed in needs.iter().flatten() {
                waiters[*needed].push(waiter);
            }
        }
        let mut can_start = vec![false; self.needs.len()];
        let mut ready: VecDeque<usize> =
            (0..self.needs.len()).filter(|job| waiting[*job] == 0).collect();
        while let Some(job) = ready.pop_front() {
            can_start[job] = true;
            for waiter in &waiters[job] {
                waiting[*waiter] -= 1;
                if waiting[*waiter] == 0 {
                    ready.push_back(*waiter);
                }
            }
        }
        can_start
    }

    /// For each need that closes a ring the jobs of the ring.
    fn rings(&self, can_start: &[bool]) -> BTreeMap<(usize, usize), Vec<usize>> {
        let mut rings = BTreeMap::new();
        let mut done = can_start.to_vec();
        for first in 0..self.needs.len() {
            if done[first] {
                continue;
            }
            // The way that is gone, each job with the number of its next need.
            let mut way = vec![(first, 0)];
            let mut on_way = BTreeMap::from([(first, 0)]);
            while let Some((job, next)) = way.last_mut() {
                let (job, index) = (*job, *next);
                *next += 1;
                match self.needs[job].get(index) {
                    None => {
                        done[job] = true;
                        on_way.remove(&job);
                        way.pop();
                    }
                    Some(Some(needed)) if !done[*needed] => match on_way.get(needed) {
                        None => {
                            on_way.insert(*needed, way.len());
                            way.push((*needed, 0));
                        }
                        Some(start) if rings.len() < MOST_RINGS => {
                            let mut ring: Vec<usize> =
                                way[*start..].iter().map(|(job, _)| *job).collect();
                            ring.push(*needed);
                            rings.insert((job, index), ring);
                        }
                        Some(_) => {}
                    },
                    Some(_) => {}
                }
            }
        }
        rings
    }
}
