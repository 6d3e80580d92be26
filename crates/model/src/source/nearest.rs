//! The right name nearest to a wrong one.

/// The candidate that a word was most likely meant to be, if any is near enough.
///
/// Case and the choice between `_`, `-` and nothing do not count; of equally near candidates the
/// first is taken.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = letters(word);
    if word.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let name = letters(candidate);
        let far = word.len().max(name.len()) / 3;
        if word.len().abs_diff(name.len()) > far {
            continue;
        }
        let distance = distance(&word, &name);
        if distance <= far && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Names are short; beyond this a word is not a slip of the finger.
const LONGEST: usize = 64;

fn letters(word: &str) -> Vec<char> {
    let separator = |c: &char| matches!(c, '_' | '-' | ' ');
    word.chars().take(LONGEST + 1).filter(|c| !separator(c)).flat_map(char::to_lowercase).collect()
}

/// Damerau-Levenshtein distance, in its restricted form: insertions, deletions, substitutions and
/// swaps of neighbours each count one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found() {
        let names = ["command", "env", "instances", "ready_within", "health"];
        let near = |word| nearest(word, names);
        assert_eq!(near("instnaces"), Some("instances"));
        assert_eq!(near("instance"), Some("instances"));
        assert_eq!(near("Command"), Some("command"));
        assert_eq!(near("readyWithin"), Some("ready_within"));
        assert_eq!(near("ready-within"), Some("ready_within"));
        assert_eq!(near("enb"), Some("env"));
        assert_eq!(near("helth"), Some("health"));
        assert_eq!(near("replicas"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"x".repeat(1_000_000)), None);
    }

    #[test]
    fn distances_are_right() {
        let far = |a: &str, b: &str| distance(&letters(a), &letters(b));
        assert_eq!(far("", ""), 0);
        assert_eq!(far("ab", "ba"), 1);
        assert_eq!(far("kitten", "sitting"), 3);
        assert_eq!(far("ca", "abc"), 3);
        assert_eq!(far("", "abc"), 3);
    }
}
