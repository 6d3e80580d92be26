//! Whether a text looks as if chance had made it, which nobody does for a placeholder.

/// Shorter ones are words.
const LEAST: usize = 16;

/// Longer ones are documents.
const MOST: usize = 512;

/// What chance makes has at least so many bits in a character.
const LEAST_BITS: f64 = 3.5;

pub(super) fn looks_random(value: &str) -> bool {
    if !(LEAST..=MOST).contains(&value.len()) || !value.is_ascii() {
        return false;
    }
    let count = |fits: fn(&u8) -> bool| value.bytes().filter(fits).count();
    let digits = count(u8::is_ascii_digit);
    let lower = count(u8::is_ascii_lowercase);
    let upper = count(u8::is_ascii_uppercase);
    let others = value.len() - digits - lower - upper;
    let odd = |c: char| c.is_whitespace() || "$:{}()<>\"'\\,;".contains(c);
    // Words with hyphens between them, paths and names of hosts have more of the others.
    if value.contains(odd) || others * 8 > value.len() || digits == 0 || lower + upper == 0 {
        return false;
    }
    let mixed = if upper > 0 && lower > 0 {
        true
    } else {
        // Hexadecimal, or one case with digits all over it.
        value.len() >= 20 && digits * 6 >= value.len() && (lower + upper) * 6 >= value.len()
    };
    mixed && scattered(value) && bits(value) >= LEAST_BITS
}

/// Whether digits and letters change places often, unlike in `password2024`.
fn scattered(value: &str) -> bool {
    let kinds: Vec<bool> = value.bytes().map(|byte| byte.is_ascii_digit()).collect();
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    changes * 8 >= value.len()
}

/// How many bits a character carries, by how often each one comes.
fn bits(value: &str) -> f64 {
    let mut counts = [0_u32; 128];
    for byte in value.bytes() {
        counts[usize::from(byte & 0x7f)] += 1;
    }
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_told_from_people() {
        for random in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "wJalrXUtnFEMIK7MDENGbPxRfiCY3zKq8v",
            "Tr0ub4dor3xK9mQ2wL7p",
            "c2VjcmV0LXRva2VuLTEyMzQ1Ng9x7Qz",
        ] {
            assert!(looks_random(random), "{random}");
        }
        for human in [
            "postgres",
            "test-secret-key-for-ci-only",
            "correct-horse-battery-staple-2024",
            "supersecretpassword2024",
            "00000000-0000-0000-0000-000000000000",
            "${{ secrets.TOKEN }}",
            "arn:aws:iam::123456789012:role/deploy",
            "https://example.com/a1b2c3d4e5f6",
            "/var/run/secrets/token1",
            "node_modules/.cache/v18",
            "ABCDEFGHIJKLMNOPQRST",
            "notasecret12345678901234",
        ] {
            assert!(!looks_random(human), "{human}");
        }
    }
}
