//! What goes wrong, as it is told at the edge: a kind, a message, its causes, a hint, an exit code.

use std::io;

use ports::depot::{DepotError, DepotErrorKind};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::terminal::{Paint, wrap};

/// A failure on its way to the terminal. Its kind *is* its exit code, so the two never disagree.
#[derive(Debug)]
pub(crate) struct Error {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl From<DepotError> for Error {
    fn from(error: DepotError) -> Self {
        let exit = match error.kind {
            DepotErrorKind::Invalid => Exit::Usage,
            _ => Exit::Store,
        };
        let cause = error.source.as_ref().map(ToString::to_string);
        let told = Self::new(exit, error.what);
        cause.into_iter().fold(told, Self::caused_by)
    }
}

impl Error {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn io(message: impl Into<String>, cause: &io::Error) -> Self {
        Self::new(Exit::Io, message).caused_by(plain(cause))
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// With everything that an error comes of, but not the error itself.
    pub(crate) fn caused_like(self, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        causes.fold(self, |told, cause| told.caused_by(plain(cause)))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// For a place that has one line: the message, why, and the mend.
    pub(crate) fn in_one_line(&self) -> String {
        let parts = [&self.message].into_iter().chain(&self.causes);
        let mut line = parts.map(String::as_str).collect::<Vec<_>>().join(": ");
        if let Some(hint) = &self.hint {
            line.push_str("; ");
            line.push_str(hint);
        }
        line
    }

    /// In one line, with its causes.
    pub(crate) fn told(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes);
        parts.map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// For people. `width` is `None` where lines must not be folded, as in a pipe.
    pub(crate) fn human(&self, paint: Paint, width: Option<usize>) -> String {
        let mut text = String::new();
        let mut line = |label: &str, painted: String, words: &str| {
            text.push_str(&painted);
            text.push_str(&wrap(words, width, label.len()));
            text.push('\n');
        };
        line("error: ", paint.error("error: "), &self.message);
        for cause in &self.causes {
            line("  caused by: ", paint.faint("  caused by: "), cause);
        }
        if let Some(hint) = &self.hint {
            line("hint: ", paint.accent("hint: "), hint);
        }
        text
    }

    /// For programs.
    pub(crate) fn machine(&self) -> Value {
        json!({ "error": {
            "kind": self.exit.word(),
            "message": self.message,
            "causes": self.causes,
            "hint": self.hint,
            "exit": self.exit.code(),
        }})
    }
}

/// The words of the operating system or of a library, without the number and as a fragment:
/// `permission denied`.
pub(crate) fn plain(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> Error {
        let cause = io::Error::from_raw_os_error(13);
        Error::io("cannot read 'a/highroad.yaml'", &cause).hint("chmod +r a/highroad.yaml")
    }

    #[test]
    fn a_person_reads_message_cause_and_hint() {
        assert_eq!(
            denied().human(Paint::PLAIN, None),
            "error: cannot read 'a/highroad.yaml'\n  caused by: permission denied\n\
             hint: chmod +r a/highroad.yaml\n"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_hanging_lines() {
        let error = Error::new(Exit::Refused, "one two three four").hint("five six seven eight");
        assert_eq!(
            error.human(Paint::PLAIN, Some(20)),
            "error: one two three\n       four\nhint: five six seven\n      eight\n"
        );
    }

    #[test]
    fn a_program_reads_the_same() {
        assert_eq!(
            denied().machine().to_string(),
            r#"{"error":{"kind":"io","message":"cannot read 'a/highroad.yaml'","causes":["permission denied"],"hint":"chmod +r a/highroad.yaml","exit":74}}"#
        );
    }
}
