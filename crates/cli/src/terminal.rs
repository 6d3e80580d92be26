//! The terminal: what it can show, and the one way in which commands write to it.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::builder::styling::{AnsiColor, Style};
use model::source;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::Error;
use crate::sign::Sign;

/// Help and prose are not set wider than this: longer lines are hard to read.
const WIDEST: usize = 100;
const USUAL: usize = 80;
const NARROWEST: usize = 40;
/// What is written at once.
const BUFFER: usize = 64 << 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// Where the terminal can show it.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    Never,
}

/// What the command line says about the form of the output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) color: Color,
    pub(crate) json: bool,
}

#[derive(Debug)]
pub(crate) struct Terminal {
    wishes: Wishes,
    /// Of the terminal that is standard output, if it is one.
    columns: Option<usize>,
    width: usize,
    out: BufWriter<Stdout>,
    reader_left: bool,
    /// A line on standard error that says how far things are.
    has_progress: bool,
    /// How many lines at the end of standard output are shown for the moment only.
    passing: usize,
}

impl Terminal {
    pub(crate) fn of_this_process(wishes: Wishes) -> Self {
        let out = io::stdout();
        let measured = terminal_size::terminal_size_of(&out);
        let told = columns(measured, std::env::var_os("COLUMNS"));
        Self {
            wishes,
            columns: columns(measured, None),
            width: told.unwrap_or(USUAL).clamp(NARROWEST, WIDEST),
            out: BufWriter::with_capacity(BUFFER, out),
            reader_left: false,
            has_progress: false,
            passing: 0,
        }
    }

    pub(crate) fn obey(&mut self, wishes: Wishes) {
        self.wishes = wishes;
    }

    pub(crate) fn json(&self) -> bool {
        self.wishes.json
    }

    /// How to paint what goes to standard output.
    pub(crate) fn paint(&self) -> Paint {
        Paint(colored(self.wishes.color, io::stdout().is_terminal(), |name| std::env::var_os(name)))
    }

    /// The columns for prose on standard output, within reason.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The columns of the terminal. Nothing is folded or cut where there is none.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Writes to standard output. A reader that has left, as `head` does, is no failure: the
    /// command goes on to its own end in silence.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        let outcome = self.erase_passing().and_then(|()| self.out.write_all(text.as_bytes()));
        self.noticing_the_reader(outcome)
    }

    /// Whether lines can be shown for the moment and be taken back.
    pub(crate) fn can_show_passing(&self) -> bool {
        let can_erase = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        !self.json() && can_erase && io::stdout().is_terminal()
    }

    /// Shows lines below everything that was printed, in place of those shown before. They must not
    /// be wider than the terminal.
    pub(crate) fn show_passing(&mut self, lines: &[String]) -> Result<(), Error> {
        let outcome = self.erase_passing().and_then(|()| {
            for line in lines {
                writeln!(self.out, "{line}")?;
            }
            self.out.flush()
        });
        self.passing = lines.len();
        self.noticing_the_reader(outcome)
    }

    fn erase_passing(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.passing) {
            0 => Ok(()),
            lines => write!(self.out, "\u{1b}[{lines}A\u{1b}[J"),
        }
    }

    /// How many lines the terminal shows at once, if it is one.
    pub(crate) fn rows(&self) -> Option<usize> {
        terminal_size::terminal_size_of(self.out.get_ref()).map(|(_, height)| usize::from(height.0))
    }

    pub(crate) fn print_json(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).expect("our own values have string keys");
        self.print(&text)?;
        self.print("\n")
    }

    /// Lets the reader have what was printed until now.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let outcome = self.out.flush();
        self.noticing_the_reader(outcome)
    }

    /// Whether nobody reads standard output any more. A command with much to print, or one that
    /// waits for more, asks now and then and ends.
    pub(crate) fn reader_has_left(&mut self) -> bool {
        let at_once = Timespec::default();
        let out = self.out.get_ref();
        let mut standard_output = [PollFd::new(out, PollFlags::empty())];
        let looked = poll(&mut standard_output, Some(&at_once));
        // A pipe without a reader has an error; a terminal or socket that is gone has hung up.
        let gone = PollFlags::ERR | PollFlags::HUP;
        self.reader_left |= looked.is_ok() && standard_output[0].revents().intersects(gone);
        self.reader_left
    }

    /// Tells a person something in passing, on standard error.
    pub(crate) fn note(&mut self, words: &str) {
        if !self.json() {
            let _ = self.out.flush();
            let _ = writeln!(io::stderr(), "{words}");
        }
    }

    /// Shows a person who waits how far things are, in a line that vanishes again.
    pub(crate) fn progress(&mut self, words: &str) {
        let mut stream = io::stderr();
        let can_erase = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        if !self.json() && stream.is_terminal() && can_erase {
            let _ = write!(stream, "\r{words}\u{1b}[K");
            self.has_progress = true;
        }
    }

    pub(crate) fn end_progress(&mut self) {
        if std::mem::take(&mut self.has_progress) {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }

    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.end_progress();
        self.flush()
    }

    /// Tells an error on standard error, after what standard output already has.
    pub(crate) fn complain(&mut self, error: &Error) {
        self.end_progress();
        // A second failure could not be told anywhere; the first one is the news.
        let _ = self.out.flush();
        let mut stream = io::stderr();
        let terminal = stream.is_terminal();
        let text = if self.json() {
            format!("{}\n", error.machine())
        } else {
            let paint = colored(self.wishes.color, terminal, |name| std::env::var_os(name));
            let width = columns(terminal_size::terminal_size_of(&stream), None);
            error.human(Paint(paint), width.map(|width| width.clamp(NARROWEST, WIDEST)))
        };
        let _ = stream.write_all(text.as_bytes());
    }

    fn noticing_the_reader(&mut self, outcome: io::Result<()>) -> Result<(), Error> {
        match outcome {
            _ if self.reader_left => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_left = true;
                Ok(())
            }
            other => other.map_err(|error| Error::io("cannot write to standard output", &error)),
        }
    }
}

/// Colours by what they mean. Plain paint leaves the words as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    pub(crate) const PLAIN: Self = Self(false);
    pub(crate) const COLORED: Self = Self(true);

    pub(crate) fn is_colored(self) -> bool {
        self.0
    }

    pub(crate) fn heading(self, text: &str) -> String {
        self.with(HEADING, text)
    }

    /// What the reader can type, and what is well: guide green.
    pub(crate) fn accent(self, text: &str) -> String {
        self.with(ACCENT, text)
    }

    pub(crate) fn caution(self, text: &str) -> String {
        self.with(CAUTION, text)
    }

    pub(crate) fn error(self, text: &str) -> String {
        self.with(ERROR, text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.with(FAINT, text)
    }

    /// A sign's shape or its word, in its colour.
    pub(crate) fn sign(self, sign: Sign, text: &str) -> String {
        self.with(sign.style(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

impl From<Paint> for source::Paint {
    fn from(paint: Paint) -> Self {
        if paint.0 { Self::Ansi } else { Self::Plain }
    }
}

const HEADING: Style = Style::new().bold();
const ACCENT: Style = AnsiColor::Green.on_default();
const CAUTION: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Folds at spaces so that no line passes `width`, if there is one; later lines start under
/// column `indent`, where the first one is taken to have begun.
pub(crate) fn wrap(words: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else { return words.to_owned() };
    let mut text = String::new();
    let mut column = indent;
    for word in words.split(' ') {
        let length = word.chars().count();
        if text.is_empty() {
            // The first word has nowhere else to go.
        } else if column + 1 + length > width {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

fn colored(color: Color, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR").is_some() => false,
        Color::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto => is_terminal && set("TERM").is_some_and(|value| value != "dumb"),
    }
}

fn columns(
    measured: Option<(terminal_size::Width, terminal_size::Height)>,
    told: Option<OsString>,
) -> Option<usize> {
    let told = told.and_then(|value| value.to_str()?.parse::<usize>().ok());
    // Some pseudo-terminals say that they are nought wide.
    measured.map(|(width, _)| usize::from(width.0)).or(told).filter(|width| *width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_flag_then_the_conventions_then_the_terminal() {
        let with = |color, terminal, variables: &[(&str, &str)]| {
            colored(color, terminal, |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
            })
        };
        let term = ("TERM", "xterm");
        assert!(with(Color::Auto, true, &[term]));
        assert!(!with(Color::Auto, false, &[term]));
        assert!(!with(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(!with(Color::Auto, true, &[]));
        assert!(!with(Color::Auto, true, &[term, ("NO_COLOR", "1")]));
        assert!(with(Color::Auto, true, &[term, ("NO_COLOR", "")]));
        assert!(with(Color::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!with(Color::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!with(Color::Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(with(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!with(Color::Never, true, &[term, ("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn folding_keeps_every_word() {
        assert_eq!(wrap("one two three", Some(9), 2), "one two\n  three");
        assert_eq!(wrap("a-very-long-word b", Some(5), 0), "a-very-long-word\nb");
        assert_eq!(wrap("as it is", None, 4), "as it is");
        assert_eq!(wrap("", Some(10), 4), "");
    }
}
