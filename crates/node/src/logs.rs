//! What instances print: written down by their keepers, read and followed by whoever asks.
//!
//! A log is a folder of numbered files. Each line opens with its time and a letter for where it
//! comes from, so that `cat` shows it as well as we do. The oldest file goes when the log's budget
//! is used up; a reader that was there goes on with the next.

mod follow;
mod line;
mod query;
mod reader;
mod writer;

pub use follow::LogStream;
pub use line::{LogLine, Source, Structured};
pub use query::LogQuery;

pub(crate) use follow::Printing;
pub(crate) use reader::last_lines;
pub(crate) use writer::Writer;

/// The files of a log, in the order in which they were written.
fn files(folder: &std::path::Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut numbers: Vec<u64> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn file(folder: &std::path::Path, number: u64) -> std::path::PathBuf {
    folder.join(format!("{number:08}"))
}
