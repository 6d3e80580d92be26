//! Why a key was not found, from what was there then and what has gone before.

use ports::depot::{Cache, Difference, Explanation, Gone, Lookup, Outcome, Reason};

/// What a repository has, and had.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) caches: Vec<Cache>,
    /// The last to go first.
    pub(super) gone: Vec<Gone>,
}

pub(super) fn explain(lookup: Lookup, past: &Past) -> Explanation {
    let reasons = match lookup.outcome {
        Outcome::Exact { .. } => Vec::new(),
        Outcome::Partial { .. } | Outcome::Miss => View { lookup: &lookup, past }.reasons(),
    };
    Explanation { lookup, reasons }
}

struct View<'a> {
    lookup: &'a Lookup,
    past: &'a Past,
}

impl View<'_> {
    fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let has_key = |cache: &&Cache| cache.key == self.lookup.key;
        let mut past = self.past.gone.iter().filter(|gone| gone.at <= self.lookup.at);
        if let Some(gone) = past.find(|gone| has_key(&&gone.cache) && self.fits(&gone.cache)) {
            reasons.push(Reason::Gone(gone.clone()));
        }
        let then = self.there_then();
        let of_key = || then.iter().copied().filter(has_key);
        if let Some(cache) = newest(
            of_key()
                .filter(|cache| self.is_readable(cache) && cache.version != self.lookup.version),
        ) {
            reasons.push(self.other_paths(cache));
        }
        if let Some(cache) = newest(of_key().filter(|cache| !self.is_readable(cache))) {
            reasons.push(Reason::OtherRef(cache.clone()));
        }
        // What fits in everything would have been found, had it been there.
        let later = self.past.caches.iter().filter(has_key).filter(|cache| self.fits(cache));
        if let Some(cache) = newest(later) {
            reasons.push(Reason::Later(cache.clone()));
        }
        reasons.extend(self.nearest(&then));
        if !then.iter().any(|cache| self.is_readable(cache)) {
            reasons.push(Reason::NothingReadable { others: then.len() as u64 });
        }
        reasons
    }

    /// What was there when it was looked for.
    fn there_then(&self) -> Vec<&Cache> {
        let at = self.lookup.at;
        let gone_since = self.past.gone.iter().filter(|gone| gone.at > at);
        let all = self.past.caches.iter().chain(gone_since.map(|gone| &gone.cache));
        all.filter(|cache| cache.saved_at <= at).collect()
    }

    fn is_readable(&self, cache: &Cache) -> bool {
        self.lookup.scope.refs().contains(&cache.git_ref.as_str())
    }

    fn fits(&self, cache: &Cache) -> bool {
        self.is_readable(cache) && cache.version == self.lookup.version
    }

    fn other_paths(&self, cache: &Cache) -> Reason {
        let without = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|path| !other.contains(path)).cloned().collect()
        };
        Reason::OtherPaths {
            cache: cache.clone(),
            only_asked: without(&self.lookup.paths, &cache.paths),
            only_saved: without(&cache.paths, &self.lookup.paths),
        }
    }

    /// The one that shares the longest beginning with the key; of several, the newest.
    fn nearest(&self, then: &[&Cache]) -> Option<Reason> {
        let others = then.iter().filter(|cache| self.fits(cache) && cache.key != self.lookup.key);
        let nearest = others
            .max_by_key(|cache| (shared(&cache.key, &self.lookup.key), cache.saved_at, cache.id))?;
        let difference = difference(&self.lookup.key, &nearest.key);
        let is_near = shared(&nearest.key, &self.lookup.key) > 0;
        is_near.then(|| Reason::Nearest { cache: (*nearest).clone(), difference })
    }
}

fn newest<'a>(caches: impl Iterator<Item = &'a Cache>) -> Option<&'a Cache> {
    caches.max_by_key(|cache| (cache.saved_at, cache.id))
}

/// How many bytes two keys have in common at their beginning.
fn shared(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// Where two keys part, at the signs between their pieces.
fn difference(asked: &str, saved: &str) -> Difference {
    let is_sign = |c: char| !c.is_alphanumeric();
    // Up to the last sign that both have; nothing but signs and letters stands there, whole.
    let common = asked.char_indices().zip(saved.chars()).take_while(|((_, a), b)| a == b);
    let begin = common
        .filter(|((_, c), _)| is_sign(*c))
        .map(|((at, c), _)| at + c.len_utf8())
        .last()
        .unwrap_or(0);
    let (alike, asked) = asked.split_at(begin);
    let saved = &saved[begin..];
    let common = asked.chars().rev().zip(saved.chars().rev()).take_while(|(a, b)| a == b);
    let mut end = 0;
    let mut length = 0;
    for (c, _) in common {
        length += c.len_utf8();
        if is_sign(c) {
            end = length;
        }
    }
    let asked = &asked[..asked.len() - end];
    let saved = &saved[..saved.len() - end];
    Difference {
        alike: alike.to_owned(),
        asked: asked.to_owned(),
        saved: saved.to_owned(),
        is_hash: asked.len() == saved.len() && is_hash(asked) && is_hash(saved),
    }
}

/// Long enough to be a hash, and nothing speaks against it.
fn is_hash(text: &str) -> bool {
    text.len() >= 7
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_part_at_the_signs_between_their_pieces() {
        for (asked, saved, expected) in [
            (
                "npm-linux-1234abcd",
                "npm-linux-1234abce",
                ("npm-linux-", "1234abcd", "1234abce", true),
            ),
            ("npm-linux-x64-3", "npm-macos-x64-3", ("npm-", "linux", "macos", false)),
            ("npm-1", "npm-1-2", ("npm-", "1", "1-2", false)),
            ("npm", "cargo", ("", "npm", "cargo", false)),
            ("a-1-b", "a-b", ("a-", "1-b", "b", false)),
            ("v20", "v18", ("", "v20", "v18", false)),
            ("größe-1", "größe-2", ("größe-", "1", "2", false)),
            ("ä", "å", ("", "ä", "å", false)),
        ] {
            let (alike, asked_part, saved_part, is_hash) = expected;
            let expected = Difference {
                alike: alike.to_owned(),
                asked: asked_part.to_owned(),
                saved: saved_part.to_owned(),
                is_hash,
            };
            assert_eq!(difference(asked, saved), expected, "{asked} and {saved}");
        }
    }
}
