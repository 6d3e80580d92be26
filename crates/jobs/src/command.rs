//! Workflow commands: what a step says to its worker, in its output and in files.

pub mod files;
mod matcher;
mod reader;
mod written;

use model::pipeline::{Annotation, Level};

pub(crate) use matcher::Matching;
pub use matcher::{MatcherError, Matchers};
pub(crate) use reader::Reader;

/// What a line of output told the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    AddMask(String),
    Debug(String),
    Annotation(Annotation),
    Group(String),
    EndGroup,
    AddMatcher {
        path: String,
    },
    RemoveMatcher {
        owner: Option<String>,
        path: Option<String>,
    },
    Echo(bool),
    SetOutput {
        name: String,
        value: String,
    },
    SaveState {
        name: String,
        value: String,
    },
    SetEnv {
        name: String,
        value: String,
    },
    AddPath(String),
    StopCommands,
    ResumeCommands,
    /// What is wrong with a command that cannot be obeyed. On GitHub it makes the step fail.
    Wrong(String),
    /// What is odd about a command that says nothing. On GitHub it is a warning.
    Odd(String),
}

/// What the log shows in place of a command's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Hidden,
    AsIs,
    Line(String),
}

impl Command {
    /// What GitHub's log shows for it, where a job is debugged and where commands are echoed.
    pub fn shown(&self, debug: bool, echo: bool) -> Shown {
        match self {
            Self::Debug(_) if !debug => Shown::Hidden,
            Self::Debug(message) => tagged("debug", message),
            Self::Annotation(annotation) => tagged(tag(annotation.level), &annotation.message),
            Self::Group(title) => tagged("group", title),
            Self::EndGroup => tagged("endgroup", ""),
            Self::StopCommands | Self::ResumeCommands => Shown::AsIs,
            Self::Wrong(why) => tagged("error", why),
            Self::Odd(why) => tagged("warning", why),
            Self::AddMask(_) if echo => Shown::Line("::add-mask::***".to_owned()),
            Self::AddMask(_) => Shown::Hidden,
            _ if echo => Shown::AsIs,
            _ => Shown::Hidden,
        }
    }
}

fn tagged(tag: &str, message: &str) -> Shown {
    Shown::Line(format!("##[{tag}]{message}"))
}

pub(crate) fn tag(level: Level) -> &'static str {
    match level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_what_people_read() {
        let line = |text: &str| Shown::Line(text.to_owned());
        let debug = Command::Debug("x=1".to_owned());
        assert_eq!(debug.shown(false, true), Shown::Hidden);
        assert_eq!(debug.shown(true, false), line("##[debug]x=1"));
        assert_eq!(Command::Group("Build".to_owned()).shown(false, false), line("##[group]Build"));
        assert_eq!(Command::EndGroup.shown(false, false), line("##[endgroup]"));
        let mask = Command::AddMask("hunter2".to_owned());
        assert_eq!(mask.shown(true, true), line("::add-mask::***"));
        assert_eq!(mask.shown(true, false), Shown::Hidden);
        let output = Command::SetOutput { name: "a".to_owned(), value: "b".to_owned() };
        assert_eq!(output.shown(false, false), Shown::Hidden);
        assert_eq!(output.shown(false, true), Shown::AsIs);
        assert_eq!(Command::StopCommands.shown(false, false), Shown::AsIs);
    }
}
