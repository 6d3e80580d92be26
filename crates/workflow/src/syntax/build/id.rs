//! Ids of jobs and steps: what they may be made of, and ids for steps that have none.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::source::Span;

use super::super::problem::IdWrong;

/// Ids are shorter than this.
const LENGTH: usize = 100;

/// The prefix of ids that nobody wrote.
pub(super) const RESERVED: &str = "__";

/// Whether an id is formed well.
pub(super) fn check(id: &str) -> Result<(), IdWrong> {
    let begins_well = id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || id.len() >= LENGTH || !id.chars().all(is_allowed) {
        return Err(IdWrong::Malformed);
    }
    if id.starts_with(RESERVED) {
        return Err(IdWrong::Reserved);
    }
    Ok(())
}

/// The ids of one job's steps. Case does not count.
#[derive(Debug, Default)]
pub(super) struct Ids {
    taken: BTreeMap<String, Span>,
    /// For each text that ids are made of, the last number that was put behind it.
    numbers: BTreeMap<String, usize>,
}

impl Ids {
    /// Takes an id that somebody wrote.
    pub(super) fn take(&mut self, id: &str, span: Span) -> Result<(), IdWrong> {
        check(id)?;
        let folded = id.to_ascii_lowercase();
        if let Some(first) = self.taken.get(&folded) {
            return Err(IdWrong::Taken { first: *first });
        }
        self.taken.insert(folded, span);
        Ok(())
    }

    /// Makes an id of what a step does: `__run`, then `__run_2`.
    pub(super) fn make(&mut self, of: &str) -> String {
        let mut base = RESERVED.to_owned();
        for c in of.chars() {
            if is_allowed(c) {
                base.push(c);
            } else {
                base.extend(std::iter::repeat_n('_', c.len_utf16()));
            }
        }
        let number = self.numbers.entry(base.to_ascii_lowercase()).or_default();
        loop {
            *number += 1;
            let suffix = if *number == 1 { String::new() } else { format!("_{number}") };
            base.truncate(LENGTH);
            let kept = base.len().min(LENGTH - suffix.len());
            let id = format!("{}{suffix}", &base[..kept]);
            if let Entry::Vacant(free) = self.taken.entry(id.to_ascii_lowercase()) {
                free.insert(Span::default());
                return id;
            }
        }
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_nobody_wrote_are_numbered() {
        let mut ids = Ids::default();
        ids.take("run", Span::default()).unwrap();
        assert_eq!(ids.take("RUN", Span::at(3)), Err(IdWrong::Taken { first: Span::default() }));
        let made: Vec<String> =
            ["run", "a/b", "run", "A/B", "ü\u{1F600}"].iter().map(|of| ids.make(of)).collect();
        assert_eq!(made, ["__run", "__a_b", "__run_2", "__A_B_2", "_____"]);
        let long = "x".repeat(200);
        let first = ids.make(&long);
        let second = ids.make(&long);
        assert_eq!((first.len(), second.len()), (100, 100));
        assert!(second.ends_with("x_2"));
    }

    #[test]
    fn ids_are_formed_well() {
        for id in ["a", "_", "_a", "A-b_9"] {
            assert_eq!(check(id), Ok(()), "{id}");
        }
        for id in ["", "-a", "9", "a.b", "ü", " a", &"a".repeat(100)] {
            assert_eq!(check(id), Err(IdWrong::Malformed), "{id}");
        }
        assert_eq!(check("__a"), Err(IdWrong::Reserved));
    }
}
