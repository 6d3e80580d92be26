//! Sets a job up: its folders, its contexts, its variables, its actions.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::pipeline::{Defaults, Ending, Order};
use workflow::expression::{Object, Value};

use super::cancel::CancelSignal;
use super::job::Job;
use super::kept;
use super::said::{Said, set};
use crate::context::{Fixed, Pairs, mapping, minutes, text};
use crate::mask::Masks;
use crate::process::disk::Watch;
use crate::workbench::Workbench;

/// The folder in the temp folder in which steps leave what they have to say.
pub(super) const COMMANDS: &str = "_commands";
pub(super) const WORKFLOW: &str = "_workflow";
const EVENT: &str = "event.json";
const STEP_DEBUG: &str = "ACTIONS_STEP_DEBUG";

/// What holds for every program of a job.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) env: Pairs,
    /// The same for what the worker itself starts, wherever steps are executed.
    pub(super) own_env: Pairs,
    pub(super) defaults: Defaults,
    /// How long steps may go on that want to run although the job was cancelled.
    pub(super) patience: Duration,
}

impl Base {
    pub(super) fn new(bench: &Workbench) -> Self {
        let mut env = bench.host.variables.clone();
        let folder = |path: &Path| path.to_string_lossy().into_owned();
        set(&mut env, "PATH", bench.host.path.clone());
        set(&mut env, "HOME", folder(&bench.folders.home));
        set(&mut env, "TMPDIR", folder(&bench.folders.temp));
        Self {
            own_env: env.clone(),
            env,
            defaults: Defaults::default(),
            patience: bench.limits.after_cancel,
        }
    }
}

/// Makes the folders, and only their owner may look into them.
pub(super) fn folders(bench: &Workbench) -> Result<(), String> {
    let folders = &bench.folders;
    let commands = folders.temp.join(COMMANDS);
    let event = folders.temp.join(WORKFLOW);
    // What an earlier attempt has left there is nobody's any more.
    for left in [&commands, &event] {
        let removed = match left.symlink_metadata() {
            Ok(found) if found.is_dir() => fs::remove_dir_all(left),
            Ok(_) => fs::remove_file(left),
            Err(_) => Ok(()),
        };
        removed.map_err(|error| format!("{} cannot be removed: {error}", left.display()))?;
    }
    for folder in [&folders.workspace, &folders.temp, &folders.home, &commands, &event] {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
    }
    Ok(())
}

pub(super) fn masks(bench: &Workbench) -> Masks {
    let masks = Masks::default();
    for value in bench.secrets.iter().map(|(_, value)| value).chain(&bench.hidden) {
        masks.add(value);
    }
    masks
}

pub(super) fn is_debug(order: &Order, bench: &Workbench) -> bool {
    let is_on = |value: Option<&str>| value.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let vars = order.contexts.get("vars");
    let of_vars =
        |name: &str| vars.and_then(|vars| vars.get(name)).and_then(|value| value.as_str());
    let of_secrets = |name: &str| {
        let found = bench.secrets.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    bench.debug || is_on(of_vars(STEP_DEBUG)) || is_on(of_secrets(STEP_DEBUG))
}

pub(super) fn fixed(
    order: &Order,
    bench: &Workbench,
    cancel: &CancelSignal,
    is_debug: bool,
) -> Fixed {
    let folders = &bench.folders;
    let context = |name: &str| Value::from(order.contexts.get(name).cloned().unwrap_or_default());
    let folder = |path: &Path| Value::from(path.to_string_lossy().into_owned());
    let token = bench.secrets.iter().find(|(name, _)| name.eq_ignore_ascii_case("GITHUB_TOKEN"));
    let mut github: Vec<(Arc<str>, Value)> = Vec::new();
    if let Some(given) = order.contexts.get("github").and_then(|github| github.as_object()) {
        github.extend(
            given.iter().map(|(key, value)| (Arc::from(key.as_str()), value.clone().into())),
        );
    }
    let key = order.key.rsplit('/').next().unwrap_or(&order.key);
    let own = [
        ("token", token.map_or("", |(_, token)| token).into()),
        ("job", key.into()),
        ("workspace", folder(&folders.workspace)),
        ("event_path", folder(&folders.temp.join(WORKFLOW).join(EVENT))),
    ];
    for (name, value) in own {
        github.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        github.push((name.into(), value));
    }
    let runner = &bench.runner;
    let mut of_runner = vec![
        ("name", Value::from(runner.name.as_str())),
        ("os", runner.os.into()),
        ("arch", runner.arch.into()),
        ("environment", "self-hosted".into()),
        ("temp", folder(&folders.temp)),
        ("tool_cache", folder(&runner.tool_cache)),
        ("workspace", folder(folders.workspace.parent().unwrap_or(&folders.workspace))),
    ];
    if is_debug {
        of_runner.push(("debug", "1".into()));
    }
    let secrets = bench.secrets.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Fixed {
        github,
        inputs: context("inputs"),
        vars: context("vars"),
        needs: context("needs"),
        matrix: context("matrix"),
        strategy: context("strategy"),
        secrets: secrets.collect::<Object>().into(),
        runner: of_runner.into_iter().collect::<Object>().into(),
        container: Object::default().into(),
        services: Object::default().into(),
        workspace: folders.workspace.clone(),
        home: folders.home.clone(),
        cancel: cancel.clone(),
    }
}

impl Job<'_> {
    /// Everything before the first step.
    pub(super) fn set_up(&mut self, number: u32) -> Result<(), Ending> {
        let bench = self.bench;
        self.say(
            number,
            &format!("Runner: {} ({} {})", bench.runner.name, bench.runner.os, bench.runner.arch),
        );
        self.say(number, &format!("Job: {}", self.order.name));
        self.say(number, &format!("Workspace: {}", bench.folders.workspace.display()));
        self.write_event()?;
        self.evaluate_env()?;
        self.evaluate_defaults()?;
        self.evaluate_patience()?;
        self.take_up(number)?;
        self.plan_containers()?;
        self.prepare_actions(number)
    }

    fn write_event(&self) -> Result<(), Ending> {
        let event = self.order.contexts.get("github").and_then(|github| github.get("event"));
        let event = event.map_or_else(|| "{}".to_owned(), ToString::to_string);
        let path = self.bench.folders.temp.join(WORKFLOW).join(EVENT);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, event.as_bytes()))
            .map_err(|error| Ending::Lost(format!("{} cannot be written: {error}", path.display())))
    }

    fn evaluate_env(&self) -> Result<(), Ending> {
        for layer in &self.order.env {
            let view = self.view(&super::frame::Frame::of_job(self.fixed.inputs.clone()), None);
            let layer = mapping("env", layer, &view);
            let layer =
                layer.map_err(|trouble| Ending::Invalid(self.in_file(&trouble.to_string())))?;
            let mut state = self.state();
            for (name, value) in layer {
                set(&mut state.env, &name, value);
            }
        }
        Ok(())
    }

    fn evaluate_patience(&mut self) -> Result<(), Ending> {
        let view = self.view(&super::frame::Frame::of_job(self.fixed.inputs.clone()), None);
        let given = self.order.cancel_timeout_minutes.as_ref();
        let minutes = minutes("cancel-timeout-minutes", given, &view)
            .map_err(|trouble| Ending::Invalid(self.in_file(&trouble.to_string())))?;
        if let Some(minutes) = minutes {
            self.base.patience =
                Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::MAX);
        }
        Ok(())
    }

    fn evaluate_defaults(&mut self) -> Result<(), Ending> {
        let view = self.view(&super::frame::Frame::of_job(self.fixed.inputs.clone()), None);
        let evaluated = |key: &str, given: &Option<String>| {
            let given = given.as_ref().map(|given| text(key, given, &view)).transpose();
            given.map_err(|trouble| Ending::Invalid(self.in_file(&trouble.to_string())))
        };
        let defaults = &self.order.defaults;
        let defaults = Defaults {
            shell: evaluated("defaults.run.shell", &defaults.shell)?,
            working_directory: evaluated(
                "defaults.run.working-directory",
                &defaults.working_directory,
            )?,
        };
        self.base.defaults = defaults;
        Ok(())
    }

    /// Takes over what the steps before the first one have left in an earlier attempt.
    fn take_up(&self, number: u32) -> Result<(), Ending> {
        let Some(resume) = self.order.resume else { return Ok(()) };
        let Some(earlier) = &self.bench.folders.earlier else {
            return Err(Ending::Invalid(format!(
                "what the steps of {} have left is not there any more: run the whole job again",
                resume.of
            )));
        };
        let kept = kept::read(earlier, resume.step).map_err(Ending::Invalid)?;
        for missing in &kept.withheld {
            self.say(
                number,
                &format!("##[warning]{missing} held a secret, so it was not kept and is empty now"),
            );
        }
        self.say(number, &format!("Taken up at step {} from {}", resume.step + 1, resume.of));
        let scope: Arc<str> = "".into();
        let mut state = self.state();
        state.take_in(&Said { env: kept.env, path: kept.path, ..Said::default() });
        for (id, left) in kept.steps {
            state.leave(&scope, &id, left);
        }
        state.news.reports.extend(kept.reports.clone());
        state.reports.extend(kept.reports);
        drop(state);
        // So that an attempt after this one finds them too.
        for number in (0..).take(resume.step) {
            self.keep_step(number);
        }
        Ok(())
    }

    /// Ends the job when it takes more of the disk than it may.
    pub(super) fn watch_disk(&self, number: u32) -> Option<Watch> {
        let quota = self.bench.limits.disk.clone()?;
        let full = self.full.clone();
        match quota.watch(move |why| full.stop(why)) {
            Ok(watch) => Some(watch),
            Err(error) => {
                self.say(number, &format!("##[warning]the disk is not watched: {error}"));
                None
            }
        }
    }

    /// What is wrong, with the file that says it.
    pub(super) fn in_file(&self, what: &str) -> String {
        format!("{}: {what}", self.order.path)
    }
}
