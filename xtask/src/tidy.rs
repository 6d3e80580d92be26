//! The rules of the house that no compiler knows, one module per kind of rule.
//!
//! To add a rule, write a function that takes the [`Tree`] and returns findings, name it in
//! [`check`], and give it a fixture that fails and one that passes.

mod docs;
mod imports;
mod manifests;
mod purity;
mod rust;
mod source;

#[cfg(test)]
mod fixture;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Holds the tree under `root` against every rule.
pub(crate) fn check(root: &Path) -> io::Result<Report> {
    let tree = Tree::read(root)?;
    let mut findings = imports::check(&tree)?;
    findings.extend(purity::check(&tree));
    findings.extend(source::check(&tree));
    findings.extend(docs::check(&tree));
    findings.extend(manifests::check(&tree));
    findings.sort();
    findings.dedup();
    Ok(Report { files: tree.files.len(), findings })
}

#[derive(Debug)]
pub(crate) struct Report {
    files: usize,
    pub(crate) findings: Vec<Finding>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let plural = if self.findings.len() == 1 { "" } else { "s" };
        writeln!(f, "tidy: {} files, {} finding{plural}", self.files, self.findings.len())
    }
}

/// One thing that is wrong, and how to mend it. Ordered as it is read: by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    mend: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.mend)
    }
}

/// The files that rules look at, read once, sorted by path.
#[derive(Debug)]
struct Tree {
    root: PathBuf,
    files: Vec<File>,
    /// Names of the folders in `crates/`, in order.
    crates: Vec<String>,
}

#[derive(Debug)]
struct File {
    /// Relative to the root, with `/` between its parts.
    path: String,
    text: String,
}

impl Tree {
    fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let crates = folders(&root.join("crates"))?;
        Ok(Self { root: root.to_owned(), files, crates })
    }

    fn with_extension(&self, extension: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |file| Path::new(&file.path).extension().is_some_and(|e| e == extension))
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Hidden folders hold tools' own files, and `target` holds what was built.
fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && name != "target" {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && is_checked(&name) {
            let text = std::fs::read_to_string(entry.path())
                .map_err(|error| io::Error::new(error.kind(), format!("read {path}: {error}")))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

fn folders(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

fn is_checked(name: &str) -> bool {
    name == "Cargo.toml"
        || Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "md")
}

#[cfg(test)]
mod tests {
    use super::fixture::{self, Fixture};
    use super::*;

    #[test]
    fn a_clean_tree_has_no_findings() {
        let report = check(Fixture::clean().path()).unwrap();
        assert_eq!(report.to_string(), "tidy: 4 files, 0 findings\n");
    }

    #[test]
    fn findings_are_listed_by_place_with_what_and_how() {
        let fixture = Fixture::clean();
        fixture
            .write("crates/model/src/lib.rs", "//! Nouns.\n\n// TODO: more\nfn f() { todo!() }\n");
        let report = check(fixture.path()).unwrap();
        let lines: Vec<String> = report.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 3, "{report}");
        assert!(lines[0].starts_with("crates/model/src/lib.rs:3: "), "{report}");
        assert!(lines[1].starts_with("crates/model/src/lib.rs:4: "), "{report}");
        assert_eq!(lines[2], "tidy: 4 files, 2 findings");
    }

    #[test]
    fn every_kind_of_rule_is_asked() {
        let fixture = Fixture::clean();
        fixture.write("ARCHITECTURE.md", "`model` and `docs/gone.md`.\n");
        fixture
            .write("Cargo.toml", &fixture.read("Cargo.toml").replace("# Writes things down.", ""));
        fixture.member("crates/engine", "[dependencies]\nanyhow = \"1\"\n");
        fixture.write("crates/engine/src/lib.rs", "use std::fs;\n");
        let findings = check(fixture.path()).unwrap().findings;
        assert_eq!(
            fixture::places(&findings),
            [
                "ARCHITECTURE.md:1: does not mention crates/engine",
                "ARCHITECTURE.md:1: names `docs/gone.md`, which does not exist",
                "Cargo.toml:6: nothing says what `serde_json` is for",
                "crates/engine/Cargo.toml:8: `engine` must not import `anyhow`",
                "crates/engine/src/lib.rs:1: `engine` is pure and must not mention `std::fs`",
                "crates/engine/src/lib.rs:1: does not open with a `//!` line",
            ]
        );
    }

    #[test]
    fn what_is_built_or_hidden_is_not_looked_at() {
        let fixture = Fixture::clean();
        fixture.write("target/debug/build/out.rs", "dbg!(1);\n");
        fixture.write(".cache/x.rs", "dbg!(1);\n");
        assert!(check(fixture.path()).unwrap().findings.is_empty());
    }

    #[test]
    fn the_source_of_these_rules_keeps_them() {
        let fixture = Fixture::clean();
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in Tree::read(own).unwrap().files {
            fixture.write(&format!("xtask/{}", file.path), &file.text);
        }
        let tree = Tree::read(fixture.path()).unwrap();
        assert!(tree.get("xtask/src/tidy.rs").is_some());
        let findings = check(fixture.path()).unwrap().findings;
        assert!(findings.is_empty(), "{findings:#?}");
    }
}
