//! Goes through folders and hands out what matches.

use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::Options;
use super::pattern::{Match, Pattern};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
}

/// Finds one after another, never all at once: a folder may hold millions.
#[derive(Debug)]
pub(crate) struct Walk {
    patterns: Vec<Pattern>,
    options: Options,
    /// What is still to be looked at, the next one last, each with how deep it lies.
    stack: Vec<(PathBuf, usize)>,
    /// The folders that lead to the present one, as they really are: a link must not lead back.
    chain: Vec<PathBuf>,
}

impl Walk {
    pub(super) fn new(patterns: Vec<Pattern>, paths: Vec<PathBuf>, options: Options) -> Self {
        let stack = paths.into_iter().rev().map(|path| (path, 1)).collect();
        Self { patterns, options, stack, chain: Vec::new() }
    }

    fn look(&mut self, path: &Path, level: usize) -> io::Result<Option<Found>> {
        let text = path.to_string_lossy();
        let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty()).collect();
        let matched = self.matches(&names);
        let wants_more = matched != Match::default()
            || self
                .patterns
                .iter()
                .any(|pattern| !pattern.negated && pattern.may_match_below(&names));
        if !wants_more {
            return Ok(None);
        }
        let Some(kind) = self.kind(path)? else { return Ok(None) };
        if self.options.skip_hidden && names.last().is_some_and(|name| name.starts_with('.')) {
            return Ok(None);
        }
        if !kind.is_dir() {
            return Ok(matched.file.then(|| Found { path: path.to_owned(), is_folder: false }));
        }
        if self.options.follow_links && self.leads_back(path, level)? {
            return Ok(None);
        }
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort_unstable_by(|a, b| b.as_os_str().cmp(a.as_os_str()));
        self.stack.extend(entries.into_iter().map(|entry| (entry, level + 1)));
        Ok(matched.folder.then(|| Found { path: path.to_owned(), is_folder: true }))
    }

    fn matches(&self, names: &[&str]) -> Match {
        let mut result = Match::default();
        for pattern in &self.patterns {
            let matched = pattern.matches(names);
            result.folder = if matched.folder { !pattern.negated } else { result.folder };
            result.file = if matched.file { !pattern.negated } else { result.file };
        }
        result
    }

    /// What stands at the path; `None` where nothing does, as behind a broken link.
    fn kind(&self, path: &Path) -> io::Result<Option<FileType>> {
        let look: fn(&Path) -> io::Result<Metadata> = if self.options.follow_links {
            |path| fs::metadata(path)
        } else {
            |path| fs::symlink_metadata(path)
        };
        match look(path) {
            Ok(metadata) => Ok(Some(metadata.file_type())),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn leads_back(&mut self, path: &Path, level: usize) -> io::Result<bool> {
        let real = fs::canonicalize(path)?;
        self.chain.truncate(level - 1);
        if self.chain.contains(&real) {
            return Ok(true);
        }
        self.chain.push(real);
        Ok(false)
    }
}

impl Iterator for Walk {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((path, level)) = self.stack.pop() {
            match self.look(&path, level) {
                Ok(None) => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(error) => {
                    let error =
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn is_gone(error: &io::Error) -> bool {
    // A name below a file, and a link that leads to itself, are nothing either.
    let is_loop = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP);
    is_loop || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
