//! One case: options, the workflow, the files that it calls, and what GitHub makes of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::yaml::{self, Node};
use serde_json::{Value as Json, json};
use workflow::syntax::{self, Files, Limits, Options, Place, Reading, TokenPolicy};

use super::{message, template};

pub(crate) struct Case {
    path: String,
    pub(crate) workflow: Vec<u8>,
    called: BTreeMap<String, String>,
    options: Options,
    pub(crate) form: Form,
    skips_calls: bool,
    expected: Json,
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parser {
    /// It leaves events to others, but for calls.
    Server,
    /// It checks events too.
    Editors,
    /// The same, where no other parser is asked: the answer holds the events.
    EditorsOnly,
}

/// What the answer is to look like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) with_source: bool,
    pub(crate) parser: Parser,
    pub(crate) rerun: bool,
}

impl Case {
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let documents = documents(text);
        let [header, workflow, called @ .., expected] = documents.as_slice() else {
            panic!("{name} has too few documents");
        };
        let header = Header::read(header);
        let defaults = Limits::default();
        let limits = Limits {
            file: header.number("max-file-size").unwrap_or(defaults.file),
            depth: header.number("max-depth").unwrap_or(defaults.depth),
            result: header.number("max-result-size").unwrap_or(defaults.result),
            files: header.number("max-files").unwrap_or(defaults.files),
            jobs: header.number("max-job-limit").unwrap_or(defaults.jobs),
            calls: header.number("max-nested-reusable-workflows-depth").unwrap_or(defaults.calls),
            // Cases that only old parsers pass know no anchors yet.
            anchors: if header.skips("typescript") { 0 } else { defaults.anchors },
            ..defaults
        };
        let policy = match header.text("permissions-policy") {
            Some("LimitedRead") => TokenPolicy::Restricted,
            _ => TokenPolicy::Permissive,
        };
        let form = Form {
            with_source: header.flag("include-source"),
            parser: match (header.skips("c#"), header.skips("go")) {
                (false, _) => Parser::Server,
                (true, false) => Parser::Editors,
                (true, true) => Parser::EditorsOnly,
            },
            rerun: header.flag("is-partial-rerun"),
        };
        Self {
            path: format!(".github/workflows/{name}"),
            workflow: workflow.as_bytes().to_vec(),
            called: called
                .chunks_exact(2)
                .map(|pair| (pair[0].trim().to_owned(), pair[1].to_owned()))
                .collect(),
            options: Options { limits, policy: Some(policy) },
            form,
            skips_calls: header.flag("skip-reusable-workflows"),
            expected: serde_json::from_str(expected).unwrap(),
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        let files: Option<&dyn Files> = if self.skips_calls { None } else { Some(self) };
        syntax::read(&self.path, &self.workflow, files, &self.options)
    }

    /// What differs from what is expected.
    pub(crate) fn check(&self) -> Result<(), String> {
        let reading = self.reading();
        let errors = message::messages(&reading, self.form);
        let actual = match &reading.workflow {
            Some(workflow) if errors.is_empty() => {
                template::template(&reading, workflow, self.form)
            }
            _ => {
                let errors: Vec<Json> =
                    errors.iter().map(|error| json!({ "Message": error })).collect();
                json!({ "errors": errors })
            }
        };
        let [expected, actual] =
            [&self.expected, &actual].map(|json| serde_json::to_string_pretty(json).unwrap());
        if expected == actual { Ok(()) } else { Err(difference(&expected, &actual)) }
    }
}

impl Files for Case {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        let name = place.to_string();
        let found = self.called.get(&name).or_else(|| self.called.get(&format!("./{name}")));
        found.map(|text| text.as_bytes().to_vec()).ok_or_else(|| "not in the case".to_owned())
    }
}

/// What lies between lines of three dashes, without the line breaks around these.
fn documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end_matches(['\r', '\n']) == "---" {
            let document = text[start..at].strip_suffix('\n').unwrap_or_default();
            documents.push(document.strip_suffix('\r').unwrap_or(document));
            start = at + line.len();
        }
        at += line.len();
    }
    documents.push(&text[start..]);
    documents
}

/// The lines around the first that differ.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), actual.lines().collect());
    let same = expected.iter().zip(&actual).take_while(|(left, right)| left == right).count();
    let mut shown = String::new();
    for line in &expected[same.saturating_sub(3)..same] {
        writeln!(shown, "    {line}").unwrap();
    }
    for (sign, lines) in [('-', &expected), ('+', &actual)] {
        for line in lines.iter().skip(same).take(8) {
            writeln!(shown, "  {sign} {line}").unwrap();
        }
    }
    shown
}

/// The options of a case.
struct Header(Option<Node>);

impl Header {
    fn read(text: &str) -> Self {
        Self(yaml::read("header", text.as_bytes(), &yaml::Options::default()).root)
    }

    fn get(&self, key: &str) -> Option<&Node> {
        self.0.as_ref()?.as_mapping()?.get(key)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    fn flag(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.text(key)?.parse().ok()
    }

    fn skips(&self, parser: &str) -> bool {
        let skipped = self.get("skip").and_then(Node::as_sequence).unwrap_or_default();
        skipped.iter().filter_map(Node::text).any(|skipped| skipped.eq_ignore_ascii_case(parser))
    }
}
