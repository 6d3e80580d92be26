//! Problem matchers: patterns that find annotations in the output of tools that know none.

mod config;
mod pattern;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use model::pipeline::{Annotation, Level};

use config::{Matcher, Part, Parts, UnderWay};

/// The problem matchers of a job. Clones share them.
#[derive(Clone, Default)]
pub struct Matchers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Changes whenever a matcher comes or goes.
    version: AtomicU64,
    /// The newest first: the first that matches has the line.
    matchers: Mutex<Vec<Arc<Matcher>>>,
}

/// Why a file of problem matchers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    #[error("it holds no problem matchers: {0}")]
    Json(serde_json::Error),
    #[error("matcher '{owner}': {why}")]
    Matcher { owner: String, why: String },
    #[error("more than {} problem matchers", config::MOST_MATCHERS)]
    TooMany,
}

impl Matchers {
    /// Adds what the text of a matcher file holds, and tells the owners. A matcher takes the place
    /// of the one that its owner had.
    pub fn add(&self, json: &str) -> Result<Vec<String>, MatcherError> {
        let added = config::read(json)?;
        let owners: Vec<String> = added.iter().map(|matcher| matcher.owner.clone()).collect();
        let mut matchers = self.matchers();
        for matcher in added {
            matchers.retain(|known| !known.owner.eq_ignore_ascii_case(&matcher.owner));
            matchers.insert(0, Arc::new(matcher));
        }
        if matchers.len() > config::MOST_MATCHERS {
            matchers.truncate(config::MOST_MATCHERS);
            self.changed();
            return Err(MatcherError::TooMany);
        }
        self.changed();
        Ok(owners)
    }

    /// Whether there was one of this owner.
    pub fn remove(&self, owner: &str) -> bool {
        let mut matchers = self.matchers();
        let before = matchers.len();
        matchers.retain(|matcher| !matcher.owner.eq_ignore_ascii_case(owner));
        let is_gone = matchers.len() < before;
        self.changed();
        is_gone
    }

    fn changed(&self) {
        self.0.version.fetch_add(1, Ordering::Release);
    }

    fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    fn matchers(&self) -> MutexGuard<'_, Vec<Arc<Matcher>>> {
        self.0.matchers.lock().expect("nothing panics while it holds the matchers")
    }
}

impl fmt::Debug for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owners = self.matchers();
        let owners: Vec<&str> = owners.iter().map(|matcher| &*matcher.owner).collect();
        f.debug_tuple("Matchers").field(&owners).finish()
    }
}

/// How far the matchers are in the output of one step.
pub(crate) struct Matching {
    matchers: Matchers,
    version: u64,
    /// Each with what its patterns but the last have found so far.
    under_way: Vec<(Arc<Matcher>, UnderWay)>,
}

impl Matching {
    pub(crate) fn new(matchers: &Matchers) -> Self {
        Self { matchers: matchers.clone(), version: 0, under_way: Vec::new() }
    }

    /// Whether there are no matchers, so that lines need not be looked at.
    pub(crate) fn is_idle(&mut self) -> bool {
        let version = self.matchers.version();
        if self.version != version {
            self.version = version;
            let matchers = self.matchers.matchers();
            let under_way = std::mem::take(&mut self.under_way);
            let before = |matcher: &Arc<Matcher>| {
                let same = under_way.iter().find(|(known, _)| Arc::ptr_eq(known, matcher));
                same.map_or_else(|| matcher.nothing_yet(), |(_, lines)| lines.clone())
            };
            self.under_way =
                matchers.iter().map(|matcher| (matcher.clone(), before(matcher))).collect();
        }
        self.under_way.is_empty()
    }

    /// What a line, or the lines that it ends, says is wrong.
    pub(crate) fn find(&mut self, line: &[u8]) -> Option<Annotation> {
        let line = config::without_colours(line);
        for index in 0..self.under_way.len() {
            let (matcher, lines) = &mut self.under_way[index];
            let Some(found) = matcher.find(&line, lines) else { continue };
            for (other, (_, lines)) in self.under_way.iter_mut().enumerate() {
                if other != index {
                    lines.fill(None);
                }
            }
            if let Some(annotation) = annotation(&found) {
                return Some(annotation);
            }
        }
        None
    }
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matching").field("matchers", &self.matchers).finish_non_exhaustive()
    }
}

fn annotation(found: &Parts) -> Option<Annotation> {
    let text = |part: Part| found.get(part).filter(|text| !text.trim().is_empty());
    let number = |part: Part| found.get(part)?.parse().ok();
    let level = match found.get(Part::Severity).map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "error") => Level::Error,
        Some("warning") => Level::Warning,
        Some("notice") => Level::Notice,
        Some(_) => return None,
    };
    let file = text(Part::File).map(|file| match text(Part::FromPath) {
        // A path is relative to the folder of the project file that it was found by.
        Some(from) if !file.starts_with('/') => match from.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{file}"),
            None => file.to_owned(),
        },
        _ => file.to_owned(),
    });
    Some(Annotation {
        level,
        message: text(Part::Message)?.to_owned(),
        title: text(Part::Code).map(|code| code.trim().to_owned()),
        file,
        line: number(Part::Line),
        end_line: None,
        column: number(Part::Column),
        end_column: None,
    })
}
