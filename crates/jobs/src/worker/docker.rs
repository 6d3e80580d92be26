//! Docker actions: each stage of one is a container of its own, with the job's folders where
//! GitHub's runner puts them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use model::pipeline::StepWork;

use super::attend::{Hearing, Started};
use super::composite::inner_frame;
use super::engine::until;
use super::files::Files;
use super::job::Job;
use super::post::{Post, Stage};
use super::setup::{COMMANDS, WORKFLOW};
use super::step::{Running, Went};
use super::uses::Found;
use crate::action::{Action, DockerAction};
use crate::container::{Mounts, Place, Reach, Remote, Spec, Until, Wanted, build, provide, words};
use crate::context::{Pairs, text};

/// Which of an action's programs is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Pre,
    Main,
    Post,
}

const WORKSPACE: &str = "/github/workspace";
const HOME: &str = "/github/home";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// What every docker action understands besides its own inputs.
const ARGUMENTS: &str = "args";
const ENTRYPOINT: &str = "entrypoint";
const IMAGE: &str = "docker://";

impl Job<'_> {
    pub(super) fn run_docker(
        &self,
        action: &DockerAction,
        found: &Arc<Found>,
        inputs: &Pairs,
        step: &mut Running<'_, '_>,
    ) -> Went {
        if let Some((_, condition)) = &action.post {
            self.add_post(Post::new(Stage::Docker(found.clone()), condition, step));
        }
        self.run_docker_part(Part::Main, action, found, inputs, step)
    }

    /// Executes one of an action's programs.
    pub(super) fn run_docker_part(
        &self,
        part: Part,
        action: &DockerAction,
        found: &Found,
        inputs: &Pairs,
        step: &mut Running<'_, '_>,
    ) -> Went {
        let site = step.site;
        let files = match Files::open(self, step.view) {
            Ok(files) => files,
            Err(why) => return self.went_wrong(site, &why),
        };
        let mounts = self.docker_mounts();
        let started = self.start_docker(part, action, found, inputs, &mounts, step);
        let (place, remote, allows_env) = match started {
            Ok(started) => started,
            Err(_) if site.is_halted() => return self.cancelled(site),
            Err(why) => return self.went_wrong(site, &why),
        };
        let started = match Started::new(remote) {
            Ok(started) => started,
            Err(error) => return self.went_wrong(site, &error),
        };
        let hearing = Hearing { allows_env, mounts: Some(&mounts) };
        let went = self.attend_to(started, hearing, site, step.said);
        if let Err(error) = place.remove() {
            self.say(site.number, &format!("##[warning]{error}"));
        }
        files.take_in(self, site, step.said);
        self.keep_state(site, step.said);
        went
    }

    fn start_docker(
        &self,
        part: Part,
        action: &DockerAction,
        found: &Found,
        inputs: &Pairs,
        mounts: &Mounts,
        step: &Running<'_, '_>,
    ) -> Result<(Place, Remote, bool), String> {
        let (site, until) = (step.site, until(step.site));
        let shown = match &step.sheet.work {
            StepWork::Uses { action, .. } => format!("`uses: {action}`"),
            _ => "the action".to_owned(),
        };
        let engine = self.engine(&shown)?;
        // Steps may have changed what lies in the workspace.
        let is_new = part == Part::Main && found.commit.is_none();
        let image = self.image_of(&shown, action, &found.folder, is_new, site.number, &until)?;
        let frame = inner_frame(&found.folder, inputs, step.view, step.frame, site);
        let view = self.view(&frame, None);
        let given = |name: &str| {
            let given = inputs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            given.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
        };
        let arguments = match &action.arguments {
            Some(arguments) => arguments
                .iter()
                .map(|argument| text("runs.args", argument, &view))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|trouble| trouble.to_string())?,
            None => words(given(ARGUMENTS).unwrap_or_default())
                .map_err(|why| format!("`with.args`: {why}"))?,
        };
        let arguments: Vec<String> = arguments.iter().map(|it| mounts.inside(it)).collect();
        let entrypoint = match part {
            Part::Main => action.entrypoint.as_deref().or_else(|| given(ENTRYPOINT)),
            Part::Pre => action.pre.as_ref().map(|(entrypoint, _)| entrypoint.as_str()),
            Part::Post => action.post.as_ref().map(|(entrypoint, _)| entrypoint.as_str()),
        };
        let entrypoint = entrypoint.map(|entrypoint| vec![entrypoint.to_owned()]);
        let mut variables = self.variables_over(&[("HOME".to_owned(), HOME.to_owned())], step.view);
        // The image's own counts, unless the workflow says another.
        if !step.view.env.iter().any(|(name, _)| name == "PATH") {
            variables.remove("PATH");
        }
        for (name, template) in &action.env {
            let value = text(&format!("runs.env.{name}"), template, &view);
            let value = value.map_err(|trouble| trouble.to_string())?;
            variables.entry(name.clone()).or_insert(value);
        }
        for (name, value) in inputs {
            variables.insert(super::javascript::input_variable(name), value.clone());
        }
        for (name, value) in self.state().kept.get(&site.key).into_iter().flatten() {
            variables.insert(format!("STATE_{name}"), value.clone());
        }
        let allows_env = super::attend::allows_env(&variables);
        let env: Pairs =
            variables.into_iter().map(|(name, value)| (name, mounts.inside(&value))).collect();
        let network = self.containers.network.as_ref();
        let spec = Spec {
            image: &image,
            shown: &format!("action-{}", self.next_file()),
            network: match network {
                Some(network) => Reach::Own(&network.name),
                None if self.reaches_out() => Reach::Usual,
                None => Reach::Nothing,
            },
            mounts,
            limits: self.limits(),
            env: &env,
            entrypoint: entrypoint.as_deref(),
            command: Some(&arguments).filter(|it| !it.is_empty()).map(Vec::as_slice),
            folder: Some(WORKSPACE),
        };
        let wanted = Wanted::of_image(&image);
        let place = Place::create(&engine, &self.owner(), &wanted, spec, &until)
            .map_err(|error| error.to_string())?;
        let remote = Remote::start(&place, &self.bench.processes, &until)
            .map_err(|error| error.to_string())?;
        Ok((place, remote, allows_env))
    }

    /// The image of an action, pulled or built once for the job, or anew.
    pub(super) fn image_of(
        &self,
        shown: &str,
        action: &DockerAction,
        folder: &Path,
        is_new: bool,
        number: u32,
        until: &Until,
    ) -> Result<String, String> {
        let engine = self.engine(shown)?;
        let image = action.image.strip_prefix(IMAGE);
        let dockerfile = folder.join(&action.image);
        let key = image.map_or_else(|| dockerfile.to_string_lossy().into_owned(), str::to_owned);
        let known = {
            let images = self.containers.images.lock().unwrap_or_else(PoisonError::into_inner);
            images.get(&key).filter(|_| image.is_some() || !is_new).cloned()
        };
        if let Some(Ok(known)) = known {
            return Ok(known);
        }
        let mut say = |line: &str| self.say(number, line);
        let made = if let Some(image) = image {
            provide(&engine, &Wanted::of_image(image), until, &mut say)
        } else {
            let (roots, reaches_out) = (self.roots(), self.reaches_out());
            build(&engine, &dockerfile, &roots, reaches_out, until, &mut say)
        };
        let made = made.map_err(|error| error.to_string());
        let mut images = self.containers.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(key, made.clone());
        made
    }

    fn docker_mounts(&self) -> Mounts {
        let folders = &self.bench.folders;
        let mut mounts = Mounts::default();
        mounts.add(&folders.workspace, Path::new(WORKSPACE));
        mounts.add(&folders.home, Path::new(HOME));
        mounts.add(&folders.temp, Path::new("/github/runner_temp"));
        mounts.add(&folders.temp.join(WORKFLOW), Path::new("/github/workflow"));
        mounts.add(&folders.temp.join(COMMANDS), Path::new("/github/file_commands"));
        if let Some(Ok((engine, _))) = self.containers.engine.get()
            && !self.is_sandboxed()
        {
            mounts.add(engine.socket(), Path::new(DOCKER_SOCKET));
        }
        mounts
    }
}

/// Whether every docker action takes an input of this name.
pub(super) fn is_understood(input: &str) -> bool {
    [ARGUMENTS, ENTRYPOINT].iter().any(|name| name.eq_ignore_ascii_case(input))
}

/// An action that is an image and nothing else.
pub(super) fn of_image(image: &str) -> Found {
    Found {
        folder: PathBuf::new(),
        action: Action::of_image(format!("{IMAGE}{image}")),
        commit: Some(String::new()),
    }
}
