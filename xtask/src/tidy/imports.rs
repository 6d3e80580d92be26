//! Who may import whom, held against what `cargo metadata` says.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Finding, Tree};

/// The house, crate by crate. A new crate gets a row here before its first line of code.
///
/// A row governs what goes into the program: normal and build dependencies, on every platform and
/// behind every feature. A name that ends in `*` stands for a family of crates.
const HOUSE: &[Row] = &[
    row("model", Ours::Only(&[]), Theirs::Never(&[RUNTIME, CHANCE, CLOCK, FILES, SQL, HTTP, ODD])),
    row(
        "workflow",
        Ours::Only(&["model"]),
        Theirs::Never(&[RUNTIME, CHANCE, CLOCK, FILES, SQL, HTTP, ODD]),
    ),
    row("evidence", Ours::Only(&[]), Theirs::Only(&["serde", "thiserror"])),
    row(
        "engine",
        Ours::Only(&["model", "workflow", "evidence"]),
        Theirs::Only(&["jiff", "serde", "serde_json"]),
    ),
    row("ports", Ours::Only(&["model"]), Theirs::Never(&[SQL, HTTP])),
    row(
        "conductor",
        Ours::Only(&["model", "workflow", "evidence", "engine", "ports"]),
        Theirs::Never(&[SQL, HTTP]),
    ),
    row("store", ADAPTER, Theirs::Any),
    // A step's expressions are evaluated where the step is executed.
    row("jobs", Ours::Only(&["model", "workflow", "ports", "cgroups"]), Theirs::Any),
    row("node", Ours::Only(&["model", "ports", "evidence", "cgroups"]), Theirs::Any),
    // What Linux has for both of them; it knows nothing of jobs and instances.
    row("cgroups", Ours::Only(&[]), Theirs::Only(&["serde"])),
    row("docker", ADAPTER, Theirs::Any),
    row("kubernetes", ADAPTER, Theirs::Any),
    row("telemetry", ADAPTER, Theirs::Any),
    row("infra", ADAPTER, Theirs::Any),
    row("forge", ADAPTER, Theirs::Any),
    row(
        "api",
        Ours::Only(&["model", "workflow", "evidence", "engine", "ports", "conductor"]),
        Theirs::Never(&[SQL]),
    ),
    row("cli", Ours::Any, Theirs::Any),
    row("sim", Ours::Any, Theirs::Any),
    // It measures the system as it stands, and is no part of it.
    row("bench", Ours::Any, Theirs::Any),
    // It judges the house, so it does not live in it; and it must build in seconds.
    row("xtask", Ours::Only(&[]), Theirs::Only(&["serde_json"])),
];

/// An adapter speaks to one engine through one port, and knows no other adapter.
const ADAPTER: Ours = Ours::Only(&["model", "ports"]);

/// Tests may import more than what they test, with these exceptions: a decider that needs a runtime
/// to be tested is no longer pure.
const NOT_EVEN_IN_TESTS: &[(&str, &str)] = &[("model", "tokio*"), ("engine", "tokio*")];

const RUNTIME: &[&str] = &["tokio*", "futures*", "async-*", "smol"];
const CHANCE: &[&str] = &["rand", "rand_*", "getrandom", "fastrand"];
const CLOCK: &[&str] = &["chrono", "time", "web-time"];
const FILES: &[&str] = &["walkdir", "tempfile", "fs-err", "ignore"];
const SQL: &[&str] =
    &["rusqlite", "libsqlite3-sys", "tokio-postgres", "postgres*", "deadpool*", "sqlx*", "diesel*"];
const HTTP: &[&str] =
    &["http", "http-*", "hyper*", "axum*", "tower*", "tonic*", "reqwest", "ureq", "h2"];
/// An error without a type, and words to nobody.
const ODD: &[&str] = &["anyhow", "eyre", "log", "tracing*"];

/// Holds each workspace member against its row.
pub(super) fn check(tree: &Tree) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let metadata = metadata(&tree.root)?;
    let packages = metadata["packages"].as_array().filter(|packages| !packages.is_empty());
    let packages = packages.ok_or_else(|| io::Error::other("cargo metadata names no crates"))?;
    let ours: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    for package in packages {
        let manifest = relative(text(package, "manifest_path"), &tree.root);
        let Some(folder) = manifest.strip_suffix("/Cargo.toml") else { continue };
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let called = text(package, "name");
        if called != name {
            findings.push(Finding::new(
                &manifest,
                line_of(tree, &manifest, "package", "name"),
                format!("the crate is called `{called}` and its folder `{name}`"),
                "give both the same name",
            ));
        }
        let Some(row) = HOUSE.iter().find(|row| row.name == name) else {
            findings.push(Finding::new(
                &manifest,
                1,
                format!("no row says what `{name}` may import"),
                "give it a row in xtask/src/tidy/imports.rs",
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let imported = text(dependency, "name");
            let is_ours = ours.contains(imported) && dependency["path"].is_string();
            let kind = dependency["kind"].as_str().unwrap_or("normal");
            let Some(mend) = objection(row, imported, is_ours, kind) else { continue };
            let key = dependency["rename"].as_str().unwrap_or(imported);
            let section = match kind {
                "normal" => "dependencies",
                "build" => "build-dependencies",
                _ => "dev-dependencies",
            };
            findings.push(Finding::new(
                &manifest,
                line_of(tree, &manifest, section, key),
                format!("`{name}` must not import `{imported}`"),
                mend,
            ));
        }
    }
    Ok(findings)
}

struct Row {
    name: &'static str,
    ours: Ours,
    theirs: Theirs,
}

/// What a crate may import from this workspace.
#[derive(Clone, Copy)]
enum Ours {
    Any,
    Only(&'static [&'static str]),
}

/// What a crate may import from elsewhere.
#[derive(Clone, Copy)]
enum Theirs {
    Any,
    Only(&'static [&'static str]),
    Never(&'static [&'static [&'static str]]),
}

const fn row(name: &'static str, ours: Ours, theirs: Theirs) -> Row {
    Row { name, ours, theirs }
}

/// Why `row` may not import a crate, said as what to do about it.
fn objection(row: &Row, imported: &str, is_ours: bool, kind: &str) -> Option<String> {
    if kind == "dev" {
        return NOT_EVEN_IN_TESTS
            .iter()
            .any(|(name, pattern)| *name == row.name && matches(pattern, imported))
            .then(|| "test the decision without a runtime".to_owned());
    }
    if is_ours {
        return match row.ours {
            Ours::Only(names) if !names.contains(&imported) => Some(format!(
                "of this workspace it may import {}; put what is shared further down, or behind a \
                 port that `cli` wires",
                listed(names)
            )),
            _ => None,
        };
    }
    match row.theirs {
        Theirs::Only(names) if !names.contains(&imported) => Some(format!(
            "of third-party crates it may import {}; do the work where the world is touched, or \
             change its row in xtask/src/tidy/imports.rs and say why",
            listed(names)
        )),
        Theirs::Never(families)
            if families.iter().copied().flatten().any(|p| matches(p, imported)) =>
        {
            Some("hide it behind a port, in an adapter".to_owned())
        }
        _ => None,
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == pattern,
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("only {}", quoted.join(", "))
}

/// The declared dependencies of the members. Nothing is resolved, so nothing is fetched either.
fn metadata(root: &Path) -> io::Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("cargo metadata: {}", errors.trim())));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn relative(path: &str, root: &Path) -> String {
    Path::new(path).strip_prefix(root).unwrap_or(Path::new(path)).to_string_lossy().into_owned()
}

/// Where a manifest names `key`. Good enough to point at: the first line if it is not found.
fn line_of(tree: &Tree, manifest: &str, section: &str, key: &str) -> usize {
    let Some(file) = tree.get(manifest) else { return 1 };
    // `[target.'cfg(unix)'.dependencies]` is a section of dependencies too.
    let is_header = |header: &str, section: &str| {
        header.strip_suffix(section).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let mut here = "";
    for (number, line) in (1..).zip(file.text.lines()) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            here = header.trim_end_matches(']');
            if is_header(here, &format!("{section}.{key}")) {
                return number;
            }
        } else if is_header(here, section)
            && line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', '.']))
        {
            return number;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, places};
    use super::*;

    /// What is found in a workspace that also has these members: (folder, tail of manifest).
    fn found(members: &[(&str, &str)]) -> Vec<String> {
        let fixture = Fixture::clean();
        for (folder, rest) in members {
            fixture.member(folder, rest);
        }
        let mut found = places(&check(&fixture.tree()).unwrap());
        found.sort();
        found
    }

    fn depends(on: &str) -> String {
        format!("[dependencies]\n{on}\n")
    }

    #[test]
    fn a_crate_imports_what_its_row_allows() {
        let ours = depends("model = { path = \"../model\" }\nserde = \"1\"\njiff = \"0.2\"");
        assert!(found(&[("crates/engine", &ours)]).is_empty());
    }

    #[test]
    fn a_crate_does_not_import_upwards_or_sideways() {
        let found = found(&[
            ("crates/engine", &depends("model = { path = \"../model\" }")),
            ("crates/jobs", ""),
            (
                "crates/store",
                "[dependencies]\nengine.path = \"../engine\"\n[dependencies.jobs]\npath = \"../jobs\"\n",
            ),
            ("crates/ports", &depends("engine = { path = \"../engine\" }")),
            ("crates/cli", &depends("store = { path = \"../store\" }")),
        ]);
        assert_eq!(
            found,
            [
                "crates/ports/Cargo.toml:8: `ports` must not import `engine`",
                "crates/store/Cargo.toml:8: `store` must not import `engine`",
                "crates/store/Cargo.toml:9: `store` must not import `jobs`",
            ]
        );
    }

    #[test]
    fn a_forbidden_family_is_forbidden_in_any_guise() {
        for guise in [
            "[dependencies]\ntokio-util = \"1\"\n",
            "[dependencies]\nquiet = { package = \"tokio\", version = \"1\" }\n",
            "[dependencies]\ntokio = { version = \"1\", optional = true }\n",
            "[build-dependencies]\nrand_chacha = \"1\"\n",
            "[target.'cfg(windows)'.dependencies]\nanyhow = \"1\"\n",
        ] {
            let found = found(&[("crates/workflow", guise)]);
            assert_eq!(found.len(), 1, "{guise}: {found:?}");
            assert!(found[0].starts_with("crates/workflow/Cargo.toml:8: "), "{found:?}");
        }
    }

    #[test]
    fn a_crate_with_a_closed_list_imports_nothing_else() {
        assert_eq!(
            found(&[("crates/engine", &depends("regex = \"1\""))]),
            ["crates/engine/Cargo.toml:8: `engine` must not import `regex`"]
        );
    }

    #[test]
    fn tests_may_import_more_but_deciders_never_a_runtime() {
        let dev = |on: &str| format!("[dev-dependencies]\n{on} = \"1\"\n");
        assert!(found(&[("crates/engine", &dev("insta"))]).is_empty());
        assert!(found(&[("crates/workflow", &dev("tokio"))]).is_empty());
        assert_eq!(
            found(&[("crates/engine", &dev("tokio"))]),
            ["crates/engine/Cargo.toml:8: `engine` must not import `tokio`"]
        );
    }

    #[test]
    fn a_third_party_crate_with_a_name_of_ours_is_third_party() {
        assert!(found(&[("crates/store", &depends("docker = \"1\""))]).is_empty());
    }

    #[test]
    fn the_finding_points_at_the_import_and_not_at_its_twin() {
        let twice = "[dev-dependencies]\nrand = \"1\"\n\n[dependencies]\nrand = \"1\"\n";
        assert_eq!(
            found(&[("crates/workflow", twice)]),
            ["crates/workflow/Cargo.toml:11: `workflow` must not import `rand`"]
        );
    }

    #[test]
    fn a_crate_folder_has_a_row() {
        assert_eq!(
            found(&[("crates/attic", "")]),
            ["crates/attic/Cargo.toml:1: no row says what `attic` may import"]
        );
    }

    #[test]
    fn a_folder_is_named_like_its_crate() {
        let fixture = Fixture::clean();
        fixture.member("crates/store", "");
        fixture.write(
            "crates/store/Cargo.toml",
            "[package]\nname = \"highroad-store\"\n\n[lints]\nworkspace = true\n",
        );
        let findings = check(&fixture.tree()).unwrap();
        assert_eq!(
            places(&findings),
            ["crates/store/Cargo.toml:2: the crate is called `highroad-store` and its folder \
                 `store`"]
        );
    }

    #[test]
    fn no_row_is_written_twice() {
        let names: BTreeSet<&str> = HOUSE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), HOUSE.len());
    }
}
