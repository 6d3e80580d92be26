//! `highroad init`: looks at a repository and writes the `highroad.yaml` that fits it.

mod draft;
mod story;

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use model::manifest;
use serde_json::json;

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::manifest_file;
use crate::repository::{self, Survey};
use crate::terminal::Terminal;

/// Look at a repository and write its highroad.yaml
///
/// Reads what is there (Cargo.toml, package.json, pyproject.toml, requirements.txt, go.mod,
/// Procfile, Compose files, Dockerfile, index.html, CODEOWNERS, workflows), says what it saw, and
/// writes a commented highroad.yaml that passes 'highroad check'. Nothing of the repository is run
/// and no other file is changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The repository
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,

    /// Print the file instead of writing it
    #[arg(long, short = 'n')]
    dry_run: bool,

    /// Replace a highroad.yaml that is there
    #[arg(long)]
    force: bool,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad init", does: "set up the repository that you are in" },
    Example { line: "highroad init --dry-run shop", does: "show what would be written for shop" },
    Example { line: "highroad init --force", does: "start over, replacing highroad.yaml" },
];

impl Init {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let folder = manifest_file::folder(&self.dir)?;
        if !self.dry_run && !self.force {
            refuse_to_overwrite(&self.dir, &folder)?;
        }
        let survey = repository::survey(&folder);
        let text = draft::text(&survey);
        verify(&text)?;
        if !self.dry_run {
            write(&folder, &text, self.force).map_err(|error| self.cannot_write(&error))?;
        }
        if terminal.json() {
            terminal.print_json(&self.report(&survey, &text))?;
        } else if self.dry_run {
            terminal.print(&text)?;
        } else {
            let story = story::text(&survey, &self.dir, terminal.width(), terminal.paint());
            terminal.print(&story)?;
        }
        Ok(Exit::Success)
    }

    fn report(&self, survey: &Survey, text: &str) -> serde_json::Value {
        json!({
            "file": manifest_file::join(&self.dir, manifest_file::NAME),
            "written": !self.dry_run,
            "text": text,
            "seen": survey.seen,
            "services": survey.services,
            "owner": survey.owner,
            "notes": survey.notes,
        })
    }

    fn cannot_write(&self, cause: &io::Error) -> Error {
        let file = manifest_file::join(&self.dir, manifest_file::NAME);
        match cause.kind() {
            // Somebody was quicker, between the look and the writing.
            io::ErrorKind::AlreadyExists => already_there(&file),
            _ => Error::io(format!("cannot write {file}"), cause),
        }
    }
}

fn refuse_to_overwrite(dir: &Path, folder: &Path) -> Result<(), Error> {
    match manifest_file::existing(folder) {
        None => Ok(()),
        Some(name) if name == manifest_file::NAME => {
            Err(already_there(&manifest_file::join(dir, name)))
        }
        Some(name) => {
            let (found, wanted) =
                (manifest_file::join(dir, name), manifest_file::join(dir, manifest_file::NAME));
            Err(Error::new(Exit::Refused, format!("there is {found} already, under another name"))
                .hint(format!(
                    "rename it: mv {found} {wanted}; --force writes a new file beside it"
                )))
        }
    }
}

fn already_there(file: &str) -> Error {
    Error::new(Exit::Refused, format!("{file} is there already")).hint(
        "'highroad check' checks it; --dry-run shows what would be written, --force replaces it",
    )
}

/// What this command writes passes `highroad check`, or is not written.
fn verify(text: &str) -> Result<(), Error> {
    let reading = manifest::read(manifest_file::NAME, text.as_bytes());
    match reading.findings.first() {
        None => Ok(()),
        Some(finding) => {
            Err(Error::new(Exit::Bug, "the file made for this repository is not right")
                .caused_by(finding.message.clone())
                .hint("nothing was written; please report this with the output of --dry-run"))
        }
    }
}

/// The whole file or none of it.
fn write(folder: &Path, text: &str, replace: bool) -> io::Result<()> {
    // What git and editors make too; the process's mask takes away from it.
    let permissions = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new()
        .prefix(".highroad-")
        .permissions(permissions)
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    let path = folder.join(manifest_file::NAME);
    let written = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    written.map(|_| ()).map_err(|error| error.error)
}
