//! The container in which a job's steps are executed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::super::attend::{Started, Task};
use super::super::engine;
use super::super::job::Job;
use super::super::said::set;
use super::super::step::Site;
use crate::container::{Command, EngineError, Place, Remote, Until};
use crate::context::Pairs;

/// The container in which steps are executed.
#[derive(Debug)]
pub(in crate::worker) struct Own {
    pub(super) place: Place,
    /// The user and the group of its programs, where that is known.
    pub(super) user: Option<(u32, u32)>,
    node: OnceLock<Result<String, String>>,
}

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where the machine's own Node.js is in a container, for images that have none.
pub(super) const NODE: &str = "/__e/node";
/// How long a short question to a container may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

impl Job<'_> {
    /// From now on steps are executed in the container.
    pub(super) fn move_in(
        &mut self,
        place: Place,
        number: u32,
        until: &Until,
    ) -> Result<(), EngineError> {
        let variables = place.variables(until)?;
        let path = variables.get("PATH").map_or(DEFAULT_PATH, String::as_str).to_owned();
        let words = ["/bin/sh", "-c", "id -u && id -g"].map(str::to_owned);
        let said = place.ask(&words, None, PATIENCE, until);
        let user = said.ok().filter(|(code, _)| *code == 0).and_then(|(_, said)| {
            let mut numbers = said.split_ascii_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        });
        if user.is_none() {
            self.say(number, "##[warning]the image has no shell at /bin/sh, which most steps need");
        }
        let home = self.bench.folders.home.to_string_lossy().into_owned();
        let mut env = Pairs::new();
        set(&mut env, "PATH", path);
        set(&mut env, "HOME", home);
        let ours = rustix::process::geteuid();
        let is_ours = user.is_none_or(|(user, _)| user == ours.as_raw());
        if !is_ours && !ours.is_root() && !place.is_rootless() {
            // The workspace belongs to this user and not to the container's, which git minds.
            set(&mut env, "GIT_CONFIG_COUNT", "1".to_owned());
            set(&mut env, "GIT_CONFIG_KEY_0", "safe.directory".to_owned());
            set(&mut env, "GIT_CONFIG_VALUE_0", "*".to_owned());
        }
        self.base.env = env;
        self.containers.own = Some(Own { place, user, node: OnceLock::new() });
        self.warn_of_strangers(number);
        self.hand_over_folders();
        Ok(())
    }

    /// The container in which steps are executed, if it is one.
    pub(in crate::worker) fn own_container(&self) -> Option<&Own> {
        self.containers.own.as_ref()
    }

    /// Executes a program in the job's container.
    pub(in crate::worker) fn start_within(
        &self,
        own: &Own,
        task: Task,
        site: &Site,
    ) -> Result<Started, String> {
        let Task { program, arguments, mut environment, folder } = task;
        let tracking = || format!("highroad-{}", self.next_file());
        let name = "RUNNER_TRACKING_ID".to_owned();
        let tracking = environment.entry(name).or_insert_with(tracking).clone();
        let arguments = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        let program = program.to_string_lossy().into_owned();
        let command = Command {
            words: std::iter::once(program).chain(arguments).collect(),
            environment: environment.into_iter().collect(),
            folder: folder.to_string_lossy().into_owned(),
            tracking,
        };
        let until = engine::until(site);
        let child = Remote::execute(&own.place, &self.bench.processes, command, &until)
            .map_err(|error| error.to_string())?;
        Started::new(child).map_err(|error| error.to_string())
    }

    /// Whether a folder is there, as far as that can be seen from here.
    pub(in crate::worker) fn has_folder(&self, folder: &Path) -> bool {
        let is_image = self.own_container().is_some()
            && !self.roots().iter().any(|root| folder.starts_with(root));
        is_image || folder.is_dir()
    }
}

impl Own {
    /// Its Node.js, or the machine's own where that runs there.
    pub(in crate::worker) fn node(&self, site: &Site) -> Result<PathBuf, String> {
        let found = self.node.get_or_init(|| {
            let until = engine::until(site);
            let runs = |program: &str| {
                let words = [program, "--version"].map(str::to_owned);
                let said = self.place.ask(&words, None, PATIENCE, &until);
                said.is_ok_and(|(code, _)| code == 0)
            };
            let node = ["node", NODE].into_iter().find(|program| runs(program));
            let missing = "the action is written in JavaScript, and the job's container has no `node`, \
                           nor does this machine have one that runs there: choose an image with \
                           Node.js";
            node.map(str::to_owned).ok_or_else(|| missing.to_owned())
        });
        found.clone().map(PathBuf::from)
    }
}
