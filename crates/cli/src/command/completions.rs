//! `highroad completions`: completion scripts, from the one definition of the command line.

use clap_complete::Shell;

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::help;
use crate::terminal::Terminal;

/// Print the completion script of a shell
///
/// The script goes to standard output; put it where your shell looks for completions, then open a
/// new shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell that you use
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        line: "highroad completions bash > ~/.local/share/bash-completion/completions/highroad",
        does: "complete in bash",
    },
    Example {
        line: "highroad completions zsh > \"${fpath[1]}/_highroad\"",
        does: "complete in zsh",
    },
    Example {
        line: "highroad completions fish > ~/.config/fish/completions/highroad.fish",
        does: "complete in fish",
    },
];

impl Completions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let mut definition = help::definition(terminal.width());
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition, "highroad", &mut script);
        terminal.print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Success)
    }
}
