//! Finds files by patterns, with the rules that `hashFiles`, caches and artifacts share.
//!
//! Later patterns overrule earlier ones, `!` takes away, and a pattern that names a folder means
//! everything in it. What is found comes in a fixed order: search path by search path, each
//! folder's entries by their bytes.

mod pattern;
mod segment;
mod walk;

use std::path::{Path, PathBuf};

use pattern::Pattern;
pub(crate) use walk::Walk;

/// A list of patterns, one a line.
#[derive(Debug, Clone)]
pub(crate) struct Globs {
    patterns: Vec<Pattern>,
}

/// Where patterns begin that are not absolute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) folder: &'a Path,
    /// What `~` stands for.
    pub(crate) home: &'a Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether what a link points to is looked into.
    pub(crate) follow_links: bool,
    /// Whether a folder that matches brings all that is in it.
    pub(crate) descend: bool,
    /// Whether names that begin with a dot are left out.
    pub(crate) skip_hidden: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GlobError {
    #[error(
        "the pattern `{0}` holds `.` or `..`: write the path from the workspace, or an absolute one"
    )]
    Relative(String),
    #[error("the pattern `{0}` names nothing")]
    Empty(String),
    #[error("more than {} patterns", MOST_PATTERNS)]
    TooMany,
    #[error("a pattern of more than {} characters", LONGEST)]
    TooLong,
}

const MOST_PATTERNS: usize = 1_000;
const LONGEST: usize = 4_096;

impl Globs {
    /// Reads patterns, one a line; empty lines and lines that begin with `#` say nothing.
    pub(crate) fn parse(text: &str, base: Base<'_>) -> Result<Self, GlobError> {
        let mut patterns = Vec::new();
        for line in text.split('\n').map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() > LONGEST {
                return Err(GlobError::TooLong);
            }
            if patterns.len() == MOST_PATTERNS {
                return Err(GlobError::TooMany);
            }
            patterns.push(Pattern::parse(line, base)?);
        }
        Ok(Self { patterns })
    }

    /// The longest paths without a wildcard that hold everything that can be found.
    pub(crate) fn search_paths(&self) -> Vec<PathBuf> {
        let wanted: Vec<&Path> = self
            .patterns
            .iter()
            .filter(|pattern| !pattern.negated)
            .map(|pattern| pattern.search_path.as_path())
            .collect();
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in &wanted {
            let is_within_another =
                path.ancestors().skip(1).any(|ancestor| wanted.contains(&ancestor));
            if !is_within_another && !paths.iter().any(|known| known == path) {
                paths.push(path.to_path_buf());
            }
        }
        paths
    }

    /// Finds what matches, one at a time.
    pub(crate) fn walk(&self, options: Options) -> Walk {
        let mut patterns = Vec::with_capacity(self.patterns.len() * 2);
        for pattern in &self.patterns {
            patterns.push(pattern.clone());
            if options.descend
                && let Some(below) = pattern.below()
            {
                patterns.push(below);
            }
        }
        Walk::new(patterns, self.search_paths(), options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_paths_stop_before_the_first_wildcard_and_hold_one_another() {
        let base = Base { folder: Path::new("/ws"), home: Path::new("/home/me") };
        let paths = |text| Globs::parse(text, base).map(|globs| globs.search_paths());
        assert_eq!(paths("a/b*/c"), Ok(vec!["/ws/a".into()]));
        assert_eq!(paths("a/x\na\n!b"), Ok(vec!["/ws/a".into()]));
        assert_eq!(paths("~/.cargo\n/opt/*"), Ok(vec!["/home/me/.cargo".into(), "/opt".into()]));
        assert_eq!(paths("a/../b"), Err(GlobError::Relative("a/../b".into())));
    }
}
