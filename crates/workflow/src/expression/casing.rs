//! Text without its case, as the language compares names, keys and strings.
//!
//! Upstream folds character by character to upper case, for no language in particular: `ß` stays
//! one character, and no letter outside ASCII becomes one inside.

use std::cmp::Ordering;

pub(super) fn equal(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || (!left.is_ascii()
            && !right.is_ascii()
            && left.chars().map(upper).eq(right.chars().map(upper)))
}

pub(super) fn compare(left: &str, right: &str) -> Ordering {
    left.chars().map(rank).cmp(right.chars().map(rank))
}

pub(super) fn contains(text: &str, part: &str) -> bool {
    let fold = |text: &str| text.chars().map(upper).collect::<String>();
    fold(text).contains(&fold(part))
}

pub(super) fn starts_with(text: &str, part: &str) -> bool {
    begins(text.chars(), part.chars())
}

pub(super) fn ends_with(text: &str, part: &str) -> bool {
    begins(text.chars().rev(), part.chars().rev())
}

fn begins(mut text: impl Iterator<Item = char>, mut part: impl Iterator<Item = char>) -> bool {
    part.all(|wanted| text.next().is_some_and(|found| upper(found) == upper(wanted)))
}

/// Upstream orders UTF-16 units, where what lies beyond the basic plane comes before U+E000.
fn rank(letter: char) -> u32 {
    let code = u32::from(upper(letter));
    if (0xe000..0x1_0000).contains(&code) { code + 0x11_0000 } else { code }
}

fn upper(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_uppercase();
    }
    let shifted = |by: u32| char::from_u32(u32::from(letter) + by).unwrap_or(letter);
    match letter {
        // Would become ASCII.
        'ı' | 'ſ' => letter,
        // One character with an iota below, though in full it would become two.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => shifted(8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(9),
        _ => {
            let mut full = letter.to_uppercase();
            match (full.next(), full.next()) {
                (Some(single), None) => single,
                _ => letter,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_meet_their_other_case_one_by_one() {
        for (left, right) in [("straße", "STRAßE"), ("ᾳ", "ᾼ"), ("ᾠ", "ᾨ"), ("µ", "Μ"), ("ǆ", "Ǆ")]
        {
            assert!(equal(left, right), "{left} {right}");
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
            assert!(starts_with(left, right) && ends_with(left, right) && contains(left, right));
        }
        for (left, right) in [("ß", "SS"), ("ſ", "S"), ("ı", "I"), ("İ", "i"), ("\u{212a}", "k")]
        {
            assert!(!equal(left, right), "{left} {right}");
            assert_ne!(compare(left, right), Ordering::Equal, "{left} {right}");
            assert!(!contains(left, right));
        }
    }

    #[test]
    fn the_order_is_that_of_utf_16() {
        assert_eq!(compare("😊", "\u{ff01}"), Ordering::Less);
        assert_eq!(compare("😊", "\u{d7ff}"), Ordering::Greater);
        assert_eq!(compare("a", "["), Ordering::Less);
        assert_eq!(compare("ab", "A"), Ordering::Greater);
    }
}
