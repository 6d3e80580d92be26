//! What a file of problem matchers says, and what one of them finds.

use std::borrow::Cow;

use regex::bytes::Regex;
use serde::Deserialize;

use super::{MatcherError, pattern};

/// The `setup` actions bring a dozen; more is a loop that adds them.
pub(super) const MOST_MATCHERS: usize = 100;

/// A matcher over more lines than that is a mistake.
const MOST_PATTERNS: usize = 20;

/// One matcher, ready to be used.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) owner: String,
    /// What holds where no pattern finds it: the severity, and where paths start from.
    defaults: Parts,
    pub(super) patterns: Vec<Pattern>,
}

#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Which group is which part.
    groups: [Option<usize>; Part::ALL.len()],
    /// The last pattern goes on to match lines for as long as they do.
    is_loop: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    File,
    Line,
    Column,
    Severity,
    Code,
    Message,
    FromPath,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::File,
        Self::Line,
        Self::Column,
        Self::Severity,
        Self::Code,
        Self::Message,
        Self::FromPath,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Line => "line",
            Self::Column => "column",
            Self::Severity => "severity",
            Self::Code => "code",
            Self::Message => "message",
            Self::FromPath => "fromPath",
        }
    }
}

/// What was found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts([Option<String>; Part::ALL.len()]);

impl Parts {
    pub(super) fn get(&self, part: Part) -> Option<&str> {
        self.0[part as usize].as_deref()
    }
}

/// The lines that the patterns but the last have matched so far, for each of them with those of
/// the patterns before it. What the lines hold is asked only when all patterns have matched: there
/// are matchers whose first pattern matches nearly every line.
pub(super) type UnderWay = Vec<Option<Vec<Box<[u8]>>>>;

impl Matcher {
    pub(super) fn nothing_yet(&self) -> UnderWay {
        vec![None; self.patterns.len() - 1]
    }

    /// What the line adds to what was found in the lines before it, once that is all there is.
    pub(super) fn find(&self, line: &[u8], before: &mut UnderWay) -> Option<Parts> {
        let last = self.patterns.len() - 1;
        // Backwards, so that a line goes on from what the lines before it found, not from itself.
        for index in (0..=last).rev() {
            if index > 0 && before[index - 1].is_none() {
                continue;
            }
            let is_match = self.patterns[index].regex.is_match(line);
            if index < last {
                before[index] = is_match.then(|| {
                    let above = index.checked_sub(1).and_then(|above| before[above].clone());
                    let mut lines = above.unwrap_or_default();
                    lines.push(line.into());
                    lines
                });
                continue;
            }
            if is_match {
                let lines = index.checked_sub(1).and_then(|above| before[above].take());
                let lines = lines.unwrap_or_default();
                let found = self.parts(lines.iter().map(|line| &**line).chain([line]));
                before.fill(None);
                if self.patterns[index].is_loop {
                    before[index - 1] = Some(lines);
                }
                return Some(found);
            }
            if let Some(above) = index.checked_sub(1) {
                before[above] = None;
            }
        }
        None
    }

    /// What lines hold that the patterns match one by one.
    fn parts<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) -> Parts {
        let mut parts = Parts::default();
        for (pattern, line) in self.patterns.iter().zip(lines) {
            let Some(captures) = pattern.regex.captures(line) else { continue };
            for (part, group) in Part::ALL.into_iter().zip(pattern.groups) {
                let Some(group) = group else { continue };
                let text = captures.get(group).map_or(&[][..], |found| found.as_bytes());
                parts.0[part as usize] = Some(String::from_utf8_lossy(text).into_owned());
            }
        }
        for part in [Part::Severity, Part::FromPath] {
            if parts.get(part).is_none_or(str::is_empty) {
                parts.0[part as usize] = self.defaults.get(part).map(str::to_owned);
            }
        }
        parts
    }
}

/// The line without what colours it.
pub(super) fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(0x1b, line) else { return Cow::Borrowed(line) };
    let mut plain = line[..first].to_vec();
    let mut rest = &line[first..];
    while let Some((byte, tail)) = rest.split_first() {
        rest = match tail.split_first() {
            Some((b'[', sequence)) if *byte == 0x1b => {
                let is_parameter = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
                let end = sequence.iter().position(|byte| !is_parameter(byte));
                let after = &sequence[end.unwrap_or(sequence.len())..];
                // `m` colours, `K` clears the line; both come from compilers.
                after.strip_prefix(b"m").or_else(|| after.strip_prefix(b"K")).unwrap_or(after)
            }
            _ => {
                plain.push(*byte);
                tail
            }
        };
    }
    Cow::Owned(plain)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    problem_matcher: Vec<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    owner: String,
    severity: Option<String>,
    from_path: Option<String>,
    #[serde(default)]
    pattern: Vec<PatternConfig>,
}

#[derive(Deserialize)]
struct PatternConfig {
    #[serde(default)]
    regexp: String,
    #[serde(default, rename = "loop")]
    is_loop: bool,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// The matchers of a file, checked.
pub(super) fn read(json: &str) -> Result<Vec<Matcher>, MatcherError> {
    let file: Result<File, _> = serde_json::from_str(json.trim_start_matches('\u{feff}'));
    let file = file.map_err(MatcherError::Json)?;
    if file.problem_matcher.len() > MOST_MATCHERS {
        return Err(MatcherError::TooMany);
    }
    let mut matchers: Vec<Matcher> = Vec::new();
    for config in file.problem_matcher {
        let owner = config.owner.clone();
        let wrong = |why: String| MatcherError::Matcher { owner: owner.clone(), why };
        if matchers.iter().any(|matcher| matcher.owner.eq_ignore_ascii_case(&owner)) {
            return Err(wrong("its owner has another one in this file".to_owned()));
        }
        matchers.push(matcher(config).map_err(wrong)?);
    }
    Ok(matchers)
}

fn matcher(config: Config) -> Result<Matcher, String> {
    if config.owner.is_empty() {
        return Err("`owner` is missing".to_owned());
    }
    let severity = config.severity.filter(|severity| !severity.is_empty());
    let is_known = |severity: &String| {
        ["error", "warning", "notice"].iter().any(|known| severity.eq_ignore_ascii_case(known))
    };
    if let Some(severity) = severity.as_ref().filter(|severity| !is_known(severity)) {
        return Err(format!("`severity` is error, warning or notice, not '{severity}'"));
    }
    let mut defaults = Parts::default();
    defaults.0[Part::Severity as usize] = severity;
    defaults.0[Part::FromPath as usize] = config.from_path;
    let last = match config.pattern.len() {
        0 => return Err("`pattern` is missing".to_owned()),
        many if many > MOST_PATTERNS => {
            return Err(format!("{many} patterns, and {MOST_PATTERNS} is the limit"));
        }
        some => some - 1,
    };
    let mut taken = [false; Part::ALL.len()];
    let mut patterns = Vec::new();
    for (index, config) in config.pattern.into_iter().enumerate() {
        if config.is_loop && (index == 0 || index != last) {
            return Err("only the last of several patterns may set `loop`".to_owned());
        }
        patterns.push(one_pattern(&config, &mut taken)?);
    }
    if !taken[Part::Message as usize] {
        return Err("no pattern says which group is the `message`".to_owned());
    }
    let last = &patterns[last];
    if last.is_loop && last.groups[Part::Message as usize].is_none() {
        return Err("the pattern with `loop` does not say which group is the `message`".to_owned());
    }
    Ok(Matcher { owner: config.owner, defaults, patterns })
}

fn one_pattern(config: &PatternConfig, taken: &mut [bool; 7]) -> Result<Pattern, String> {
    let regex = pattern::compile(&config.regexp)?;
    let mut groups = [None; Part::ALL.len()];
    for part in Part::ALL {
        let key = part.key();
        let group = match config.rest.get(key) {
            None | Some(serde_json::Value::Null) => continue,
            Some(value) => value.as_u64().and_then(|group| usize::try_from(group).ok()),
        };
        let group = group.filter(|group| *group < regex.captures_len());
        let Some(group) = group else {
            return Err(format!("`{key}` is no group of the pattern {}", config.regexp));
        };
        if std::mem::replace(&mut taken[part as usize], true) {
            return Err(format!("`{key}` is set by two patterns"));
        }
        groups[part as usize] = Some(group);
    }
    Ok(Pattern { regex, groups, is_loop: config.is_loop })
}
