//! `highroad man`: manual pages, from the one definition of the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::{Man as Mangen, roff::Roff};

use super::{Entry, Example};
use crate::error::Error;
use crate::exit::Exit;
use crate::help;
use crate::terminal::Terminal;

/// Print or write the manual pages
///
/// Without --dir the main page goes to standard output; with it, the main page and one page for
/// each command are written there, and older ones are replaced.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Write all pages into this folder, which is made if need be
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad man | man -l -", does: "read the main page" },
    Example {
        line: "highroad man --dir ~/.local/share/man/man1",
        does: "install all pages; then 'man highroad-check' works",
    },
];

impl Man {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let Some(dir) = self.dir else {
            let main = pages().swap_remove(0);
            terminal.print(&main.text)?;
            return Ok(Exit::Success);
        };
        let pages = pages();
        fs::create_dir_all(&dir).map_err(|error| cannot_write(&dir, &error))?;
        for page in &pages {
            let path = dir.join(&page.file);
            fs::write(&path, &page.text).map_err(|error| cannot_write(&path, &error))?;
        }
        let files: Vec<_> = pages.iter().map(|page| dir.join(&page.file)).collect();
        if terminal.json() {
            terminal.print_json(&serde_json::json!({ "files": files }))?;
        } else {
            terminal.print(&format!("wrote {} pages to {}\n", files.len(), dir.display()))?;
        }
        Ok(Exit::Success)
    }
}

struct Page {
    file: String,
    text: String,
}

/// The main page first, then one for each command.
fn pages() -> Vec<Page> {
    let mut root = help::definition(80);
    root.build();
    let mut pages = vec![page(&root, super::EXAMPLES)];
    add_pages(&root, super::entries(), &mut pages);
    pages
}

fn add_pages<'a>(above: &Command, entries: impl Iterator<Item = &'a Entry>, pages: &mut Vec<Page>) {
    for entry in entries {
        let command = above.find_subcommand(entry.name).expect("every entry is a command");
        pages.push(page(command, entry.examples));
        add_pages(command, entry.below.iter(), pages);
    }
}

fn page(command: &Command, examples: &[Example]) -> Page {
    let title = command.get_display_name().unwrap_or("highroad").to_uppercase();
    let version = concat!("highroad ", env!("CARGO_PKG_VERSION"));
    let manual = Mangen::new(command.clone()).title(title).source(version).manual("Highroad");
    let mut text = Vec::new();
    render(&manual, examples, command, &mut text).expect("writing to memory cannot fail");
    Page {
        file: manual.get_filename(),
        text: String::from_utf8(text).expect("manual pages are made from strings"),
    }
}

fn render(
    manual: &Mangen,
    examples: &[Example],
    command: &Command,
    text: &mut Vec<u8>,
) -> io::Result<()> {
    manual.render_title(text)?;
    manual.render_name_section(text)?;
    manual.render_synopsis_section(text)?;
    manual.render_description_section(text)?;
    manual.render_options_section(text)?;
    if command.has_subcommands() {
        manual.render_subcommands_section(text)?;
    }
    section("EXAMPLES", examples.iter().map(|it| (it.line.to_owned(), it.does)), text)?;
    section("EXIT STATUS", Exit::ALL.iter().map(|it| (it.code().to_string(), it.meaning())), text)
}

fn section<'a>(
    heading: &str,
    rows: impl Iterator<Item = (String, &'a str)>,
    text: &mut Vec<u8>,
) -> io::Result<()> {
    use clap_mangen::roff::{bold, roman};
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    }
    roff.to_writer(text)
}

fn cannot_write(path: &Path, cause: &io::Error) -> Error {
    Error::io(format!("cannot write '{}'", path.display()), cause)
}
