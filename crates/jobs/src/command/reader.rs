//! Reading commands out of lines.

use super::Command;
use super::written::Written;

/// Reads the commands in one step's output, and knows whether it has been told not to.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The word at which commands are read again.
    until: Option<String>,
}

impl Reader {
    /// Whether a line is worth reading. Almost none is, and this is all that they cost.
    pub(crate) fn is_candidate(line: &[u8]) -> bool {
        let first = line.iter().position(|byte| *byte != b' ' && *byte != b'\t');
        first.is_some_and(|at| line[at..].starts_with(b"::") || line[at..].starts_with(b"##["))
    }

    /// The command that a line is, if it is one.
    pub(crate) fn read(&mut self, line: &str) -> Option<Command> {
        let line = line.trim_start();
        if let Some(token) = &self.until {
            let written = Written::new(line)?;
            let resumes = written.name.eq_ignore_ascii_case(token);
            return resumes.then(|| {
                self.until = None;
                Command::ResumeCommands
            });
        }
        let written = Written::new(line)?;
        let name = written.name.to_ascii_lowercase();
        if name == "stop-commands" {
            if is_unfit_token(&written.data) {
                return Some(Command::Wrong(format!(
                    "stop-commands needs a word of its own to resume at, and '{}' is none",
                    written.data
                )));
            }
            self.until = Some(written.data);
            return Some(Command::StopCommands);
        }
        written.command(&name)
    }
}

/// The names of all commands.
const NAMES: [&str; 16] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
    "internal-set-repo-path",
];

fn is_unfit_token(token: &str) -> bool {
    token.is_empty()
        || token.eq_ignore_ascii_case("pause-logging")
        || NAMES.iter().any(|name| token.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use model::pipeline::{Annotation, Level};

    use super::*;

    fn read(line: &str) -> Option<Command> {
        let mut reader = Reader::default();
        assert!(reader.until.is_none());
        Reader::is_candidate(line.as_bytes()).then(|| reader.read(line)).flatten()
    }

    fn annotation(line: &str) -> Annotation {
        match read(line) {
            Some(Command::Annotation(annotation)) => annotation,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn lines_that_are_no_commands_are_output() {
        for line in [
            "",
            "hello",
            "a ::group::x",
            "::",
            "::group",
            "::unknown::x",
            "::group:x",
            ":: group::x",
            "##[]x",
            "##[group x",
            "##[section]x",
            "## [group]x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn commands_are_read_in_both_notations() {
        let group = Some(Command::Group("Build it".to_owned()));
        for line in [
            "::group::Build it",
            "  ::GROUP::Build it",
            "##[group]Build it",
            "\t##[group a=b]Build it",
        ] {
            assert_eq!(read(line), group, "{line}");
        }
        assert_eq!(read("::endgroup::"), Some(Command::EndGroup));
        assert_eq!(read("::add-mask::a%25b%0Ac"), Some(Command::AddMask("a%b\nc".to_owned())));
        let output = |name: &str, value: &str| {
            Some(Command::SetOutput { name: name.to_owned(), value: value.to_owned() })
        };
        assert_eq!(read("::set-output name=a::b::c"), output("a", "b::c"));
        assert_eq!(read("::set-output name=a%2Cb%3A%25::"), output("a,b:%", ""));
        assert_eq!(read("##[set-output name=a%3B%5D]b%5D"), output("a;]", "b]"));
        let state = Command::SaveState { name: "pid".to_owned(), value: "%0".to_owned() };
        assert_eq!(read("::save-state name=pid::%0"), Some(state));
        assert_eq!(read("::echo::ON"), Some(Command::Echo(true)));
        assert_eq!(read("::debug::"), Some(Command::Debug(String::new())));
        let matcher = Command::RemoveMatcher { owner: Some("tsc".to_owned()), path: None };
        assert_eq!(read("::remove-matcher owner=tsc::"), Some(matcher));
    }

    /// `%253A` is an escaped `%3A`, whatever order the escapes are looked for in.
    #[test]
    fn nothing_is_unescaped_twice() {
        assert_eq!(read("::debug::%250A"), Some(Command::Debug("%0A".to_owned())));
        assert_eq!(read("::debug::100%"), Some(Command::Debug("100%".to_owned())));
        assert_eq!(read("::debug::%3A%é"), Some(Command::Debug("%3A%é".to_owned())));
    }

    #[test]
    fn annotations_know_their_place() {
        let found = annotation(
            "::error file=src/a%2Cb.rs,line=3,endLine=3,col=7,endColumn=9,title=It%3A bad::no%0Agood",
        );
        assert_eq!(
            found,
            Annotation {
                level: Level::Error,
                message: "no\ngood".to_owned(),
                title: Some("It: bad".to_owned()),
                file: Some("src/a,b.rs".to_owned()),
                line: Some(3),
                end_line: Some(3),
                column: Some(7),
                end_column: Some(9),
            }
        );
        assert_eq!(annotation("::warning::x").level, Level::Warning);
        assert_eq!(annotation("##[notice file=a;line=1]x").line, Some(1));
    }

    #[test]
    fn places_that_contradict_themselves_are_left_out() {
        let place = |properties: &str| {
            let found = annotation(&format!("::error {properties}::x"));
            (found.line, found.end_line, found.column, found.end_column)
        };
        assert_eq!(place("endLine=4"), (Some(4), Some(4), None, None));
        assert_eq!(place("line=4,endColumn=2"), (Some(4), None, Some(2), Some(2)));
        assert_eq!(place("col=2"), (None, None, None, None));
        assert_eq!(place("line=1,endLine=2,col=3"), (Some(1), Some(2), None, None));
        assert_eq!(place("line=2,endLine=1"), (None, None, None, None));
        assert_eq!(place("line=2,col=5,endColumn=4"), (Some(2), None, None, None));
        assert_eq!(place("line=-1"), (None, None, None, None));
        assert_eq!(place("line=99999999999"), (None, None, None, None));
    }

    #[test]
    fn stopped_commands_are_output_until_the_word() {
        let mut reader = Reader::default();
        assert_eq!(reader.read("::stop-commands::se5am"), Some(Command::StopCommands));
        for line in ["::group::x", "::stop-commands::y", "::other::", "::se5am", "hello"] {
            assert_eq!(reader.read(line), None, "{line}");
        }
        assert_eq!(reader.read("  ::SE5AM::"), Some(Command::ResumeCommands));
        assert_eq!(reader.read("::endgroup::"), Some(Command::EndGroup));
        assert_eq!(reader.read("::se5am::"), None);
    }

    #[test]
    fn commands_that_cannot_be_obeyed_say_why() {
        let wrong = |line: &str, why: &str| match read(line) {
            Some(Command::Wrong(message)) => assert!(message.contains(why), "{message}"),
            other => panic!("{line}: {other:?}"),
        };
        wrong("::set-output::x", "set-output needs a name");
        wrong("::set-output name=::x", "set-output needs a name");
        wrong("::stop-commands::", "a word of its own");
        wrong("::stop-commands::Add-Mask", "'Add-Mask' is none");
        wrong("::echo::loud", "not 'loud'");
        for line in [
            "::add-mask:: ",
            "::add-matcher::",
            "::remove-matcher::",
            "::remove-matcher owner=a::b",
        ] {
            assert!(matches!(read(line), Some(Command::Odd(_))), "{line}");
        }
    }
}
