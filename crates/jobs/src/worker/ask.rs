//! Programs that a built-in action asks something. They are confined as steps are: what they read
//! may come from a step.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use model::pipeline::Annotation;
use rustix::fs::{Mode, OFlags};

use super::attend::Task;
use super::job::Job;
use super::step::Site;
use crate::command::{Command, Shown};
use crate::output::{Listener, attend};
use crate::process::Exit;

/// The most that is taken from one program.
const MOST: u64 = 64 << 20;
/// How much of a complaint is passed on, in bytes.
const COMPLAINT: u64 = 4_000;
/// Puts what a program says into files and becomes that program.
const INTO_FILES: &str = r#"out=$1; err=$2; shift 2; exec "$@" >"$out" 2>"$err""#;

impl Job<'_> {
    /// What a program prints; `Err` is what it complains of when it does not end well.
    pub(crate) fn ask(&self, task: Task, site: &Site) -> Result<Vec<u8>, String> {
        let number = self.next_file();
        let answer = Answer {
            said: self.commands.join(format!("{number}-said")),
            complaint: self.commands.join(format!("{number}-complaint")),
        };
        let words = ["-c".into(), INTO_FILES.into(), "sh".into()];
        let files =
            [answer.said.clone().into_os_string(), answer.complaint.clone().into_os_string()];
        let program = [task.program.into_os_string()];
        let arguments: Vec<OsString> =
            words.into_iter().chain(files).chain(program).chain(task.arguments).collect();
        let shell = self.machine_program("sh").unwrap_or_else(|| PathBuf::from("/bin/sh"));
        let task = Task { program: shell, arguments, ..task };
        let (child, stop) = self.start(task).map_err(|error| error.to_string())?;
        let _ending = self.end_with(&stop, site);
        let ended = attend(child, &self.attention(site, &stop), &mut Deaf);
        let ended = ended.map_err(|error| error.to_string())?;
        if ended.stopped.is_some() {
            return Err("it was ended before its time".to_owned());
        }
        if ended.exit == Exit::Code(0) {
            return read(&answer.said, MOST);
        }
        let complaint = read(&answer.complaint, COMPLAINT).unwrap_or_default();
        let complaint = String::from_utf8_lossy(&complaint);
        Err(match (complaint.trim(), ended.exit) {
            ("", Exit::Code(code)) => format!("it ended with code {code}"),
            ("", Exit::Signal(signal)) => format!("signal {signal} ended it"),
            (complaint, _) => complaint.to_owned(),
        })
    }
}

/// The files in which an answer is; they go when it was read.
struct Answer {
    said: PathBuf,
    complaint: PathBuf,
}

impl Drop for Answer {
    fn drop(&mut self) {
        for path in [&self.said, &self.complaint] {
            // The folder goes with the job at the latest.
            let _ = fs::remove_file(path);
        }
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("what it says cannot be read: {error}");
    // A step may have put a link there.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| wrong(&error))?;
    let mut bytes = Vec::new();
    File::from(file).take(most).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
    Ok(bytes)
}

/// Obeys nothing: what is asked is no step.
struct Deaf;

impl Listener for Deaf {
    fn command(&mut self, _: Command) -> Shown {
        Shown::AsIs
    }

    fn found(&mut self, _: Annotation) {}
}
