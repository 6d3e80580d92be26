//! The exit codes, all of them, and what each one means.

use std::process::ExitCode;

/// How a command ended. Scripts depend on the numbers: a new meaning gets a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Findings = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Store = 5,
    Bug = 70,
    Io = 74,
    Interrupted = 130,
}

impl Exit {
    pub(crate) const ALL: [Self; 9] = [
        Self::Success,
        Self::Findings,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Store,
        Self::Bug,
        Self::Io,
        Self::Interrupted,
    ];

    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The word for this code in machine-readable errors.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Findings => "findings",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Store => "store",
            Self::Bug => "bug",
            Self::Io => "io",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Success => "it worked",
            Self::Findings => {
                "there are findings, in your files or in the journal, or a run did not succeed"
            }
            Self::Usage => "the command line is wrong",
            Self::NotFound => "the thing named is not there",
            Self::Refused => "refused, by the state of things or by policy",
            Self::Store => "the store cannot be used: locked, newer, damaged, full or out of reach",
            Self::Bug => "a bug in Highroad; the message says how to report it",
            Self::Io => "a file or stream cannot be read or written",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
