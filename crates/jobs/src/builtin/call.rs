//! One call of a built-in action: what it is given, and how it says what it has done.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::pin::pin;
use std::task::Poll;

use ports::BoxFuture;
use ports::depot::{DepotError, Root};

use crate::action::Repository;
use crate::context::{Pairs, View};
use crate::glob::Base;
use crate::worker::{Job, Running, Said, Site, Task, chain, put_first, set};

pub(super) struct Call<'a, 'j> {
    pub(super) job: &'a Job<'j>,
    pub(super) view: &'a View<'a>,
    pub(super) site: &'a Site,
    pub(super) repository: &'a Repository,
    pub(super) inputs: &'a Pairs,
    pub(super) said: &'a mut Said,
}

impl<'a, 'j> Call<'a, 'j> {
    pub(super) fn new(
        job: &'a Job<'j>,
        repository: &'a Repository,
        inputs: &'a Pairs,
        step: &'a mut Running<'_, '_>,
    ) -> Self {
        Self { job, repository, inputs, view: step.view, site: step.site, said: step.said }
    }
}

impl Call<'_, '_> {
    /// An input without blanks around it; empty where nothing is given.
    pub(super) fn input(&self, name: &str) -> &str {
        let found = self.inputs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.trim())
    }

    pub(super) fn needed(&self, name: &str) -> Result<&str, String> {
        let value = self.input(name);
        if value.is_empty() {
            Err(format!("Input required and not supplied: {name}"))
        } else {
            Ok(value)
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.input(name) {
            "true" | "True" | "TRUE" => Ok(true),
            "" | "false" | "False" | "FALSE" => Ok(false),
            other => Err(format!("the input `{name}` is true or false, not `{other}`")),
        }
    }

    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.input(name).lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    /// The major version that is asked for, where it is a version.
    pub(super) fn major(&self) -> Option<u32> {
        let version = self.repository.version.strip_prefix('v')?;
        version.split('.').next()?.parse().ok()
    }

    pub(super) fn say(&self, text: &str) {
        self.job.say(self.site.number, text);
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.job.warn(self.site, text.into(), self.said);
    }

    pub(super) fn output(&mut self, name: &str, value: impl Into<String>) {
        self.said.output(name, value);
    }

    pub(super) fn set_env(&mut self, name: &str, value: impl Into<String>) {
        set(&mut self.said.env, name, value.into());
    }

    pub(super) fn add_path(&mut self, folder: &Path) {
        put_first(&mut self.said.path, &folder.to_string_lossy());
    }

    pub(super) fn note(&mut self, name: &str, value: impl Into<String>) {
        set(&mut self.said.state, name, value.into());
    }

    /// What an earlier stage has noted.
    pub(super) fn noted(&self, name: &str) -> Option<String> {
        self.job.noted(self.site, name)
    }

    pub(super) fn env(&self, name: &str) -> Option<&str> {
        self.view.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A text of the `github` context.
    pub(super) fn github(&self, name: &str) -> String {
        self.view.github(name).map(|value| value.to_text().into_owned()).unwrap_or_default()
    }

    pub(super) fn workspace(&self) -> &Path {
        &self.job.bench.folders.workspace
    }

    pub(super) fn home(&self) -> &Path {
        &self.job.bench.folders.home
    }

    pub(super) fn base(&self) -> Base<'_> {
        Base { folder: self.workspace(), home: self.home() }
    }

    /// The folders that belong to the job: nothing else is saved or written for it.
    pub(super) fn roots(&self) -> Vec<Root> {
        let folders = &self.job.bench.folders;
        let roots = [
            ("workspace", &folders.workspace),
            ("home", &folders.home),
            ("temp", &folders.temp),
            ("tools", &self.job.bench.runner.tool_cache),
        ];
        roots.map(|(name, path)| Root { name: name.to_owned(), path: path.clone() }).into()
    }

    /// A folder that the workflow names, which must be one of the job's own, links and all.
    pub(super) fn own_folder(&self, written: &str) -> Result<PathBuf, String> {
        let path = match written.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                self.home().join(rest.trim_start_matches('/'))
            }
            _ => self.workspace().join(written),
        };
        let path = normal(&path);
        let real = real(&path);
        let is_own = self.roots().iter().any(|root| {
            let root_is = std::fs::canonicalize(&root.path);
            root_is.is_ok_and(|root| real.starts_with(root))
        });
        if is_own {
            return Ok(path);
        }
        Err(format!("`{written}` leads out of the job's workspace, home and temp folder"))
    }

    /// What a program prints that runs in the workspace with the variables of the step.
    pub(super) fn ask(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        self.ask_in(self.workspace(), program, arguments, &[])
            .map(|said| String::from_utf8_lossy(&said).into_owned())
    }

    pub(super) fn ask_in(
        &self,
        folder: &Path,
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Vec<u8>, String> {
        let mut environment = self.job.own_variables(self.view);
        for (name, value) in &self.said.env {
            environment.insert(name.clone(), value.clone());
        }
        for (name, value) in variables {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let arguments = arguments.iter().map(OsString::from).collect();
        let task =
            Task { program: program.to_owned(), arguments, environment, folder: folder.to_owned() };
        self.job.ask(task, self.site)
    }

    /// Writes a file of the job's own. What stands at its place goes: a link is not followed.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), String> {
        let wrong =
            |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
        let folder = path.parent().unwrap_or(path);
        self.own_folder(&folder.to_string_lossy())?;
        std::fs::create_dir_all(folder).map_err(wrong)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
        let file = std::fs::File::create_new(path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(wrong)
    }

    pub(super) fn git(&self) -> Result<PathBuf, String> {
        let missing = || "there is no `git` on this machine's PATH: install it".to_owned();
        self.job.machine_program("git").ok_or_else(missing)
    }

    /// Waits for the depot, but not longer than the step may take.
    pub(super) fn wait<T>(
        &self,
        answer: BoxFuture<'_, Result<T, DepotError>>,
    ) -> Result<T, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Trouble::Given(error.to_string()))?;
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let _listening = self.site.end().on_cancel(move || {
            // Who no longer listens needs no telling.
            let _ = tell.send(());
        });
        let clock = &self.job.bench.clock;
        runtime.block_on(async move {
            let mut answer = answer;
            let mut told = pin!(told);
            let mut late = self.site.deadline.map(|deadline| clock.sleep_until(deadline));
            poll_fn(move |context| {
                if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                    return Poll::Ready(answer.map_err(Trouble::Depot));
                }
                if let Poll::Ready(Ok(())) = told.as_mut().poll(context) {
                    return Poll::Ready(Err(Trouble::Given("cancelled".to_owned())));
                }
                let is_late =
                    late.as_mut().is_some_and(|late| late.as_mut().poll(context).is_ready());
                if is_late {
                    return Poll::Ready(Err(Trouble::Given("timed out".to_owned())));
                }
                Poll::Pending
            })
            .await
        })
    }
}

/// Why the depot gave no answer, or none that helps.
#[derive(Debug)]
pub(super) enum Trouble {
    Depot(DepotError),
    /// It was not waited for any longer.
    Given(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Depot(error) => f.write_str(&chain(error)),
            Self::Given(why) => f.write_str(why),
        }
    }
}

/// A path without `.` and `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
        normal
    })
}

/// Where a path leads that need not be there yet, once links are followed.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for ancestor in path.ancestors() {
        if let Ok(real) = std::fs::canonicalize(ancestor) {
            return rest.iter().rev().fold(real, |real, name| real.join(name));
        }
        rest.extend(ancestor.file_name());
    }
    path.to_owned()
}
