//! Writing a log, whatever the disk says.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;

use super::{file, files};

/// A log has at most so many files: one is written, the others are full.
const FILES: u64 = 4;

/// A smaller budget would hold hardly a line.
const LEAST_BUDGET: u64 = 64 << 10;

/// What is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// Appends lines to a log. What cannot be written is counted, and told when it can be.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: PathBuf,
    /// How long each file may get.
    most: u64,
    number: u64,
    current: Option<File>,
    length: u64,
    /// How a line of the present moment begins.
    time: String,
    gathered: Vec<u8>,
    lines: u64,
    lost: u64,
    why: String,
}

impl Writer {
    pub(crate) fn open(folder: PathBuf, budget: u64) -> Self {
        let number = files(&folder).last().copied().unwrap_or(1);
        Self {
            folder,
            most: budget.max(LEAST_BUDGET) / FILES,
            number,
            current: None,
            length: 0,
            time: String::new(),
            gathered: Vec::new(),
            lines: 0,
            lost: 0,
            why: String::new(),
        }
    }

    /// Lines from now on were printed at this time.
    pub(crate) fn begin(&mut self, at: Timestamp) {
        self.time = format!("{at:.6}");
    }

    /// Adds a line without its end; `split` if more of it follows.
    pub(crate) fn line(&mut self, source: u8, split: bool, text: &[u8]) {
        let source = if split { source.to_ascii_uppercase() } else { source };
        let end: &[u8] = if split { b"" } else { b"\r" };
        let text = text.strip_suffix(end).unwrap_or(text);
        self.gathered.extend_from_slice(self.time.as_bytes());
        self.gathered.extend_from_slice(&[b' ', source, b' ']);
        self.gathered.extend_from_slice(text);
        self.gathered.push(b'\n');
        self.lines += 1;
        let limit = GATHERED.min(usize::try_from(self.most / 2).unwrap_or(GATHERED));
        if self.gathered.len() >= limit {
            self.flush();
        }
    }

    pub(crate) fn flush(&mut self) {
        if self.lines == 0 {
            return;
        }
        if self.lost > 0 {
            let (time, lost, why) = (&self.time, self.lost, &self.why);
            let word = format!("{time} k {lost} lines before this one are lost: {why}\n");
            if self.put(word.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        let gathered = std::mem::take(&mut self.gathered);
        if let Err(error) = self.put(&gathered) {
            self.lost += self.lines;
            self.why = error.to_string();
        }
        self.gathered = gathered;
        self.gathered.clear();
        self.lines = 0;
    }

    /// Writes all of it or nothing.
    fn put(&mut self, lines: &[u8]) -> io::Result<()> {
        let most = self.most;
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.length > 0 && self.length.saturating_add(count) > most {
            self.current = None;
            self.number += 1;
            self.length = 0;
            self.forget();
        }
        let length = self.length;
        let current = self.current()?;
        let written = current.write_all(lines);
        if written.is_err() {
            // A part of a line would be read as a whole one.
            let _ = current.set_len(length).and_then(|()| current.seek(io::SeekFrom::End(0)));
        }
        written?;
        self.length += count;
        Ok(())
    }

    fn current(&mut self) -> io::Result<&mut File> {
        if self.current.is_none() {
            fs::create_dir_all(&self.folder)?;
            let path = file(&self.folder, self.number);
            let mut current = File::options().create(true).append(true).open(&path)?;
            self.length = current.metadata()?.len();
            // Whoever wrote it before may have been killed in the middle of a line.
            if self.length > 0 && !fs::read(&path)?.ends_with(b"\n") {
                current.write_all(b"\n")?;
                self.length += 1;
            }
            self.current = Some(current);
        }
        self.current.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes room for the next file.
    fn forget(&self) {
        for number in files(&self.folder) {
            if number + FILES <= self.number {
                let _ = fs::remove_file(file(&self.folder, number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Source;
    use crate::logs::reader::Reader;

    #[test]
    fn a_log_stays_within_its_budget_and_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path().to_owned(), LEAST_BUDGET);
        for index in 0..20_000 {
            writer.begin(Timestamp::UNIX_EPOCH);
            writer.line(b'o', false, format!("line {index}").as_bytes());
            writer.flush();
        }
        let sizes = files(folder.path()).into_iter().map(|number| file(folder.path(), number));
        let total: u64 = sizes.map(|path| path.metadata().unwrap().len()).sum();
        assert!(total <= LEAST_BUDGET, "{total}");
        let mut reader = Reader::new(folder.path().to_owned());
        let lines = reader.last(2, None);
        assert_eq!(
            lines.iter().map(|line| &*line.text).collect::<Vec<_>>(),
            ["line 19998", "line 19999"]
        );
        let all = Reader::new(folder.path().to_owned()).last(usize::MAX, None);
        assert!(all.len() > 500, "{}", all.len());

        // A reader that was there goes on.
        let mut again = Writer::open(folder.path().to_owned(), LEAST_BUDGET);
        again.begin(Timestamp::UNIX_EPOCH);
        again.line(b'e', true, b"\xff\tmore\r");
        again.flush();
        let more = reader.more();
        assert_eq!(more.len(), 1);
        assert_eq!(
            (&*more[0].text, more[0].source, more[0].split),
            ("\\xff\tmore\r", Source::Stderr, true)
        );
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(file(folder.path(), 3), "1970-01-01T00:00:00.000000Z o half").unwrap();
        let mut writer = Writer::open(folder.path().to_owned(), LEAST_BUDGET);
        writer.begin(Timestamp::UNIX_EPOCH);
        writer.line(b'o', false, b"whole\r");
        writer.flush();
        let lines = Reader::new(folder.path().to_owned()).last(10, None);
        assert_eq!(lines.iter().map(|line| &*line.text).collect::<Vec<_>>(), ["half", "whole"]);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("log");
        // In the way of the folder.
        fs::write(&place, "").unwrap();
        let mut writer = Writer::open(place.clone(), LEAST_BUDGET);
        writer.begin(Timestamp::UNIX_EPOCH);
        for _ in 0..3 {
            writer.line(b'o', false, b"lost");
            writer.flush();
        }
        fs::remove_file(&place).unwrap();
        writer.line(b'o', false, b"kept");
        writer.flush();
        let lines = Reader::new(place).last(10, None);
        assert!(lines[0].text.starts_with("3 lines before this one are lost: "), "{lines:?}");
        assert_eq!((lines[0].source, &*lines[1].text), (Source::Keeper, "kept"));
    }
}
