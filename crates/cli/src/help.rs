//! How the help pages are set: groups of commands, options, examples, at any width.
//!
//! Clap's own layout gives every option two lines and a blank one as soon as there is more than a
//! line to say. These pages keep one row each, and are the same for `-h` and `--help`.

use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::command::{self, Example};
use crate::command_line::{CommandLine, GLOBAL_OPTIONS};
use crate::terminal::{Paint, wrap};

/// The whole command line as clap knows it, with pages for reading at `width` columns. Completions
/// and manual pages are made from the same definition.
pub(crate) fn definition(width: usize) -> Command {
    let mut root = own_options(CommandLine::command());
    root.build();
    let front = Page { width }.front(&mut root);
    root = root.override_help(front);
    with_pages(root, command::entries(), width)
}

fn with_pages<'a>(
    command: Command,
    entries: impl Iterator<Item = &'a command::Entry>,
    width: usize,
) -> Command {
    entries.fold(command, |command, entry| {
        command.mut_subcommand(entry.name, |mut command| {
            let page = Page { width }.command(&mut command, entry.examples);
            with_pages(command, entry.below.iter(), width).override_help(page)
        })
    })
}

/// Clap's own words for `--help` point to a longer page, which is not there.
fn own_options(command: Command) -> Command {
    let option = |name, short, help| {
        let option = Arg::new(name).short(short).long(name).help(help);
        option.help_heading(GLOBAL_OPTIONS)
    };
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(option("help", 'h', "Print help").action(ArgAction::Help).global(true))
        .arg(option("version", 'V', "Print the version").action(ArgAction::Version))
}

pub(crate) fn text(page: &StyledStr, paint: Paint) -> String {
    let text = page.ansi().to_string();
    let text = if paint.is_colored() { text } else { page.to_string() };
    // Clap ends some texts with a line break and some not.
    format!("{}\n", text.trim_end())
}

/// A heading and its rows, one below the other.
pub(crate) fn table(heading: &str, table: &[Row], width: usize, paint: Paint) -> String {
    let lines: Vec<_> =
        [paint.heading(heading)].into_iter().chain(rows(table, width, paint)).collect();
    lines.join("\n")
}

/// Rows of a term and what it means, folded in its own column.
pub(crate) fn rows(rows: &[Row], width: usize, paint: Paint) -> impl Iterator<Item = String> {
    let column = column(rows);
    rows.iter().map(move |row| row.line(column, width, paint))
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    term: String,
    meaning: String,
}

impl Row {
    pub(crate) fn new(term: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { term: term.into(), meaning: meaning.into() }
    }

    fn line(&self, column: usize, width: usize, paint: Paint) -> String {
        let length = self.term.chars().count();
        let indent = 2 + column + 2;
        let term = paint.accent(&self.term);
        let meaning = wrap(&self.meaning, Some(width), indent);
        if length > column {
            // A long term has a line of its own, so that it does not squeeze all the others.
            return format!("  {term}\n{:indent$}{meaning}", "");
        }
        let gap = column - length + 2;
        format!("  {term}{:gap$}{meaning}", "")
    }
}

/// The widest term that leaves room for what is said about it.
fn column(rows: &[Row]) -> usize {
    const WIDEST: usize = 24;
    let lengths = rows.iter().map(|row| row.term.chars().count());
    lengths.filter(|length| *length <= WIDEST).max().unwrap_or(4)
}

struct Page {
    width: usize,
}

impl Page {
    fn front(&self, root: &mut Command) -> StyledStr {
        let row = |entry: &command::Entry| {
            command_row(root.find_subcommand(entry.name).expect("every entry is a command"))
        };
        let groups = command::GROUPS.iter().map(|group| {
            let rows = group.commands.iter().map(row).collect::<Vec<_>>();
            (group.title, rows)
        });
        let groups: Vec<_> = groups.collect();
        // One column for all groups: the page is one list with pauses.
        let all: Vec<_> = groups.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let column = column(&all);
        let mut parts = vec![self.prose(root), usage(root)];
        parts.extend(groups.into_iter().map(|(title, rows)| {
            let rows = rows.iter().map(|row| row.line(column, self.width, Paint::COLORED));
            let heading = Paint::COLORED.heading(title);
            [heading].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
        }));
        parts.extend(self.options(root));
        parts.push(self.examples(command::EXAMPLES));
        parts.join("\n\n").into()
    }

    fn command(&self, command: &mut Command, examples: &[Example]) -> StyledStr {
        let mut parts = vec![self.prose(command), usage(command)];
        let positionals: Vec<_> =
            command.get_positionals().filter(|it| !it.is_hide_set()).map(row).collect();
        if !positionals.is_empty() {
            parts.push(table("Arguments", &positionals, self.width, Paint::COLORED));
        }
        let below: Vec<_> = command.get_subcommands().map(command_row).collect();
        if !below.is_empty() {
            parts.push(table("Commands", &below, self.width, Paint::COLORED));
        }
        parts.extend(self.options(command));
        parts.push(self.examples(examples));
        parts.join("\n\n").into()
    }

    /// The options, the command's own ones first.
    fn options(&self, command: &Command) -> Vec<String> {
        let options = command.get_arguments().filter(|it| !it.is_positional());
        let global = |it: &&Arg| it.get_help_heading() == Some(GLOBAL_OPTIONS);
        let (global, own): (Vec<_>, Vec<_>) = options.partition(global);
        let tables = [("Options", own), (GLOBAL_OPTIONS, global)];
        let filled = tables.into_iter().filter(|(_, options)| !options.is_empty());
        filled
            .map(|(heading, options)| {
                let rows: Vec<_> = options.into_iter().map(row).collect();
                table(heading, &rows, self.width, Paint::COLORED)
            })
            .collect()
    }

    fn examples(&self, examples: &[Example]) -> String {
        let mut lines = vec![Paint::COLORED.heading("Examples")];
        for example in examples {
            lines.push(format!("  {}", Paint::COLORED.accent(example.line)));
            lines.push(format!("      {}", wrap(example.does, Some(self.width), 6)));
        }
        lines.join("\n")
    }

    /// What the command is about: paragraphs are folded, indented lines stay as they are.
    fn prose(&self, command: &Command) -> String {
        let about = command.get_long_about().or(command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        let paragraphs = about.split("\n\n").map(|paragraph| {
            if paragraph.starts_with(' ') {
                paragraph.to_owned()
            } else {
                wrap(&paragraph.replace('\n', " "), Some(self.width), 0)
            }
        });
        paragraphs.collect::<Vec<_>>().join("\n\n")
    }
}

fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let words = usage.trim_start_matches("Usage:").trim().replace(['<', '>'], "");
    // Each way to use it begins below the first.
    let lines: Vec<_> = words.lines().map(str::trim).collect();
    format!("{} {}", Paint::COLORED.heading("Usage:"), lines.join("\n       "))
}

fn command_row(command: &Command) -> Row {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    Row::new(command.get_name(), about)
}

fn row(arg: &Arg) -> Row {
    let values = arg.get_possible_values();
    let values: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
    let takes_value = arg.get_action().takes_values();
    let names = arg.get_value_names().filter(|_| takes_value).unwrap_or_default().join(" ");
    let short = arg.get_short().map(|letter| format!("-{letter}, "));
    let term = match arg.get_long() {
        Some(long) => {
            let term = format!("{}--{long} {names}", short.as_deref().unwrap_or("    "));
            term.trim_end().to_owned()
        }
        None => names,
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if takes_value && !values.is_empty() {
        Row::new(term, format!("{help}: {}", values.join(", ")))
    } else {
        Row::new(term, help)
    }
}
