//! A wrong command line, told in our own words with the nearest right one.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::database::without_secrets;
use crate::error::Error;
use crate::exit::Exit;

pub(crate) fn error(error: &clap::Error) -> Error {
    let problem = Problem(error);
    Error::new(Exit::Usage, problem.message()).hint(problem.hint())
}

struct Problem<'a>(&'a clap::Error);

impl Problem<'_> {
    fn message(&self) -> String {
        let shown = |kind| without_secrets(&self.one(kind).unwrap_or_default());
        let argument = bare(&shown(ContextKind::InvalidArg));
        let value = shown(ContextKind::InvalidValue);
        match self.0.kind() {
            ErrorKind::InvalidSubcommand => {
                let word = shown(ContextKind::InvalidSubcommand);
                format!("there is no command '{word}'")
            }
            ErrorKind::MissingSubcommand => "no command given".to_owned(),
            ErrorKind::UnknownArgument if argument.starts_with('-') => {
                format!("there is no option '{argument}' here")
            }
            ErrorKind::UnknownArgument => format!("'{argument}' is one word too many"),
            ErrorKind::InvalidValue if value.is_empty() => format!("{argument} needs a value"),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                format!("'{value}' is no value for {argument}")
            }
            ErrorKind::MissingRequiredArgument => {
                let missing = self.several(ContextKind::InvalidArg);
                format!("{} is missing", bare(&missing.join(" and ")))
            }
            ErrorKind::ArgumentConflict => {
                let others = bare(&self.several(ContextKind::PriorArg).join(" or "));
                if others == argument {
                    format!("{argument} can be given only once")
                } else {
                    format!("{argument} cannot be given together with {others}")
                }
            }
            _ => self.in_the_words_of_clap(),
        }
    }

    fn hint(&self) -> String {
        let nearest = [
            ContextKind::SuggestedSubcommand,
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
        ];
        // What our own readers of values say names the right form by itself.
        if let Some(expected) =
            self.0.source().filter(|_| self.0.kind() == ErrorKind::ValueValidation)
        {
            return expected.to_string();
        }
        let nearest = nearest.into_iter().find_map(|kind| self.one(kind));
        let possible = self.several(ContextKind::ValidValue);
        let page = self.page();
        match nearest {
            Some(word) if !possible.is_empty() => {
                format!("did you mean '{word}'? it can be {}", possible.join(", "))
            }
            Some(word) => format!("did you mean '{word}'? '{page}' shows all there is"),
            None if !possible.is_empty() => format!("it can be {}", possible.join(", ")),
            None => format!("'{page}' shows how it is used"),
        }
    }

    /// The help page of the command that was being read when the words went wrong.
    fn page(&self) -> String {
        let usage = self.one(ContextKind::Usage).unwrap_or_default();
        let words = usage.trim_start_matches("Usage:").split_whitespace();
        let path: Vec<_> = words
            .take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
            .collect();
        format!("{} --help", if path.is_empty() { "highroad".to_owned() } else { path.join(" ") })
    }

    fn one(&self, kind: ContextKind) -> Option<String> {
        match self.0.get(kind)? {
            ContextValue::String(word) => Some(word.clone()),
            // The best suggestion comes last.
            ContextValue::Strings(words) => words.last().cloned(),
            ContextValue::StyledStr(text) => Some(text.to_string()),
            _ => None,
        }
    }

    fn several(&self, kind: ContextKind) -> Vec<String> {
        match self.0.get(kind) {
            Some(ContextValue::String(word)) => vec![word.clone()],
            Some(ContextValue::Strings(words)) => words.clone(),
            _ => Vec::new(),
        }
    }

    fn in_the_words_of_clap(&self) -> String {
        let text = self.0.render().to_string();
        let line = text.lines().next().unwrap_or_default();
        let words = line.strip_prefix("error: ").unwrap_or(line).split(' ').map(without_secrets);
        words.collect::<Vec<_>>().join(" ")
    }
}

/// `--color WHEN`, as the help pages write it.
fn bare(argument: &str) -> String {
    argument.replace(['<', '>'], "")
}
