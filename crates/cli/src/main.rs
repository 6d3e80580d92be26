//! The `highroad` command: reads the command line, runs one command, ends with a documented code.

mod amount;
mod briefing;
mod bug;
mod command;
mod command_line;
mod data;
mod database;
mod demand;
mod error;
mod exit;
mod grid;
mod help;
mod internal;
mod late_depot;
mod local;
mod manifest_file;
mod repository;
mod root_keys;
mod sign;
mod telling;
mod terminal;
mod usage;
mod wire;
mod workflow_files;

use std::ffi::OsString;
use std::process::ExitCode;

use command_line::Asked;
use error::Error;
use exit::Exit;
use terminal::Terminal;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = internal::answer(&words) {
        return code;
    }
    let mut terminal = Terminal::of_this_process(command_line::glimpse(&words));
    bug::speak_plainly(terminal.json());
    let outcome = bug::caught(|| run(&words, &mut terminal)).unwrap_or(Ok(Exit::Bug));
    let outcome = outcome.and_then(|exit| terminal.finish().map(|()| exit));
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal.complain(&error);
            error.exit().into()
        }
    }
}

fn run(words: &[OsString], terminal: &mut Terminal) -> Result<Exit, Error> {
    match command_line::read(words, terminal)? {
        Asked::Page(text) => terminal.print(&text).map(|()| Exit::Success),
        Asked::Command(line) => {
            terminal.obey(line.global.wishes());
            line.command.run(&line.global, terminal)
        }
    }
}
