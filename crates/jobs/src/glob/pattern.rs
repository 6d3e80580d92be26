//! One pattern: what it matches, and below which folders something may match.

use std::path::{Component, Path, PathBuf};

use super::segment::Name;
use super::{Base, GlobError};

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) negated: bool,
    /// The path before the first wildcard.
    pub(super) search_path: PathBuf,
    parts: Vec<Part>,
    /// It ends in a slash, so it means a folder.
    folders_only: bool,
    /// It was not written, but follows from one that names a folder.
    is_implied: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Name(Name),
    /// `**`: any number of names.
    Any,
}

/// What a path is matched as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Match {
    pub(super) folder: bool,
    pub(super) file: bool,
}

impl Pattern {
    pub(super) fn parse(line: &str, base: Base<'_>) -> Result<Self, GlobError> {
        let mut text = line.trim();
        let mut negated = false;
        while let Some(rest) = text.strip_prefix('!') {
            negated = !negated;
            text = rest.trim();
        }
        if text.is_empty() {
            return Err(GlobError::Empty(line.to_owned()));
        }
        let (begin, rest) = match text.as_bytes() {
            [b'/', ..] => (Path::new("/"), text),
            [b'~'] | [b'~', b'/', ..] => (base.home, &text[1..]),
            [b'.'] | [b'.', b'/', ..] => (base.folder, &text[1..]),
            _ => (base.folder, text),
        };
        let mut parts: Vec<Part> =
            names(begin).map(|name| Part::Name(Name::literal(&name))).collect();
        for written in rest.split('/').filter(|part| !part.is_empty()) {
            let part = if written == "**" { Part::Any } else { Part::Name(Name::new(written)) };
            if let Part::Name(name) = &part
                && matches!(name.as_literal().as_deref(), Some("." | ".."))
            {
                return Err(GlobError::Relative(line.to_owned()));
            }
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        let mut search_path = PathBuf::from("/");
        search_path.extend(parts.iter().map_while(|part| match part {
            Part::Name(name) => name.as_literal(),
            Part::Any => None,
        }));
        let folders_only = text.len() > 1 && text.ends_with('/');
        Ok(Self { negated, search_path, parts, folders_only, is_implied: false })
    }

    /// The pattern for all that is in what this one matches, unless this one says so itself.
    pub(super) fn below(&self) -> Option<Self> {
        if !self.folders_only && self.parts.last() == Some(&Part::Any) {
            return None;
        }
        let mut below = Self { folders_only: false, is_implied: true, ..self.clone() };
        if below.parts.last() != Some(&Part::Any) {
            below.parts.push(Part::Any);
        }
        Some(below)
    }

    /// The path as its names, from the root on.
    pub(super) fn matches(&self, path: &[&str]) -> Match {
        let matches = self.matches_whole(path);
        Match { folder: matches, file: matches && !self.folders_only }
    }

    fn matches_whole(&self, path: &[&str]) -> bool {
        // What follows the last `**` is tried at each place in turn; earlier ones need no second try.
        let mut parts = self.parts.as_slice();
        let mut rest = path;
        let mut retry: Option<(&[Part], &[&str])> = None;
        loop {
            match (parts, rest) {
                ([], []) => return true,
                // `folder/**` holds the folder itself, but only where it is written so.
                ([Part::Any], _) => return !rest.is_empty() || !self.is_implied,
                ([Part::Any, after @ ..], _) => {
                    parts = after;
                    retry = Some((after, rest));
                    continue;
                }
                ([Part::Name(name), after @ ..], [found, below @ ..]) if name.matches(found) => {
                    parts = after;
                    rest = below;
                    continue;
                }
                _ => {}
            }
            let Some((after, [_, below @ ..])) = retry else { return false };
            parts = after;
            rest = below;
            retry = Some((after, below));
        }
    }

    /// Whether something below the path may match.
    pub(super) fn may_match_below(&self, path: &[&str]) -> bool {
        for (at, found) in path.iter().enumerate() {
            match self.parts.get(at) {
                Some(Part::Any) => return true,
                Some(Part::Name(name)) if name.matches(found) => {}
                _ => return false,
            }
        }
        true
    }
}

/// Names of a path below the root.
fn names(path: &Path) -> impl Iterator<Item = String> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    })
}
