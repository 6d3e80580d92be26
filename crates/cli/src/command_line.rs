//! The command line as a whole: the global options and what clap makes of the words.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{FromArgMatches as _, Parser};

use crate::command::Command;
use crate::database::{Database, DatabaseUrl};
use crate::error::Error;
use crate::terminal::{Color, Terminal, Wishes};
use crate::{data, help, usage};

/// Highroad is the paved road from a commit to happy users, in one binary.
///
/// Point it at a repository. It reads the files that are already there, and one more,
/// highroad.yaml, that says only what none of them can say.
#[derive(Debug, Parser)]
#[command(
    name = "highroad",
    bin_name = "highroad",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = false,
    subcommand_value_name = "COMMAND",
    subcommand_required = true
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

pub(crate) const GLOBAL_OPTIONS: &str = "Global options";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = GLOBAL_OPTIONS)]
pub(crate) struct Global {
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    #[arg(help = "The folder for Highroad's data (or HIGHROAD_DATA)")]
    data: Option<PathBuf>,

    #[arg(long, global = true, value_name = "URL", value_hint = clap::ValueHint::Url)]
    #[arg(
        help = "A PostgreSQL database instead of the folder's highroad.db (or HIGHROAD_DATABASE)"
    )]
    database: Option<DatabaseUrl>,

    /// Write JSON instead of text, errors too
    #[arg(long, global = true)]
    json: bool,

    /// When to use colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl Global {
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes { color: self.color, json: self.json }
    }

    pub(crate) fn data(&self) -> Result<PathBuf, Error> {
        data::folder(self.data.as_deref())
    }

    /// The same for who starts other processes there, in folders of their own.
    pub(crate) fn absolute_data(&self) -> Result<PathBuf, Error> {
        let data = self.data()?;
        std::path::absolute(&data)
            .map_err(|error| Error::io(format!("cannot tell where {} is", data.display()), &error))
    }

    pub(crate) fn database(&self) -> Result<Database, Error> {
        let variable = std::env::var_os("HIGHROAD_DATABASE");
        Database::chosen(self.database.as_ref(), variable, || self.data())
    }
}

/// What the words ask for.
pub(crate) enum Asked {
    /// A text that clap writes: help or the version.
    Page(String),
    Command(CommandLine),
}

pub(crate) fn read(words: &[OsString], terminal: &Terminal) -> Result<Asked, Error> {
    let mut definition = help::definition(terminal.width());
    if words.len() < 2 {
        return Ok(Asked::Page(help::text(&definition.render_help(), terminal.paint())));
    }
    let outcome = definition
        .try_get_matches_from_mut(words)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    match outcome {
        Ok(line) => Ok(Asked::Command(line)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Asked::Page(help::text(&error.render(), terminal.paint())))
            }
            _ => Err(usage::error(&error)),
        },
    }
}

/// What the words wish for the output, as far as can be seen before they are understood: errors in
/// them are to be told in the wished form too.
pub(crate) fn glimpse(words: &[OsString]) -> Wishes {
    let mut wishes = Wishes::default();
    let mut words = words.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word {
            "--" => break,
            "--json" => wishes.json = true,
            "--color" => wishes.color = words.next().map_or(wishes.color, color),
            _ => wishes.color = word.strip_prefix("--color=").map_or(wishes.color, color),
        }
    }
    wishes
}

fn color(word: &str) -> Color {
    clap::ValueEnum::from_str(word, false).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_seen_in_words_that_make_no_sense() {
        let seen = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let wishes = glimpse(&words);
            (wishes.color, wishes.json)
        };
        assert_eq!(seen("highroad nonsense"), (Color::Auto, false));
        assert_eq!(seen("highroad nonsense --json --color never"), (Color::Never, true));
        assert_eq!(seen("highroad --color=always --colour"), (Color::Always, false));
        assert_eq!(seen("highroad -- --json"), (Color::Auto, false));
        assert_eq!(seen("highroad --color"), (Color::Auto, false));
    }
}
