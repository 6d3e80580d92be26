//! `highroad token`: by what programs show the server who they are.

use jiff::tz::TimeZone;
use model::fact::ActorName;
use ports::clock::Clock as _;
use ports::tokens::{Scope, TokensError};
use serde_json::json;
use store::tokens::{Listed, TokenFile};

use super::{Entry, Example};
use crate::command_line::Global;
use crate::error::{Error, plain};
use crate::exit::Exit;
use crate::help::{self, Row};
use crate::terminal::Terminal;
use crate::wire;

/// Give programs a way to show the server who they are
///
/// A token is shown once, when it is made; only its hash is kept. What it is good for is said then:
/// to run things, as people do, or to take jobs, as runners do. A running server sees new and
/// revoked tokens at once.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Token {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token, and show it this once
#[derive(Debug, clap::Args)]
struct Create {
    /// Whose it is: it stands in the journal beside what is done with it
    #[arg(value_name = "NAME", value_parser = name)]
    name: ActorName,

    /// What it is good for
    #[arg(long = "for", value_name = "USE", value_enum)]
    purpose: Use,
}

/// List the tokens, never what they are
#[derive(Debug, clap::Args)]
struct List {}

/// Make a token useless
#[derive(Debug, clap::Args)]
struct Revoke {
    #[arg(value_name = "NAME", value_parser = name)]
    name: ActorName,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Use {
    /// To begin runs, look at them and tell them things
    Operator,
    /// To take jobs and report on them
    Runner,
}

const EXAMPLES: &[Example] = &[
    Example { line: "highroad token create build-1 --for runner", does: "a token for a runner" },
    Example { line: "highroad token list", does: "whose tokens there are" },
];

pub(super) const ENTRY: Entry = Entry {
    name: "token",
    examples: EXAMPLES,
    below: &[
        Entry::new(
            "create",
            &[Example {
                line: "highroad token create ada --for operator",
                does: "let ada's programs begin runs on the server",
            }],
        ),
        Entry::new(
            "list",
            &[Example { line: "highroad token list --json", does: "for a program" }],
        ),
        Entry::new(
            "revoke",
            &[Example { line: "highroad token revoke build-1", does: "from this moment on" }],
        ),
    ],
};

impl Token {
    pub(super) fn run(self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        let tokens = wire::tokens(&global.data()?);
        match self.part {
            Part::Create(create) => create.run(&tokens, terminal),
            Part::List(List {}) => list(&tokens, terminal),
            Part::Revoke(Revoke { name }) => {
                if tokens.revoke(&name).map_err(|failure| told(&failure))? {
                    return Ok(Exit::Success);
                }
                Err(Error::new(Exit::NotFound, format!("{name} has no token"))
                    .hint("highroad token list shows who has one"))
            }
        }
    }
}

impl Create {
    fn run(self, tokens: &TokenFile, terminal: &mut Terminal) -> Result<Exit, Error> {
        let scope = match self.purpose {
            Use::Operator => Scope::Operator,
            Use::Runner => Scope::Runner,
        };
        let Self { name, .. } = self;
        let made = tokens.create(name.clone(), scope, wire::clock().now(), wire::random());
        let made = made.map_err(|failure| told(&failure))?;
        let Some(token) = made else {
            return Err(Error::new(Exit::Refused, format!("{name} has a token already"))
                .hint("revoke it first, or give the new one a name of its own"));
        };
        if terminal.json() {
            terminal.print_json(&json!({ "name": name.to_string(), "token": token }))?;
        } else {
            terminal.print(&format!("{token}\n"))?;
            terminal.note("keep it where only its user can read it: it is not shown again");
        }
        Ok(Exit::Success)
    }
}

fn list(tokens: &TokenFile, terminal: &mut Terminal) -> Result<Exit, Error> {
    let listed = tokens.list().map_err(|failure| told(&failure))?;
    if terminal.json() {
        let machine = |Listed { name, may, made_at }: &Listed| json!({ "name": name.to_string(), "for": may.word(), "made_at": made_at });
        let listed: Vec<_> = listed.iter().map(machine).collect();
        terminal.print_json(&json!({ "tokens": listed }))?;
    } else if listed.is_empty() {
        terminal.note("there are no tokens");
    } else {
        let zone = TimeZone::system();
        let rows: Vec<Row> = listed
            .iter()
            .map(|Listed { name, may, made_at }| {
                let made_at = made_at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M");
                Row::new(name.to_string(), format!("for {}s, made {made_at}", may.word()))
            })
            .collect();
        let width = terminal.columns().unwrap_or(usize::MAX);
        terminal.print(&(help::table("tokens", &rows, width, terminal.paint()) + "\n"))?;
    }
    Ok(Exit::Success)
}

fn name(text: &str) -> Result<ActorName, String> {
    ActorName::new(text)
        .ok_or_else(|| "a name has 1 to 128 bytes, and no control characters".to_owned())
}

fn told(failure: &TokensError) -> Error {
    let error = Error::new(Exit::Io, &failure.what);
    match &failure.cause {
        Some(cause) => error.caused_by(plain(cause)),
        None => error.caused_by("it does not look like a file of tokens"),
    }
}
