//! Secrets that are written down in the file.

mod random;

use model::source::{Finding, Span, quoted};

use self::random::looks_random;
use super::Report;
use super::action::flat;
use crate::syntax::model::{Container, StepWork, Work, Workflow};
use crate::syntax::{Given, Node};

/// A kind of token, known by how it begins.
struct Token {
    what: &'static str,
    prefix: &'static str,
    /// How many characters follow at least.
    least: usize,
    follows: fn(char) -> bool,
}

const TOKENS: &[Token] = &[
    token("a key of AWS", "AKIA", 16, upper),
    token("a key of AWS", "ASIA", 16, upper),
    token("a token of GitHub", "ghp_", 36, alphanumeric),
    token("a token of GitHub", "gho_", 36, alphanumeric),
    token("a token of GitHub", "ghu_", 36, alphanumeric),
    token("a token of GitHub", "ghs_", 36, alphanumeric),
    token("a token of GitHub", "ghr_", 36, alphanumeric),
    token("a token of GitHub", "github_pat_", 40, word),
    token("a token of GitLab", "glpat-", 20, word),
    token("a token of Slack", "xoxb-", 20, word),
    token("a token of Slack", "xoxp-", 20, word),
    token("a token of Slack", "xoxa-", 20, word),
    token("a token of Slack", "xoxr-", 20, word),
    token("a token of Slack", "xapp-", 20, word),
    token("a webhook of Slack", "https://hooks.slack.com/services/T", 20, path),
    token("a key of Stripe", "sk_live_", 20, alphanumeric),
    token("a key of Stripe", "rk_live_", 20, alphanumeric),
    token("a key of Google", "AIza", 35, word),
    token("a token of npm", "npm_", 36, alphanumeric),
    token("a token of PyPI", "pypi-AgE", 40, word),
    token("a key of SendGrid", "SG.", 60, dotted),
    token("a token of Docker Hub", "dckr_pat_", 20, word),
    token("a token of Hugging Face", "hf_", 30, alphanumeric),
    token("a key of Anthropic", "sk-ant-", 30, word),
    token("a key of OpenAI", "sk-proj-", 30, word),
];

/// A real token has at least so many different characters.
const LEAST_DIFFERENT: usize = 8;

pub(super) fn check(workflow: &Workflow, report: &mut Report<'_>) {
    tokens(report);
    private_keys(report);
    values(workflow.env.as_ref(), report);
    for job in &workflow.jobs {
        match &job.work {
            Work::Call(call) => values(call.with.as_ref(), report),
            Work::Steps(steps) => {
                values(steps.env.as_ref(), report);
                for step in flat(&steps.steps) {
                    values(step.env.as_ref(), report);
                    if let StepWork::Uses { with, .. } = &step.work {
                        values(with.as_ref(), report);
                    }
                }
                let container = steps.container.as_ref().and_then(Given::fixed);
                let services = steps.services.as_ref().and_then(Given::fixed);
                let services = services.into_iter().flatten();
                let containers = services.filter_map(|(_, service)| service.fixed());
                container.into_iter().chain(containers).for_each(|one| of_container(one, report));
            }
        }
    }
}

fn told(what: &str, span: Span) -> Finding {
    Finding::warning("secret-in-file", format!("{what} is written down here"), span)
        .label("everybody who sees the file can use it")
        .hint("make it invalid, put a new one into a secret, and write `${{ secrets.NAME }}`")
        .masked()
}

fn tokens(report: &mut Report<'_>) {
    let text = report.source.text();
    let mut found = Vec::new();
    for Token { what, prefix, least, follows } in TOKENS {
        for (at, _) in text.match_indices(prefix) {
            let body = &text[at + prefix.len()..];
            let end = body.find(|c| !follows(c)).unwrap_or(body.len());
            let body = &body[..end];
            let apart = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if apart && end >= *least && !is_placeholder(body) {
                found.push(told(what, Span::new(at, at + prefix.len() + end)));
            }
        }
    }
    report.findings.extend(found);
}

fn is_placeholder(body: &str) -> bool {
    let mut different: Vec<char> = body.chars().collect();
    different.sort_unstable();
    different.dedup();
    different.len() < LEAST_DIFFERENT || body.to_uppercase().contains("EXAMPLE")
}

/// From the line that opens a key to the one that closes it.
fn private_keys(report: &mut Report<'_>) {
    const OPEN: &str = "-----BEGIN ";
    const KIND: &str = "PRIVATE KEY";
    const LEAST: usize = 40;
    let text = report.source.text();
    let mut found = Vec::new();
    for (at, _) in text.match_indices(OPEN) {
        let rest = &text[at..];
        let line = rest.lines().next().unwrap_or(rest);
        let Some(header) = line[OPEN.len()..].find("-----") else { continue };
        let header = OPEN.len() + header;
        if !line[..header].contains(KIND) {
            continue;
        }
        // Somebody who only looks for a key writes the line and no key.
        let body = rest[header + "-----".len()..].trim_start_matches(['\\', 'n', 'r']).trim_start();
        let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        if body.chars().take_while(|c| base64(*c)).count() < LEAST {
            continue;
        }
        let close = rest.find("-----END ").map_or(rest.len(), |end| {
            let behind = &rest[end..];
            end + behind.lines().next().unwrap_or(behind).trim_end().len()
        });
        found.push(told("a private key", Span::new(at, at + close)));
    }
    report.findings.extend(found);
}

/// Variables and inputs that are called like a secret, and look like one.
fn values(node: Option<&Node>, report: &mut Report<'_>) {
    for entry in node.and_then(Node::as_mapping).unwrap_or_default() {
        let (Some(name), Some(text)) = (entry.key.literal(), entry.value.as_text()) else {
            continue;
        };
        let Some(value) = text.literal() else { continue };
        let span = text.span();
        if !names_a_secret(name) || !looks_random(value) {
            continue;
        }
        let known = report.findings.iter().any(|finding| {
            finding.masked && finding.span.start < span.end && span.start < finding.span.end
        });
        if !known {
            report.tell(told(&format!("the value of {}", quoted(name)), span));
        }
    }
}

fn names_a_secret(name: &str) -> bool {
    const ALONE: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "credential",
        "credentials",
    ];
    const PAIRS: &[(&str, &str)] = &[
        ("api", "key"),
        ("access", "key"),
        ("private", "key"),
        ("secret", "key"),
        ("auth", "key"),
    ];
    // `TOKEN_FILE` names a file, not a token.
    const ABOUT: &[&str] = &[
        "file", "path", "name", "url", "uri", "id", "type", "version", "header", "endpoint",
        "length", "ttl", "dir", "issuer", "audience", "hash", "arn",
    ];
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    let about = words.last().is_some_and(|last| ABOUT.contains(last));
    let secret = words.iter().any(|word| ALONE.contains(word))
        || words.windows(2).any(|pair| PAIRS.contains(&(pair[0], pair[1])));
    secret && !about
}

fn of_container(container: &Container, report: &mut Report<'_>) {
    values(container.env.as_ref(), report);
    let Some(Given::Fixed(credentials)) = &container.credentials else { return };
    for (given, missing) in [
        (&credentials.username, ("password", &credentials.password)),
        (&credentials.password, ("username", &credentials.username)),
    ] {
        if let (Some(given), (name, None)) = (given, missing) {
            let message = format!("the credentials have no `{name}`");
            let finding = Finding::warning("half-credentials", message, given.span());
            report.tell(finding.label("alone").hint(format!("add `{name}:`")));
        }
    }
    let Some(password) = credentials.password.as_ref().filter(|text| text.literal().is_some())
    else {
        return;
    };
    report.tell(
        Finding::warning(
            "password-in-file",
            "the password of a registry is written down here",
            password.span(),
        )
        .label("everybody who sees the file can use it")
        .hint("put it into a secret, and write `${{ secrets.NAME }}`")
        .masked(),
    );
}

const fn token(
    what: &'static str,
    prefix: &'static str,
    least: usize,
    follows: fn(char) -> bool,
) -> Token {
    Token { what, prefix, least, follows }
}

fn upper(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn path(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '/'
}

fn dotted(c: char) -> bool {
    word(c) || c == '.'
}
