//! `highroad help`: the page of a command, or a topic that belongs to no single command.

use std::fmt::Write as _;

use clap::Command;
use model::source::nearest;

use super::Example;
use crate::command_line::Global;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::help::{self, Row};
use crate::terminal::{Terminal, wrap};

/// Explain a command, or exit-codes or environment
///
/// The topics belong to no single command: exit-codes lists what each code means, environment the
/// variables that Highroad reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Help {
    /// A command or a topic; without one, the front page
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad help check", does: "explain the command check" },
    Example { line: "highroad help exit-codes", does: "list what the exit codes mean" },
    Example {
        line: "highroad help environment",
        does: "list the variables that Highroad reads, and where it keeps its data",
    },
];

const TOPICS: [&str; 2] = ["exit-codes", "environment"];

impl Help {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let words: Vec<_> = self.words.iter().map(String::as_str).collect();
        let page = match words[..] {
            ["exit-codes"] => exit_codes(terminal),
            ["environment"] => environment(global, terminal)?,
            _ => page_of_a_command(&words, terminal)?,
        };
        terminal.print(&page)?;
        Ok(Exit::Success)
    }
}

fn page_of_a_command(words: &[&str], terminal: &Terminal) -> Result<String, Error> {
    let mut root = help::definition(terminal.width());
    let mut command = &mut root;
    for word in words {
        if command.find_subcommand(word).is_none() {
            return Err(unknown(word, command));
        }
        command = command.find_subcommand_mut(word).expect("it was found a line ago");
    }
    Ok(help::text(&command.render_help(), terminal.paint()))
}

fn unknown(word: &str, command: &Command) -> Error {
    let names = command.get_subcommands().map(Command::get_name);
    let near = nearest(word, names.chain(TOPICS));
    let near = near.map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
    Error::new(Exit::Usage, format!("there is no help about '{word}'"))
        .hint(format!("{near}'highroad help' lists all commands"))
}

fn exit_codes(terminal: &Terminal) -> String {
    let row = |exit: Exit| Row::new(exit.code().to_string(), exit.meaning());
    help::table("Exit codes", &Exit::ALL.map(row), terminal.width(), terminal.paint()) + "\n"
}

fn environment(global: &Global, terminal: &Terminal) -> Result<String, Error> {
    let rows = [
        ("HIGHROAD_DATA", "the folder for Highroad's data; --data goes before it"),
        (
            "HIGHROAD_DATABASE",
            "the URL of a PostgreSQL database, used instead of the folder's highroad.db; --database goes before it",
        ),
        (
            "HIGHROAD_ACTIONS",
            "where actions come from: a git URL with {owner} and {repo} in it; --actions goes before it",
        ),
        ("HIGHROAD_ROOT_KEY", "the root key of the secrets: 32 bytes in base 64"),
        (
            "HIGHROAD_ROOT_KEY_FILE",
            "a file with the root key, used instead of root.key in the folder for the data",
        ),
        ("HIGHROAD_PASSPHRASE", "a passphrase that is stretched to the root key"),
        (
            "HIGHROAD_NEW_ROOT_KEY",
            "the root key that takes over; also HIGHROAD_NEW_ROOT_KEY_FILE and HIGHROAD_NEW_PASSPHRASE",
        ),
        ("PGPASSWORD", "the password for PostgreSQL, if the URL has none"),
        ("PGSSLROOTCERT", "the certificates to trust there, if the URL has none"),
        ("XDG_DATA_HOME", "its 'highroad' folder is used when neither is given"),
        ("TZ", "the time zone in which times are shown and read; the machine's, if not set"),
        ("NO_COLOR", "no colour, if set and not empty; --color goes before it"),
        ("CLICOLOR_FORCE", "colour even into a pipe, if set and not 0"),
        ("TERM", "no colour if 'dumb'"),
        ("COLUMNS", "the width of text that goes into a pipe or a file"),
        ("RUST_BACKTRACE", "1 adds a stack trace to the report of a bug in Highroad"),
    ];
    let rows = rows.map(|(name, meaning)| Row::new(name, meaning));
    let table = help::table("Environment", &rows, terminal.width(), terminal.paint());
    let mut here = format!("Here and now the data folder is {}", global.data()?.display());
    if let database @ Database::Postgres(_) = global.database()? {
        write!(here, " and the database {database}").expect("texts take all");
    }
    Ok(format!("{table}\n\n{}\n", wrap(&here, Some(terminal.width()), 0)))
}
