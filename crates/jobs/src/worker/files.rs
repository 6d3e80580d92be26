//! The files in which a step leaves its outputs, variables, paths, state and summary.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::job::Job;
use super::said::{Said, set};
use super::step::Site;
use super::uses::chain;
use crate::command::files;
use crate::context::View;
use crate::event::Event;

/// One step's files. They go when the step is over.
#[derive(Debug)]
pub(super) struct Files {
    paths: [PathBuf; KINDS.len()],
}

/// What the `github` context calls them.
const KINDS: [&str; 5] = ["env", "output", "path", "state", "step_summary"];

impl Files {
    /// Makes the files and tells the step's expressions where they are.
    pub(super) fn open(job: &Job<'_>, view: &mut View<'_>) -> Result<Self, String> {
        let number = job.next_file();
        let paths = KINDS.map(|kind| job.commands.join(format!("{number}-{kind}")));
        for (kind, path) in KINDS.into_iter().zip(&paths) {
            let mut options = OpenOptions::new();
            let made = options.write(true).create_new(true).mode(0o600).open(path);
            made.map_err(|error| format!("the file {} cannot be made: {error}", path.display()))?;
            job.hand_over(path);
            view.set_own(kind, path.to_string_lossy().as_ref().into());
        }
        Ok(Self { paths })
    }

    /// Reads what the step has left in them.
    pub(super) fn take_in(&self, job: &Job<'_>, site: &Site, said: &mut Said) {
        let [env, output, path, state, summary] = &self.paths;
        let mut wrong = Vec::new();
        match files::read(env).and_then(|text| files::variables(&text)) {
            Ok(variables) => {
                for name in variables.refused {
                    let why =
                        format!("Can't store {name} output parameter using '$GITHUB_ENV' command.");
                    job.error(site.number, &why);
                }
                for (name, value) in variables.set {
                    job.debug(site.number, &format!("{name}='{value}'"));
                    set(&mut said.env, &name, value);
                }
            }
            Err(error) => wrong.push(("GITHUB_ENV", error)),
        }
        match files::read(output).and_then(|text| files::pairs(&text)) {
            Ok(pairs) => {
                for (name, value) in pairs {
                    said.output(&name, value);
                }
            }
            Err(error) => wrong.push(("GITHUB_OUTPUT", error)),
        }
        match files::read(state).and_then(|text| files::pairs(&text)) {
            Ok(pairs) => {
                for (name, value) in pairs {
                    set(&mut said.state, &name, value);
                }
            }
            Err(error) => wrong.push(("GITHUB_STATE", error)),
        }
        match files::read(path) {
            Ok(text) => said.path.extend(files::paths(&text)),
            Err(error) => wrong.push(("GITHUB_PATH", error)),
        }
        match files::summary(summary) {
            Ok(Some(markdown)) => {
                let markdown = job.masks.mask(&markdown).into_owned();
                job.tell(Event::Summary { step: site.number, markdown });
            }
            Ok(None) => {}
            // A summary that cannot be shown is no reason to fail.
            Err(error) => {
                job.error(site.number, &format!("GITHUB_STEP_SUMMARY: {}", chain(&error)));
            }
        }
        for (name, error) in wrong {
            let why = format!("{name}: {}", chain(&error));
            job.error(site.number, &why);
            said.wrong.push(why);
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.paths {
            // The folder goes with the job at the latest.
            let _ = fs::remove_file(path);
        }
    }
}

/// The text of a file that a step may have put there: of a pipe, a device or a large file there is
/// none.
pub(crate) fn read_small(path: &Path) -> io::Result<String> {
    const LARGEST: u64 = 1 << 20;
    // A pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other("it is larger than a megabyte"));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}
