//! What the prose says is there is there, and what is there is in the prose.

use std::path::Path;

use super::{File, Finding, Tree};

/// Where a word in backticks counts as a path of this repository.
const ROOMS: &[&str] = &["crates/", "xtask/", "bench/", "docs/", "scripts/", ".ci/", "examples/"];

const FRONT_DOOR: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let prose = tree.with_extension("md").filter(|file| {
        file.path == FRONT_DOOR || file.path == "README.md" || file.path.starts_with("docs/")
    });
    let mut findings: Vec<Finding> = prose.flat_map(|file| dead_paths(tree, file)).collect();
    findings.extend(unmentioned_crates(tree));
    findings
}

fn dead_paths(tree: &Tree, file: &File) -> Vec<Finding> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (number, span) in spans(&file.text) {
        let named: Vec<(&str, &Path)> = match &span {
            Span::Code(code) => {
                let paths = code.split_whitespace().filter_map(path_in_code);
                paths.map(|path| (path, Path::new(""))).collect()
            }
            Span::Link(target) => {
                path_in_link(target).map(|path| (path, folder)).into_iter().collect()
            }
        };
        for (path, from) in named {
            if !tree.root.join(from).join(path).exists() {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("names `{path}`, which does not exist"),
                    "name what is there now",
                ));
            }
        }
    }
    findings
}

fn unmentioned_crates(tree: &Tree) -> Vec<Finding> {
    if tree.crates.is_empty() {
        return Vec::new();
    }
    let Some(front_door) = tree.get(FRONT_DOOR) else {
        return vec![Finding::new(
            FRONT_DOOR,
            1,
            "does not exist",
            "say there where everything is",
        )];
    };
    let unmentioned = tree.crates.iter().filter(|name| !mentions(&front_door.text, name));
    unmentioned
        .map(|name| {
            let what = format!("does not mention crates/{name}");
            Finding::new(FRONT_DOOR, 1, what, "say what lives there")
        })
        .collect()
}

/// Whether a crate is named: in backticks, or by its folder anywhere, a drawing of the tree too.
fn mentions(text: &str, name: &str) -> bool {
    text.contains(&format!("`{name}`"))
        || text
            .split(&format!("crates/{name}"))
            .skip(1)
            .any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
}

enum Span {
    Code(String),
    Link(String),
}

/// What stands in backticks and where links point, by line; fenced blocks are left alone.
fn spans(text: &str) -> Vec<(usize, Span)> {
    let mut spans = Vec::new();
    let (mut fenced, mut code) = (false, false);
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // A span may go on in the next line, but not in the next paragraph.
        code &= !trimmed.is_empty();
        let mut prose = String::new();
        for (nth, part) in line.replace("``", "`").split('`').enumerate() {
            code ^= nth > 0;
            if code {
                spans.push((number, Span::Code(part.to_owned())));
            } else {
                prose.push_str(part);
            }
        }
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let defined = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        let targets = inline.chain(defined.map(|(_, target)| target.trim()));
        spans.extend(targets.map(|target| (number, Span::Link(target.to_owned()))));
    }
    spans
}

/// The part of a word that can be looked up: without punctuation, `:line` and what follows a
/// placeholder such as `*` or `<name>`.
fn path_in_code(word: &str) -> Option<&str> {
    let word = word.trim_start_matches(['(', '"', '\'']);
    let word = word.strip_prefix("./").unwrap_or(word);
    if !ROOMS.iter().any(|room| word.starts_with(room)) {
        return None;
    }
    let word = word.split([':', '#']).next()?.trim_end_matches([',', '.', ';', ')', '"', '\'']);
    match word.find(['*', '<', '{', '[', '$', '?', '…']) {
        Some(placeholder) => Some(&word[..=word[..placeholder].rfind('/')?]),
        None => Some(word),
    }
}

fn path_in_link(target: &str) -> Option<&str> {
    let path = target.split('#').next()?;
    let elsewhere = path.is_empty() || path.contains(':') || path.starts_with(['/', '<']);
    (!elsewhere).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, places};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let fixture = Fixture::clean();
        fixture.write("docs/guide.md", "Nothing here.\n");
        fixture.write(path, text);
        places(&check(&fixture.tree()))
    }

    #[test]
    fn a_path_that_is_there_may_be_named() {
        let text = "`crates/model`, `crates/model/src/lib.rs:12`, (`docs/guide.md#top`),\n\
                    `cat crates/model/Cargo.toml, please`, `crates/*/src`, `docs/<page>.md`,\n\
                    [`model`](crates/model) and [the guide](docs/guide.md#top).\n\n\
                    [guide]: docs/guide.md\n";
        assert_eq!(found("README.md", text), [""; 0]);
    }

    #[test]
    fn a_path_that_is_not_there_must_not_be_named() {
        for dead in [
            "`crates/gone`",
            "``crates/gone``",
            "`cat\ncrates/gone`",
            "`./crates/gone`",
            "`cat crates/gone:12`",
            "`crates/gone/*.rs`",
            "[x](crates/gone)",
            "[`model`](crates/gone#top)",
            "[x]: crates/gone",
        ] {
            let found = found("README.md", &format!("\n{dead}\n"));
            assert_eq!(found.len(), 1, "{dead}: {found:?}");
            assert!(found[0].contains("names `crates/gone"), "{found:?}");
        }
    }

    #[test]
    fn links_start_where_the_page_is() {
        assert_eq!(found("docs/a/b.md", "[x](../guide.md) [y](../../crates/model)\n"), [""; 0]);
        assert_eq!(
            found("docs/a/b.md", "[x](docs/guide.md)\n"),
            ["docs/a/b.md:1: names `docs/guide.md`, which does not exist"]
        );
    }

    #[test]
    fn what_is_elsewhere_or_only_shown_is_not_looked_up() {
        let text = "[x](https://example.org/docs/gone) [y](#top) [z](mailto:a@b.c) [r](/runs)\n\
                    crates/gone, `my/crates/gone`\n\
                    ```\n`docs/gone`\n```\n";
        assert_eq!(found("README.md", text), [""; 0]);
    }

    #[test]
    fn other_pages_are_not_looked_at() {
        assert_eq!(found("crates/model/notes.md", "`docs/gone`\n"), [""; 0]);
    }

    #[test]
    fn the_front_door_leads_to_every_crate() {
        for mention in ["`model`", "see crates/model.", "```\ncrates/model/  nouns\n```"] {
            assert_eq!(found("ARCHITECTURE.md", mention), [""; 0]);
        }
        for none in ["", "a model", "crates/modeler", "crates/model-two"] {
            assert_eq!(
                found("ARCHITECTURE.md", none),
                ["ARCHITECTURE.md:1: does not mention crates/model"]
            );
        }
    }

    #[test]
    fn a_house_has_a_front_door() {
        let fixture = Fixture::empty();
        assert!(check(&fixture.tree()).is_empty());
        fixture.member("crates/model", "");
        assert_eq!(places(&check(&fixture.tree())), ["ARCHITECTURE.md:1: does not exist"]);
    }
}
