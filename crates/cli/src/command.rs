//! The commands: one file each under `command/`, one row each in `GROUPS`.
//!
//! A new command is a file with its arguments, its examples and its `run`; a variant and an arm
//! here; and a row in the group where a reader would look for it.

mod artifact;
mod cache;
mod check;
mod completions;
mod confines;
mod help;
mod init;
mod journal;
mod logs;
mod man;
mod node;
mod run;
mod runner;
mod schema;
mod secret;
mod server;
mod token;
mod word;

use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Check(check::Check),
    Run(Box<run::Run>),
    Logs(Box<logs::Logs>),
    Cache(cache::Cache),
    Artifact(artifact::Artifact),
    Journal(Box<journal::Journal>),
    Secret(secret::Secret),
    Server(server::Server),
    Node(Box<node::NodeCommand>),
    Runner(Box<runner::Runner>),
    Token(token::Token),
    Approve(word::Approve),
    Reject(word::Reject),
    Cancel(word::Cancel),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
    Help(help::Help),
}

impl Command {
    pub(crate) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Init(init) => init.run(terminal),
            Self::Check(check) => check.run(terminal),
            Self::Run(run) => run.run(global, terminal),
            Self::Logs(logs) => logs.run(global, terminal),
            Self::Cache(cache) => cache.run(global, terminal),
            Self::Artifact(artifact) => artifact.run(global, terminal),
            Self::Journal(journal) => journal.run(global, terminal),
            Self::Secret(secret) => secret.run(global, terminal),
            Self::Server(server) => server.run(global, terminal),
            Self::Node(node) => node.run(global, terminal),
            Self::Runner(runner) => runner.run(global, terminal),
            Self::Approve(approve) => approve.run(terminal),
            Self::Reject(reject) => reject.run(terminal),
            Self::Cancel(cancel) => cancel.run(terminal),
            Self::Token(token) => token.run(global, terminal),
            Self::Schema(schema) => schema.run(terminal),
            Self::Completions(completions) => completions.run(terminal),
            Self::Man(man) => man.run(terminal),
            Self::Help(help) => help.run(global, terminal),
        }
    }
}

/// A line that a reader may type, and what comes of it.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) line: &'static str,
    pub(crate) does: &'static str,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) examples: &'static [Example],
    /// The commands of this command.
    pub(crate) below: &'static [Entry],
}

impl Entry {
    const fn new(name: &'static str, examples: &'static [Example]) -> Self {
        Self { name, examples, below: &[] }
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) commands: &'static [Entry],
}

/// The commands in the order in which the front page shows them.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        title: "Set up a repository",
        commands: &[Entry::new("init", init::EXAMPLES), Entry::new("check", check::EXAMPLES)],
    },
    Group {
        title: "Run workflows",
        commands: &[
            Entry::new("run", run::EXAMPLES),
            Entry::new("logs", logs::EXAMPLES),
            cache::ENTRY,
            artifact::ENTRY,
        ],
    },
    Group {
        title: "Run a server",
        commands: &[
            Entry::new("server", server::EXAMPLES),
            Entry::new("runner", runner::EXAMPLES),
            node::ENTRY,
            token::ENTRY,
            Entry::new("approve", word::APPROVE),
            Entry::new("reject", word::REJECT),
            Entry::new("cancel", word::CANCEL),
        ],
    },
    Group { title: "Keep secrets", commands: &[secret::ENTRY] },
    Group { title: "See what happened", commands: &[journal::ENTRY] },
    Group {
        title: "Work with editors and shells",
        commands: &[
            Entry::new("schema", schema::EXAMPLES),
            Entry::new("completions", completions::EXAMPLES),
            Entry::new("man", man::EXAMPLES),
        ],
    },
    Group { title: "Learn more", commands: &[Entry::new("help", help::EXAMPLES)] },
];

/// The examples of the front page.
pub(crate) const EXAMPLES: &[Example] = &[
    Example { line: "highroad init", does: "look at this folder and write its highroad.yaml" },
    Example { line: "highroad check", does: "say what is wrong in it, if anything" },
    Example { line: "highroad run", does: "execute the workflows that a push would start" },
    Example { line: "highroad journal --follow", does: "watch what happens" },
];

pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.iter().flat_map(|group| group.commands)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::command_line::CommandLine;

    #[test]
    fn every_command_has_one_row() {
        fn compare(definition: &clap::Command, listed: Vec<&Entry>) {
            let mut defined: Vec<_> =
                definition.get_subcommands().map(clap::Command::get_name).collect();
            let mut names: Vec<_> = listed.iter().map(|entry| entry.name).collect();
            defined.sort_unstable();
            names.sort_unstable();
            assert_eq!(defined, names, "{}", definition.get_name());
            for entry in listed {
                let command = definition.find_subcommand(entry.name).unwrap();
                compare(command, entry.below.iter().collect());
            }
        }
        compare(&crate::help::definition(80), entries().collect());
    }

    #[test]
    fn every_example_is_a_right_command_line() {
        let all =
            entries().flat_map(|entry| [entry].into_iter().chain(entry.below)).flat_map(|entry| {
                assert!(!entry.examples.is_empty(), "{} has no example", entry.name);
                entry.examples
            });
        for Example { line, .. } in all.chain(EXAMPLES) {
            // What the shell would keep for itself is not ours to read.
            let ours = line.split([';', '>', '|', '<']).next().unwrap();
            let words = words(ours).into_iter().skip_while(|word| word != "highroad");
            CommandLine::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    /// As a shell splits a line: what stands in single quotes is one word.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(place, part)| match place % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        words.collect()
    }
}
