//! The built `highroad`, run as people and programs run it.

mod check;
mod elsewhere;
mod guide;
mod help;
mod init;
mod init_hostile;
mod journal;
mod journal_follow;
mod journal_store;
mod journal_verify;
mod kept;
mod node;
mod output;
mod run;
mod secret;
mod server;
mod usage;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What came of one run.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn error(&self) -> serde_json::Value {
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The command in an environment that is the same on every machine.
fn command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highroad"));
    command
        .args(line.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

fn highroad(dir: &Path, line: &str) -> Ran {
    command(dir, line).output().expect("highroad can be started").into()
}

/// A folder `shop` with these files, in a folder that vanishes.
struct Repository {
    _above: TempDir,
    path: std::path::PathBuf,
}

impl Repository {
    fn with(files: &[(&str, &str)]) -> Self {
        let above = tempfile::tempdir().expect("there is room for a folder");
        let path = above.path().join("shop");
        std::fs::create_dir(&path).expect("the folder is new");
        let repository = Self { _above: above, path };
        for (name, text) in files {
            repository.write(name, text);
        }
        repository
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().expect("names are below the folder")).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path.join(name)).unwrap()
    }

    fn run(&self, line: &str) -> Ran {
        highroad(&self.path, line)
    }
}
