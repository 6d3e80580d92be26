//! A program of a step: started, listened to, and ended when its time is over.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;

use model::pipeline::{Annotation, Level};

use super::cancel::{CancelSignal, Listening};
use super::files::read_small;
use super::job::Job;
use super::said::{Said, put_first, set};
use super::step::{Site, Went};
use super::telling::remark;
use super::variables::Variables;
use crate::command::{Command, Shown};
use crate::container::Mounts;
use crate::output::{Attention, Listener, attend_to};
use crate::process::{Attended, Child, Exit, ProcessError, Program, Stop, Why};

/// What is to be executed.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Variables,
    pub(crate) folder: PathBuf,
}

/// A program that runs.
pub(super) struct Started {
    child: Box<dyn Attended>,
    stop: Stop,
}

impl Started {
    pub(super) fn new(child: impl Attended + 'static) -> Result<Self, ProcessError> {
        let stop = Stop::new().map_err(ProcessError::system("make an event"))?;
        Ok(Self { child: Box::new(child), stop })
    }
}

impl From<(Child, Stop)> for Started {
    fn from((child, stop): (Child, Stop)) -> Self {
        Self { child: Box::new(child), stop }
    }
}

/// How what a program says is understood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing<'a> {
    /// Whether it may set variables by what it prints.
    pub(super) allows_env: bool,
    /// Where it has the job's folders, if not where they are.
    pub(super) mounts: Option<&'a Mounts>,
}

pub(super) fn allows_env(variables: &Variables) -> bool {
    let unsecure = variables.get("ACTIONS_ALLOW_UNSECURE_COMMANDS");
    unsecure.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

impl Job<'_> {
    /// Executes a program until it is over, and takes in what it says.
    pub(crate) fn execute(&self, task: Task, site: &Site, said: &mut Said) -> Went {
        let hearing = Hearing { allows_env: allows_env(&task.environment), mounts: None };
        let started = match self.own_container() {
            Some(own) => self.start_within(own, task, site),
            None => self.start(task).map(Started::from).map_err(|error| error.to_string()),
        };
        match started {
            Ok(started) => self.attend_to(started, hearing, site, said),
            Err(_) if site.is_halted() => self.cancelled(site),
            Err(why) => self.went_wrong(site, &why),
        }
    }

    pub(super) fn cancelled(&self, site: &Site) -> Went {
        self.error(site.number, "The operation was canceled.");
        Went::Cancelled
    }

    /// Attends to a program until it is over, and takes in what it says.
    pub(super) fn attend_to(
        &self,
        started: Started,
        hearing: Hearing<'_>,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        let Started { child, stop } = started;
        let _ending = self.end_with(&stop, site);
        let attention = self.attention(site, &stop);
        let mut ear = Ear { job: self, site, said, echo: self.debug, hearing };
        let ended = match attend_to(child, &attention, &mut ear) {
            Ok(ended) => ended,
            Err(error) => return self.went_wrong(site, &error),
        };
        for survivor in &ended.survivors {
            self.error(
                site.number,
                &format!(
                    "the process {} could not be ended: {}",
                    survivor.pid, survivor.command_line
                ),
            );
        }
        match (ended.stopped, ended.exit) {
            (Some(Why::Cancelled), _) => self.cancelled(site),
            (Some(Why::TimedOut), _) => match site.allowed {
                Some((minutes, until)) if site.deadline == Some(until) => {
                    let unit = if minutes > 1.0 { "minutes" } else { "minute" };
                    self.went_wrong(site, &format!("timed out after {minutes} {unit}"))
                }
                _ => {
                    self.error(site.number, "The job has taken the time that it may take.");
                    Went::Cancelled
                }
            },
            (Some(Why::DiskFull(why)), _) => self.went_wrong(site, &why),
            (None, _) if ended.out_of_memory => {
                self.went_wrong(site, &"a process was killed because the job had no memory left")
            }
            (None, Exit::Code(0)) => Went::Well,
            (None, Exit::Code(code)) => {
                self.error(site.number, &format!("Process completed with exit code {code}."));
                Went::Wrong(format!("exit code {code}"))
            }
            (None, Exit::Signal(signal)) => {
                // As a shell tells of a program that a signal has ended.
                self.error(
                    site.number,
                    &format!("Process completed with exit code {}.", 128 + signal),
                );
                Went::Wrong(format!("ended by signal {signal}"))
            }
        }
    }

    pub(super) fn start(&self, task: Task) -> Result<(Child, Stop), ProcessError> {
        let Task { program, arguments, mut environment, folder } = task;
        // By this its processes are known, wherever they go.
        let tracking = || format!("highroad-{}", self.next_file());
        environment.entry("RUNNER_TRACKING_ID".to_owned()).or_insert_with(tracking);
        let program = Program {
            program: program.into_os_string(),
            args: arguments,
            env: environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            folder,
            confinement: self.bench.confinement.clone(),
        };
        let stop =
            Stop::new().map_err(|why| ProcessError::System { what: "make an event", why })?;
        Ok((self.bench.processes.start(&program)?, stop))
    }

    pub(super) fn attention<'s>(&'s self, site: &Site, stop: &'s Stop) -> Attention<'s> {
        Attention {
            step: site.number,
            log: &self.log,
            masks: &self.masks,
            matchers: &self.matchers,
            clock: &self.bench.clock,
            deadline: site.deadline,
            stop,
            grace: self.bench.limits.grace,
            linger: self.bench.limits.linger,
        }
    }

    /// Stops a program when its step is to end, and one that goes on in spite of that when the
    /// patience is over.
    pub(super) fn end_with(&self, stop: &Stop, site: &Site) -> Ending {
        let over = Arc::new(Over::default());
        let told = stop.clone();
        let cancelled = if site.survives {
            let (over, patience) = (over.clone(), self.base.patience);
            site.halt.on_cancel(move || {
                // Whoever cancels is not kept waiting.
                thread::spawn(move || {
                    if !over.within(patience) {
                        told.stop(Why::Cancelled);
                    }
                });
            })
        } else {
            site.halt.on_cancel(move || told.stop(Why::Cancelled))
        };
        let (told, full) = (stop.clone(), self.full.clone());
        let out_of_room = self.full.signal.on_cancel(move || {
            if let Some(why) = full.why.get() {
                told.stop(why.clone());
            }
        });
        Ending { _listening: [cancelled, out_of_room], over }
    }
}

/// Ends everything when the job has no room left on the disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Full {
    signal: CancelSignal,
    why: Arc<OnceLock<Why>>,
}

impl Full {
    pub(super) fn stop(&self, why: Why) {
        // The first reason stands.
        let _ = self.why.set(why);
        self.signal.cancel();
    }
}

/// Ends what waits for a program when that is over.
pub(super) struct Ending {
    _listening: [Listening; 2],
    over: Arc<Over>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        *self.over.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.changed.notify_all();
    }
}

#[derive(Debug, Default)]
struct Over {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Over {
    fn within(&self, patience: std::time::Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_over, patience, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Hears what a program says to its worker.
struct Ear<'a, 'j> {
    job: &'a Job<'j>,
    site: &'a Site,
    said: &'a mut Said,
    echo: bool,
    hearing: Hearing<'a>,
}

impl Listener for Ear<'_, '_> {
    fn command(&mut self, command: Command) -> Shown {
        let shown = command.shown(self.job.debug, self.echo);
        let problem = match command {
            Command::Annotation(annotation) => {
                self.job.annotate(self.site.number, annotation, self.said);
                None
            }
            Command::SetOutput { name, value } => {
                self.said.output(&name, value);
                None
            }
            Command::SaveState { name, value } => {
                set(&mut self.said.state, &name, value);
                None
            }
            Command::SetEnv { .. } | Command::AddPath(_) if !self.hearing.allows_env => Some(
                "the commands `set-env` and `add-path` are not obeyed, as output may come from anybody: \
                 write to the file that $GITHUB_ENV or $GITHUB_PATH names"
                    .to_owned(),
            ),
            Command::SetEnv { name, value } => {
                set(&mut self.said.env, &name, value);
                None
            }
            Command::AddPath(folder) => {
                put_first(&mut self.said.path, &folder);
                None
            }
            Command::AddMatcher { path } => self.add_matcher(&path).err(),
            Command::RemoveMatcher { owner, path } => self.remove_matcher(owner, path).err(),
            Command::Echo(is_on) => {
                self.echo = is_on;
                None
            }
            Command::Wrong(why) => Some(why),
            Command::Odd(why) => {
                self.job.annotate(self.site.number, remark(Level::Warning, why), self.said);
                None
            }
            Command::AddMask(_)
            | Command::Debug(_)
            | Command::Group(_)
            | Command::EndGroup
            | Command::StopCommands
            | Command::ResumeCommands => None,
        };
        if let Some(problem) = problem {
            self.job.annotate(self.site.number, remark(Level::Error, problem.clone()), self.said);
            self.said.wrong.push(problem.clone());
            return Shown::Line(format!("##[error]{problem}"));
        }
        shown
    }

    fn found(&mut self, annotation: Annotation) {
        self.job.annotate(self.site.number, annotation, self.said);
    }
}

impl Ear<'_, '_> {
    fn add_matcher(&self, path: &str) -> Result<(), String> {
        let owners =
            self.job.matchers.add(&self.read_matcher(path)?).map_err(|error| error.to_string())?;
        self.job.debug(self.site.number, &format!("Added matchers: {}", owners.join(", ")));
        Ok(())
    }

    fn remove_matcher(&self, owner: Option<String>, path: Option<String>) -> Result<(), String> {
        if let Some(owner) = owner {
            self.job.matchers.remove(&owner);
        }
        if let Some(path) = path {
            let matchers: serde_json::Value = serde_json::from_str(&self.read_matcher(&path)?)
                .map_err(|error| format!("{path}: {error}"))?;
            let owners = matchers.get("problemMatcher").and_then(|matchers| matchers.as_array());
            for owner in
                owners.into_iter().flatten().filter_map(|matcher| matcher.get("owner")?.as_str())
            {
                self.job.matchers.remove(owner);
            }
        }
        Ok(())
    }

    fn read_matcher(&self, path: &str) -> Result<String, String> {
        let path = match self.hearing.mounts {
            Some(mounts) => mounts.outside(path),
            None => path.to_owned(),
        };
        let path = self.job.bench.folders.workspace.join(path);
        read_small(&path)
            .map_err(|error| format!("the matchers in {} cannot be read: {error}", path.display()))
    }
}
