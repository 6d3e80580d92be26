//! The shell that is opened where a step has failed.

use std::io::IsTerminal as _;
use std::path::Path;

use tokio::process::Command;

use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// Refuses what cannot be: a shell is for a person at a terminal.
pub(super) fn check(terminal: &Terminal) -> Result<(), Error> {
    if terminal.json() {
        let what = "--shell-on-failure does not go with --json: the shell has the terminal";
        return Err(Error::new(Exit::Usage, what));
    }
    let streams = [std::io::stdin().is_terminal(), std::io::stdout().is_terminal()];
    if streams != [true, true] {
        let what = "--shell-on-failure takes a terminal: standard input or output is none";
        return Err(Error::new(Exit::Usage, what)
            .hint("leave it out; 'highroad logs JOB' shows what a step has said"));
    }
    Ok(())
}

/// Lets the person look around, in the place of the step and with its environment, until the shell
/// is left. How it was left makes no difference.
pub(super) async fn open(
    folder: &Path,
    environment: &[(String, String)],
    terminal: &mut Terminal,
) -> Result<(), Error> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| "sh".into());
    let place = folder.display();
    terminal.note(&format!("a shell in {place}, as the step had it; the job ends when you leave"));
    let started = Command::new(&shell)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .spawn();
    let ended = match started {
        Ok(mut child) => child.wait().await.map(drop),
        Err(error) => Err(error),
    };
    ended.map_err(|error| Error::io(format!("cannot open {}", shell.to_string_lossy()), &error))
}
