//! Concurrency groups: a job, or the run as a whole, asks a group for its place and begins when it
//! has it. Who may be in a group when is the group's own decision, in [`crate::group`].

use model::fact::{RunDisplaced, RunQueued};
use model::id::AnyId;
use model::intent::{Intent, Outcome};
use model::message::{Entry, Line, Message, Word};
use model::pipeline::{Conclusion, Concurrency, Group, Job, Progress, Seat, Sheet, Stage};

use super::Turn;
use super::contexts::Names;
use super::limits::shorten;
use crate::decision::Reason;

/// The most characters of a group's name.
const LONGEST_GROUP: usize = 400;

impl Turn {
    /// The place that the run as a whole must have before its first job begins.
    pub(super) fn seat_of_run(&self, sheet: &Sheet) -> Result<Option<Seat>, String> {
        let Some(concurrency) = &sheet.concurrency else { return Ok(None) };
        seat(concurrency, &self.names_of_run()).map(Some)
    }

    /// Holds the run back until it has its place.
    pub(super) fn enter_as_whole(&mut self, seat: Seat) {
        self.ask(None, self.run_name(), &seat);
        self.next.seat = Some(seat);
    }

    /// Whether the run has yet to get its place.
    pub(super) fn is_held_back(&self) -> bool {
        self.next.seat.as_ref().is_some_and(|seat| !seat.is_taken)
    }

    /// Whether a job is in all of its groups. If not, it waits for its turn.
    pub(super) fn enters_groups<'a>(
        &mut self,
        index: usize,
        concurrency: impl IntoIterator<Item = (&'a Concurrency, &'a Names)>,
    ) -> Result<bool, String> {
        if let Progress::Queued { .. } = self.next.jobs[index].progress {
            return Ok(self.has_its_turn(index));
        }
        let mut seats: Vec<Seat> = Vec::new();
        for (concurrency, names) in concurrency {
            let seat = seat(concurrency, names)?;
            match seats.iter_mut().find(|known| is_same(&known.group, &seat.group)) {
                Some(known) => known.cancels |= seat.cancels,
                None => seats.push(seat),
            }
        }
        if seats.is_empty() {
            return Ok(true);
        }
        self.check_size(seats.iter().map(|seat| seat.group.len()).sum())
            .map_err(|why| format!("the names of its groups: {why}"))?;
        // Everybody enters groups in this order, so no two wait for each other's.
        seats.sort_by_key(|seat| seat.group.to_lowercase());
        let job = self.next.jobs[index].edit();
        job.seats = seats;
        job.progress = Progress::Queued { since: self.now };
        self.ask_for_next(index)?;
        Ok(false)
    }

    /// Whether a job that waited for its groups has all of them.
    pub(super) fn has_its_turn(&self, index: usize) -> bool {
        self.next.jobs[index].seats.iter().all(|seat| seat.is_taken)
    }

    /// Gives a job's places back, and those that it has asked for.
    pub(super) fn leave_groups(&mut self, index: usize) {
        let mut seats = self.next.jobs[index].seats.clone();
        let taken = seats.iter().take_while(|seat| seat.is_taken).count();
        seats.truncate(taken + 1);
        for seat in seats {
            self.say(Some(index), &seat.group, Word::Leave);
        }
    }

    /// Gives the run's own place back.
    pub(super) fn leave_as_whole(&mut self) {
        if let Some(seat) = self.next.seat.clone() {
            self.say(None, &seat.group, Word::Leave);
        }
    }

    /// A group has said something.
    pub(super) fn listen(&mut self, Message { line, word }: Message) -> Reason {
        match word {
            Word::Admit => self.take_place(line),
            Word::Wait { behind } => self.wait_behind(line, behind),
            Word::GiveWay { why } => self.give_way(line, &shorten(&why)),
            Word::Enter(_) | Word::Leave => Reason::new("this is said to groups"),
        }
    }

    /// What became of a word that was said to a group.
    pub(super) fn hear_of_word(&mut self, line: Line, outcome: Outcome) -> Reason {
        match outcome {
            Outcome::Failed(why) => {
                self.give_way(line.back(), &shorten(&format!("the group cannot be entered: {why}")))
            }
            Outcome::Done(_) | Outcome::Worked(_) | Outcome::Unknown(_) => {
                Reason::new("the group has heard it, or will")
            }
        }
    }

    fn take_place(&mut self, line: Line) -> Reason {
        let Some(group) = self.awaited(line) else {
            if self.is_over(line.job) {
                self.answer(line, Word::Leave);
                return Reason::new("the place is needed no more");
            }
            return Reason::new("the place is taken already");
        };
        match line.job {
            None => {
                if let Some(seat) = &mut self.next.seat {
                    seat.is_taken = true;
                }
                self.due.extend(0..self.next.jobs.len());
            }
            Some(index) => {
                let seats = &mut self.next.jobs[index].edit().seats;
                let seat = seats.iter_mut().find(|seat| seat.group == group);
                seat.expect("it was found above").is_taken = true;
                if self.has_its_turn(index) {
                    self.due.insert(index);
                } else if let Err(why) = self.ask_for_next(index) {
                    self.fail(index, why);
                }
            }
        }
        Reason::new("its turn has come")
    }

    fn wait_behind(&mut self, line: Line, behind: String) -> Reason {
        if let Some(group) = self.awaited(line) {
            let name = line.job.map(|index| self.next.jobs[index].name.clone());
            self.facts.push(RunQueued { name, group, behind }.into());
        }
        Reason::new("another is in the group")
    }

    /// Ends what another has taken the place of.
    fn give_way(&mut self, line: Line, why: &str) -> Reason {
        if self.is_over(line.job) || !self.has_seat(line) {
            return Reason::new("it is over already");
        }
        let reason = Reason::new("another takes its place");
        let displaced = |name| RunDisplaced { name, why: why.to_owned() }.into();
        let Some(index) = line.job else {
            if self.is_held_back() {
                self.facts.push(displaced(None));
                self.next.stage = Stage::Cancelling { force: true };
                self.end_before_its_place(Some(why));
            } else if self.next.stage == Stage::Going {
                self.facts.push(displaced(None));
                self.begin_to_cancel(false);
            }
            return reason;
        };
        if !matches!(self.next.jobs[index].progress, Progress::Queued { .. } | Progress::Held(_)) {
            self.facts.push(displaced(Some(self.next.jobs[index].name.clone())));
        }
        self.end_whole(index, why);
        reason
    }

    /// Nothing of a run begins, not even what always runs, before it has its place.
    pub(super) fn end_before_its_place(&mut self, why: Option<&str>) {
        for index in 0..self.next.jobs.len() {
            self.end_unexecuted(index, Conclusion::Cancelled, why.map(str::to_owned));
        }
    }

    /// Asks for the next group that a job must be in.
    fn ask_for_next(&mut self, index: usize) -> Result<(), String> {
        if self.waits_for_itself(index) {
            // What was not asked for need not be given back.
            self.next.jobs[index].edit().seats.retain(|seat| seat.is_taken);
            return Err(
                "its concurrency group would never be free: who is in it waits for this job"
                    .to_owned(),
            );
        }
        let job = &self.next.jobs[index];
        if let Some(seat) = next_seat(job).cloned() {
            self.ask(Some(index), job.name.clone(), &seat);
        }
        Ok(())
    }

    fn ask(&mut self, job: Option<usize>, name: String, seat: &Seat) {
        let Seat { group, cancels, queues, .. } = seat.clone();
        let service = self.next.service.clone();
        let entry = Entry { service, group, name, cancels, queues };
        self.say(job, &seat.group, Word::Enter(entry));
    }

    fn say(&mut self, job: Option<usize>, group: &str, word: Word) {
        let to = Group::id(&self.next.service, group).into();
        self.tell(Line { from: self.next.id.into(), to, job }, word);
    }

    fn answer(&mut self, heard: Line, word: Word) {
        self.tell(heard.back(), word);
    }

    fn tell(&mut self, line: Line, word: Word) {
        self.intents.push(Intent::Tell(Box::new(Message { line, word })));
    }

    /// The group that a line comes from, if its place is still waited for.
    fn awaited(&self, line: Line) -> Option<String> {
        let seat = match line.job {
            None => self.next.seat.as_ref().filter(|seat| !seat.is_taken && !self.is_over(None)),
            Some(index) => self.next.jobs.get(index).and_then(|job| next_seat(job)),
        };
        Some(seat.filter(|seat| self.is_from(seat, line))?.group.clone())
    }

    fn has_seat(&self, line: Line) -> bool {
        let is_it = |seat: &Seat| self.is_from(seat, line);
        match line.job {
            None => self.next.seat.as_ref().is_some_and(is_it),
            Some(index) => self.next.jobs[index].seats.iter().any(is_it),
        }
    }

    fn is_from(&self, seat: &Seat, line: Line) -> bool {
        AnyId::from(Group::id(&self.next.service, &seat.group)) == line.from
    }

    /// Whether a job, or the run as a whole, is over; one that was never there is.
    fn is_over(&self, job: Option<usize>) -> bool {
        match job {
            None => matches!(self.next.stage, Stage::Over(_)),
            Some(index) => {
                let job = self.next.jobs.get(index);
                job.is_none_or(|job| matches!(job.progress, Progress::Over(_)))
            }
        }
    }

    /// Whether somebody in the group that a job wants next cannot end before the job itself has.
    fn waits_for_itself(&self, index: usize) -> bool {
        let (mut ahead, mut seen) = (vec![index], Vec::new());
        while let Some(waiting) = ahead.pop() {
            let Some(wanted) = next_seat(&self.next.jobs[waiting]) else { continue };
            if self.next.seat.as_ref().is_some_and(|seat| is_same(&seat.group, &wanted.group)) {
                return true;
            }
            for holder in self.holders(&wanted.group) {
                if holder == index || self.callers_of(index).any(|caller| caller == holder) {
                    return true;
                }
                // Who is told to give way waits for nobody any more.
                if seen.contains(&holder) || wanted.cancels {
                    continue;
                }
                seen.push(holder);
                // It may itself wait for its next group, and ends once all its parts have ended.
                ahead.push(holder);
                let parts = (0..self.next.jobs.len()).filter(|part| {
                    is_queued(&self.next.jobs[*part])
                        && self.callers_of(*part).any(|it| it == holder)
                });
                ahead.extend(parts);
            }
        }
        false
    }

    /// The jobs of this run that are in a group.
    fn holders(&self, group: &str) -> Vec<usize> {
        let is_in = |seat: &Seat| seat.is_taken && is_same(&seat.group, group);
        let is_in_it =
            |job: &Job| !matches!(job.progress, Progress::Over(_)) && job.seats.iter().any(is_in);
        let jobs = self.next.jobs.iter().enumerate();
        jobs.filter(|(_, job)| is_in_it(job)).map(|(index, _)| index).collect()
    }

    /// The jobs that a job is a part of, the nearest first.
    fn callers_of(&self, index: usize) -> impl Iterator<Item = usize> {
        let caller = |index: &usize| self.next.jobs[*index].caller;
        std::iter::successors(caller(&index), caller)
    }
}

/// The place that a job waits for, if it waits for any.
fn next_seat(job: &Job) -> Option<&Seat> {
    job.seats.iter().find(|seat| !seat.is_taken).filter(|_| is_queued(job))
}

fn is_queued(job: &Job) -> bool {
    matches!(job.progress, Progress::Queued { .. })
}

/// Whether two names are those of one group: their case does not count.
fn is_same(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other) || name.to_lowercase() == other.to_lowercase()
}

fn seat(concurrency: &Concurrency, names: &Names) -> Result<Seat, String> {
    let group = names.text("concurrency", &concurrency.group)?;
    if group.is_empty() {
        return Err("`concurrency` comes to no group".to_owned());
    }
    if group.chars().count() > LONGEST_GROUP {
        return Err(format!("a group's name has at most {LONGEST_GROUP} characters"));
    }
    let cancels = Some(&concurrency.cancel_in_progress).filter(|tree| !tree.is_null());
    let cancels = names.truth("concurrency.cancel-in-progress", cancels)?.unwrap_or(false);
    Ok(Seat { group, cancels, queues: concurrency.queue_all, is_taken: false })
}
