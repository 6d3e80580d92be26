//! Secrets that stand in the open: what looks like one, so that it can be said before it is pushed.

use crate::source::{Finding, Span};

/// What a literal value seems to be, if it seems to be a secret.
pub(super) fn suspected(name: &str, value: &str) -> Option<&'static str> {
    known_form(value).or_else(|| {
        let telling = [
            "PASSWORD",
            "PASSWD",
            "SECRET",
            "TOKEN",
            "API_KEY",
            "APIKEY",
            "PRIVATE_KEY",
            "ACCESS_KEY",
            "CREDENTIAL",
        ];
        let name = name.to_uppercase();
        let named_so = telling.iter().any(|word| name.contains(word));
        (named_so && could_be_secret(value)).then_some("a secret by its name")
    })
}

/// The finding for one, to which is added how to keep it instead.
pub(super) fn in_the_open(message: String, place: Span) -> Finding {
    Finding::warning("secret-in-file", message, place)
        .label("everybody who reads the repository can read this")
        .masked()
}

/// Forms that issuers gave their secrets so that they can be found.
fn known_form(value: &str) -> Option<&'static str> {
    const PREFIXES: [(&str, usize, &str); 19] = [
        ("AKIA", 20, "an AWS access key"),
        ("ASIA", 20, "an AWS access key"),
        ("ghp_", 36, "a GitHub token"),
        ("gho_", 36, "a GitHub token"),
        ("ghs_", 36, "a GitHub token"),
        ("ghu_", 36, "a GitHub token"),
        ("github_pat_", 40, "a GitHub token"),
        ("glpat-", 20, "a GitLab token"),
        ("xoxb-", 20, "a Slack token"),
        ("xoxp-", 20, "a Slack token"),
        ("xapp-", 20, "a Slack token"),
        ("sk_live_", 20, "a Stripe key"),
        ("rk_live_", 20, "a Stripe key"),
        ("AIza", 35, "a Google API key"),
        ("sk-", 30, "an API key"),
        ("npm_", 36, "an npm token"),
        ("pypi-", 40, "a PyPI token"),
        ("dop_v1_", 40, "a DigitalOcean token"),
        ("hvs.", 20, "a Vault token"),
    ];
    let value = value.trim();
    if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    if value.starts_with("https://hooks.slack.com/services/") {
        return Some("the address of a Slack webhook");
    }
    if has_password(value) {
        return Some("an address with a password");
    }
    if value.starts_with("eyJ") && value.len() > 40 && value.split('.').count() == 3 {
        return Some("a signed token");
    }
    let word = !value.contains(char::is_whitespace);
    PREFIXES
        .iter()
        .find(|(prefix, length, _)| word && value.starts_with(prefix) && value.len() >= *length)
        .map(|(.., what)| *what)
}

/// `scheme://user:password@host`
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !is_placeholder(password))
}

fn could_be_secret(value: &str) -> bool {
    let value = value.trim();
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let is_place = value.starts_with(['/', '.']) || value.contains("://");
    let is_name = matches!(value, "disabled" | "required" | "optional" | "password");
    value.len() >= 8
        && !value.contains(' ')
        && !is_number
        && !is_place
        && !is_name
        && !is_placeholder(value)
}

/// What people write where a secret would stand.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    value.is_empty()
        || value.starts_with(['$', '<', '{'])
        || value.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'*' | b'.'))
        || ["changeme", "change-me", "example", "placeholder", "your-", "dummy"]
            .iter()
            .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_suspected_and_other_things_are_not() {
        for (name, value) in [
            ("KEY", "AKIAIOSFODNN7ABCDEFG"),
            ("X", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"),
            ("X", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
            ("DATABASE_URL", "postgres://shop:s3cr3tpass@db/shop"),
            ("DB_PASSWORD", "correct-horse"),
            ("stripe_api_key", "1f2e3d4c5b6a"),
        ] {
            assert!(suspected(name, value).is_some(), "{name}={value}");
        }
        for (name, value) in [
            ("DATABASE_URL", "postgres://shop@db/shop"),
            ("DATABASE_URL", "postgres://shop:$PASSWORD@db/shop"),
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD_FILE", "/run/secrets/db"),
            ("TOKEN_URL", "https://example.com/token"),
            ("TOKEN_SECONDS", "36000000"),
            ("PASSWORD_HINT", "<set me please>"),
            ("API_KEY", "changeme-please"),
            ("GREETING", "AKIA is a prefix of keys"),
            ("MODE", "production"),
        ] {
            assert_eq!(suspected(name, value), None, "{name}={value}");
        }
    }
}
