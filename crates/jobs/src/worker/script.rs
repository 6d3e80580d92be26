//! `run:` – a script, executed by a shell.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use model::pipeline::Template;

use super::attend::Task;
use super::details;
use super::files::Files;
use super::frame::Frame;
use super::job::Job;
use super::step::{Running, Went};
use crate::context::{View, text};
use crate::shell::Shell;

/// A script as the step writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) script: &'a Template,
    pub(super) shell: &'a Option<Template>,
    pub(super) working_directory: &'a Option<Template>,
}

impl Job<'_> {
    pub(super) fn run_script(&self, written: Written<'_>, step: &mut Running<'_, '_>) -> Went {
        let site = step.site;
        let files = match Files::open(self, step.view) {
            Ok(files) => files,
            Err(why) => return self.went_wrong(site, &why),
        };
        let (script, shell, folder) = match self.understand(written, step.view, step.frame) {
            Ok(understood) => understood,
            Err(why) => return self.went_wrong(site, &why),
        };
        self.say(site.number, &details::script(&script, &shell.shown(), &step.view.env));
        if !self.has_folder(&folder) {
            let why = format!("the working directory {} is not there", folder.display());
            return self.went_wrong(site, &why);
        }
        let file = match self.write_script(&shell, &script) {
            Ok(file) => file,
            Err(why) => return self.went_wrong(site, &why),
        };
        let task = Task {
            program: shell.program.clone(),
            arguments: shell.arguments(&file.path),
            environment: self.variables(step.view),
            folder,
        };
        let went = self.execute(task, site, step.said);
        files.take_in(self, site, step.said);
        went
    }

    fn understand(
        &self,
        written: Written<'_>,
        view: &View<'_>,
        frame: &Frame,
    ) -> Result<(String, Shell, PathBuf), String> {
        let script = text("run", written.script, view).map_err(|trouble| trouble.to_string())?;
        // The defaults of a job do not reach into actions.
        let defaults = frame.is_job().then_some(&self.base.defaults);
        let own = |key: &str, given: &Option<Template>| {
            let given = given.as_ref().map(|given| text(key, given, view)).transpose();
            given.map_err(|trouble| trouble.to_string())
        };
        let shell = own("shell", written.shell)?.filter(|shell| !shell.is_empty());
        let shell = shell.or_else(|| defaults.and_then(|defaults| defaults.shell.clone()));
        let shell = match self.own_container() {
            Some(_) => Shell::in_container(shell.as_deref()),
            None => Shell::find(shell.as_deref(), &self.search_path()),
        };
        let shell = shell.map_err(|error| error.to_string())?;
        let folder = own("working-directory", written.working_directory)?;
        let folder =
            folder.or_else(|| defaults.and_then(|defaults| defaults.working_directory.clone()));
        let folder = self.bench.folders.workspace.join(folder.unwrap_or_default());
        Ok((script, shell, folder))
    }

    /// Writes the script where only its owner can read it: it may hold secrets.
    fn write_script(&self, shell: &Shell, script: &str) -> Result<ScriptFile, String> {
        let name = format!("script-{}{}", self.next_file(), shell.extension());
        let path = self.commands.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(shell.script(script).as_bytes())).map_err(
            |error| format!("the script cannot be written to {}: {error}", path.display()),
        )?;
        self.hand_over(&path);
        Ok(ScriptFile { path })
    }
}

/// Gone when its step is over.
struct ScriptFile {
    path: PathBuf,
}

impl Drop for ScriptFile {
    fn drop(&mut self) {
        // The folder goes with the job at the latest.
        let _ = fs::remove_file(&self.path);
    }
}
