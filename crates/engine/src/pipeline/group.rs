//! Concurrency groups: of the jobs of one group, one at a time is under way.

use jiff::Timestamp;
use model::pipeline::{Conclusion, Concurrency, Job, Progress};

use super::Turn;
use super::contexts::Names;

/// The most jobs that wait in one group, where all may wait.
const MOST_QUEUED: usize = 100;

/// The most characters of a group's name.
const LONGEST_GROUP: usize = 400;

/// What a job asks of a group that it wants to be in.
struct Claim {
    group: String,
    cancels: bool,
    queues: bool,
}

impl Turn {
    /// Whether a job's turn in its group has come. If not, it waits, or is over in the place of
    /// another.
    pub(super) fn enters_groups(
        &mut self,
        index: usize,
        concurrency: Option<&Concurrency>,
        names: &Names,
    ) -> Result<bool, String> {
        self.enters_all_groups(index, concurrency.map(|concurrency| (concurrency, names)))
    }

    /// The same for several groups: it enters all of them at once, or none.
    pub(super) fn enters_all_groups<'a>(
        &mut self,
        index: usize,
        concurrency: impl IntoIterator<Item = (&'a Concurrency, &'a Names)>,
    ) -> Result<bool, String> {
        if let Progress::Queued { since } = self.next.jobs[index].progress {
            return Ok(self.is_next(index, since));
        }
        let claims = concurrency.into_iter().map(|(concurrency, names)| claim(concurrency, names));
        let claims = claims.collect::<Result<Vec<_>, String>>()?;
        if claims.is_empty() {
            return Ok(true);
        }
        self.check_size(claims.iter().map(|claim| claim.group.len()).sum())
            .map_err(|why| format!("the names of its groups: {why}"))?;
        for claim in &claims {
            if !self.make_way(index, claim) {
                return Ok(false);
            }
        }
        self.next.jobs[index].edit().groups = claims.into_iter().map(|claim| claim.group).collect();
        if self.is_next(index, self.now) {
            return Ok(true);
        }
        if self.waits_for_itself(index) {
            self.next.jobs[index].edit().groups.clear();
            return Err(
                "its concurrency group would never be free: who is in it waits for this job"
                    .to_owned(),
            );
        }
        self.next.jobs[index].edit().progress = Progress::Queued { since: self.now };
        Ok(false)
    }

    /// A newcomer takes the place of who waits, and where it says so also of who is under way.
    /// False when it finds no place itself and is over.
    fn make_way(&mut self, index: usize, claim: &Claim) -> bool {
        let name = self.next.jobs[index].name.clone();
        let group = &claim.group;
        let waiting = self.members(group, is_queued);
        if !claim.queues {
            for other in waiting {
                let why = format!("{name} took its place in the group `{group}`");
                self.end_unexecuted(other, Conclusion::Cancelled, Some(why));
            }
        } else if waiting.len() >= MOST_QUEUED {
            let why = format!("{MOST_QUEUED} jobs wait in the group `{group}` already");
            self.end_unexecuted(index, Conclusion::Cancelled, Some(why));
            return false;
        }
        if claim.cancels {
            for other in self.members(group, is_under_way) {
                // Nobody ends what he is a part of.
                if !self.callers_of(index).any(|caller| caller == other) {
                    self.end_whole(
                        other,
                        &format!("{name} takes its place in the group `{group}`"),
                    );
                }
            }
        }
        true
    }

    /// Whether nobody is in the job's groups, and nobody waits in them for longer.
    fn is_next(&self, index: usize, since: Timestamp) -> bool {
        let comes_first = |other: &usize| match self.next.jobs[*other].progress {
            Progress::Queued { since: before } => (before, *other) < (since, index),
            _ => true,
        };
        let ahead = |group: &String| {
            let members = self.members(group, |job| is_queued(job) || is_under_way(job));
            members.iter().filter(|other| **other != index).any(comes_first)
        };
        !self.next.jobs[index].groups.iter().any(ahead)
    }

    /// Whether somebody in the job's groups cannot end before the job itself has.
    fn waits_for_itself(&self, index: usize) -> bool {
        let holders = |job: usize| {
            let groups = self.next.jobs[job].groups.iter();
            groups.flat_map(|group| self.members(group, is_under_way)).collect::<Vec<_>>()
        };
        let (mut ahead, mut seen) = (holders(index), Vec::new());
        while let Some(holder) = ahead.pop() {
            if self.callers_of(index).any(|caller| caller == holder) {
                return true;
            }
            if seen.contains(&holder) {
                continue;
            }
            seen.push(holder);
            // It ends once all that it is made of has ended.
            let queued = self.next.jobs.iter().enumerate().filter(|(_, job)| is_queued(job));
            let parts = queued.filter(|(part, _)| self.callers_of(*part).any(|it| it == holder));
            ahead.extend(parts.flat_map(|(part, _)| holders(part)));
        }
        false
    }

    /// The jobs of a group, whose case does not count.
    fn members(&self, group: &str, which: impl Fn(&Job) -> bool) -> Vec<usize> {
        let is_in_it = |job: &Job| job.groups.iter().any(|known| known.eq_ignore_ascii_case(group));
        let jobs = self.next.jobs.iter().enumerate();
        jobs.filter(|(_, job)| is_in_it(job) && which(job)).map(|(index, _)| index).collect()
    }

    /// The jobs that a job is a part of, the nearest first.
    fn callers_of(&self, index: usize) -> impl Iterator<Item = usize> {
        let caller = |index: &usize| self.next.jobs[*index].caller;
        std::iter::successors(caller(&index), caller)
    }
}

fn is_queued(job: &Job) -> bool {
    matches!(job.progress, Progress::Queued { .. })
}

fn is_under_way(job: &Job) -> bool {
    matches!(job.progress, Progress::Ordered { .. } | Progress::Held(_) | Progress::Calling(_))
}

fn claim(concurrency: &Concurrency, names: &Names) -> Result<Claim, String> {
    let group = names.text("concurrency", &concurrency.group)?;
    if group.is_empty() {
        return Err("`concurrency` comes to no group".to_owned());
    }
    if group.chars().count() > LONGEST_GROUP {
        return Err(format!("a group's name has at most {LONGEST_GROUP} characters"));
    }
    let cancels = Some(&concurrency.cancel_in_progress).filter(|tree| !tree.is_null());
    let cancels = names.truth("concurrency.cancel-in-progress", cancels)?.unwrap_or(false);
    Ok(Claim { group, cancels, queues: concurrency.queue_all })
}
