//! Finding secrets in bytes: what is one, and what may still become one.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input, MatchKind};

/// Finds every form of every secret.
///
/// Forms are kept in tiers, each at least twice as large as the next, so that a job that adds
/// thousands of secrets one by one does not have all of them compiled anew each time.
#[derive(Default)]
pub(super) struct Finder {
    tiers: Vec<Arc<Tier>>,
}

struct Tier {
    automaton: AhoCorasick,
    /// In order, so that it can be told whether some bytes begin one.
    forms: Vec<Box<[u8]>>,
    /// Which bytes a form begins with.
    heads: [bool; 256],
    longest: usize,
    /// Whether a form goes over the end of a line.
    spans_lines: bool,
}

impl Finder {
    pub(super) fn is_empty(&self) -> bool {
        self.tiers.is_empty()
    }

    /// A finder that knows these forms too.
    pub(super) fn with(&self, forms: HashSet<String>) -> Self {
        let mut tiers = self.tiers.clone();
        let mut forms: HashSet<Box<[u8]>> =
            forms.into_iter().map(|form| form.into_bytes().into()).collect();
        while let Some(last) = tiers.pop_if(|last| last.forms.len() < 2 * forms.len()) {
            forms.extend(last.forms.iter().cloned());
        }
        tiers.push(Arc::new(Tier::new(forms)));
        Self { tiers }
    }

    /// Where secrets are, in order; what overlaps or touches is one.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for tier in &self.tiers {
            tier.find(bytes, &mut found);
        }
        if found.len() < 2 {
            return found;
        }
        found.sort_unstable_by_key(|found| found.start);
        found.dedup_by(|next, last| {
            let joins = next.start <= last.end;
            if joins {
                last.end = last.end.max(next.end);
            }
            joins
        });
        found
    }

    pub(super) fn finds_any(&self, bytes: &[u8]) -> bool {
        self.tiers.iter().any(|tier| tier.automaton.is_match(bytes))
    }

    /// Where the bytes begin that may become a secret, or a longer one, by what comes after them.
    pub(super) fn unsure_from(&self, bytes: &[u8]) -> usize {
        self.tiers.iter().map(|tier| tier.unsure_from(bytes)).min().unwrap_or(bytes.len())
    }
}

impl Tier {
    fn new(forms: HashSet<Box<[u8]>>) -> Self {
        let mut forms: Vec<_> = forms.into_iter().collect();
        forms.sort_unstable();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&forms)
            .expect("forms are far fewer than an automaton can hold");
        let mut heads = [false; 256];
        for form in &forms {
            heads[usize::from(form[0])] = true;
        }
        let longest = forms.iter().map(|form| form.len()).max().unwrap_or(0);
        let spans_lines = forms.iter().any(|form| form.contains(&b'\n'));
        Self { automaton, forms, heads, longest, spans_lines }
    }

    fn find(&self, bytes: &[u8], found: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(next) = self.automaton.find(Input::new(bytes).range(from..)) {
            found.push(next.range());
            // Another may begin inside this one and end behind it.
            from = next.start() + 1;
        }
    }

    fn unsure_from(&self, bytes: &[u8]) -> usize {
        if bytes.last() == Some(&b'\n') && !self.spans_lines {
            return bytes.len();
        }
        let first = bytes.len().saturating_sub(self.longest - 1);
        let begins_one = |tail: &[u8]| {
            let place = self.forms.partition_point(|form| **form <= *tail);
            self.forms.get(place).is_some_and(|form| form.starts_with(tail))
        };
        (first..bytes.len())
            .find(|at| self.heads[usize::from(bytes[*at])] && begins_one(&bytes[*at..]))
            .unwrap_or(bytes.len())
    }
}
