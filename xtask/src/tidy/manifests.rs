//! What every manifest keeps.

use std::path::Path;

use super::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_manifest(&file.path)) {
        findings.extend(unexplained_dependencies(file));
        findings.extend(missing_lints(file));
    }
    findings
}

fn is_manifest(path: &str) -> bool {
    Path::new(path).file_name().is_some_and(|name| name == "Cargo.toml")
}

/// A third-party crate costs every build; the list says what each one is for.
fn unexplained_dependencies(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut here, mut explained, mut depth) = (false, false, 0);
    for (number, line) in (1..).zip(file.text.lines()) {
        let line = line.trim();
        if depth == 0 {
            if line.starts_with('[') {
                here = line == "[workspace.dependencies]";
                explained = false;
            } else if line.is_empty() {
                explained = false;
            } else if line.starts_with('#') {
                explained = true;
            } else if here && !explained && !line.contains("path =") {
                let name = line.split(['=', '.']).next().unwrap_or_default().trim();
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("nothing says what `{name}` is for"),
                    "put a comment above it, or above the group that it belongs to",
                ));
            }
        }
        depth += nesting(line);
    }
    findings
}

/// How many brackets a line leaves open.
fn nesting(line: &str) -> i32 {
    let mut depth = 0;
    for (nth, part) in line.split('"').enumerate() {
        if nth % 2 == 1 {
            continue;
        }
        for c in part.chars() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth -= 1,
                '#' => return depth,
                _ => {}
            }
        }
    }
    depth
}

fn missing_lints(file: &File) -> Option<Finding> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_package = lines.contains(&"[package]");
    let mut after_header = lines.iter().skip_while(|line| **line != "[lints]").skip(1);
    let keeps_lints = after_header
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .any(|line| *line == "workspace = true");
    (is_package && !keeps_lints).then(|| {
        Finding::new(
            &file.path,
            1,
            "does not keep the lints of the workspace",
            "add `[lints]` with `workspace = true`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(manifest: &str) -> Vec<String> {
        let file = File { path: "Cargo.toml".to_owned(), text: manifest.to_owned() };
        let mut findings = unexplained_dependencies(&file);
        findings.extend(missing_lints(&file));
        findings.iter().map(|f| format!("{}: {}", f.line, f.what)).collect()
    }

    #[test]
    fn a_group_of_dependencies_is_explained_once() {
        let manifest = "[workspace.dependencies]\n\
                        model = { path = \"crates/model\" }\n\
                        \n\
                        # Time.\n\
                        jiff = \"0.2\"\n\
                        # Data.\n\
                        serde = { version = \"1\", features = [\n    \"std\", # all of it]\n] }\n\
                        serde_json = \"1\"\n\
                        \n\
                        [profile.dev]\n\
                        debug = 1\n";
        assert_eq!(found(manifest), [""; 0]);
    }

    #[test]
    fn a_dependency_without_a_word_is_found() {
        let manifest = "# Everything.\n\
                        [workspace.dependencies]\n\
                        jiff = \"0.2\"\n\
                        # Data.\n\
                        serde = \"1\"\n\
                        \n\
                        rand.version = \"1\"\n";
        assert_eq!(
            found(manifest),
            ["3: nothing says what `jiff` is for", "7: nothing says what `rand` is for"]
        );
    }

    #[test]
    fn a_crate_keeps_the_lints_of_the_workspace() {
        assert_eq!(found("[package]\nname = \"a\"\n[lints]\nworkspace = true\n"), [""; 0]);
        assert_eq!(found("[workspace]\n"), [""; 0]);
        let complaint = ["1: does not keep the lints of the workspace"];
        assert_eq!(found("[package]\nname = \"a\"\n"), complaint);
        assert_eq!(found("[package]\n[lints]\n[x]\nworkspace = true\n"), complaint);
        assert_eq!(found("[package]\n# [lints]\n# workspace = true\n"), complaint);
    }
}
