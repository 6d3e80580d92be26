//! Upstream's cases, in the folder that `HIGHROAD_CONFORMANCE` names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use workflow::expression::{Expression, Names, SyntaxErrorKind};

use super::world::World;

const VARIABLE: &str = "HIGHROAD_CONFORMANCE";

#[derive(Debug, Deserialize)]
struct Case {
    expr: String,
    #[serde(default)]
    contexts: Json,
    result: Option<Expected>,
    err: Option<Refused>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    kind: String,
    value: Json,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Refused {
    kind: String,
    value: String,
}

#[test]
fn every_case_of_upstream_passes() {
    let Some(folder) = folder() else {
        return;
    };
    let (mut passed, mut count, mut failures) = (0, 0, Vec::new());
    for (place, case) in cases(&folder) {
        count += 1;
        match try_case(&case) {
            Ok(()) => passed += 1,
            Err(difference) => failures.push(format!("{place}: {}\n    {difference}", case.expr)),
        }
    }
    println!("{passed} of {count} expression cases passed");
    assert!(count > 0, "there are no cases in {}", folder.display());
    let failures = failures.join("\n");
    assert!(failures.is_empty(), "{passed} of {count} expression cases passed\n{failures}");
}

/// Where the cases are, unless nobody said so and they are not there.
fn folder() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = env::var_os(VARIABLE);
    let root = named.clone().unwrap_or_else(|| "../shared/conformance".into());
    let folder = workspace.join(root).join("github-actions/expressions");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(named.is_none(), "{VARIABLE} is set, but {} is not there", folder.display());
    println!("skipped: {} is not there; name the cases by {VARIABLE}", folder.display());
    None
}

fn cases(folder: &Path) -> Vec<(String, Case)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let groups: BTreeMap<String, Json> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (group, list) in groups {
            // Some groups are remarks.
            for case in list.as_array().into_iter().flatten() {
                let place = format!("{name} {group}");
                let case = Case::deserialize(case).unwrap_or_else(|why| panic!("{place}: {why}"));
                cases.push((place, case));
            }
        }
    }
    cases
}

fn try_case(case: &Case) -> Result<(), String> {
    let found = evaluate(case);
    match (&case.result, &case.err) {
        (Some(expected), None) => {
            let (kind, value) = found.map_err(|refused| format!("{refused:?}"))?;
            if kind == expected.kind && same(&value, &expected.value) {
                return Ok(());
            }
            Err(format!("expected {} {}, found {kind} {value}", expected.kind, expected.value))
        }
        (None, Some(expected)) => match found {
            // As upstream holds messages against each other.
            Err(found) if found.kind == expected.kind && found.value.contains(&expected.value) => {
                Ok(())
            }
            found => Err(format!("expected {expected:?}, found {found:?}")),
        },
        _ => Err("the case expects nothing".to_owned()),
    }
}

fn evaluate(case: &Case) -> Result<(String, Json), Refused> {
    let refused = |kind: &str, value: String| Refused { kind: kind.to_owned(), value };
    let world = World::new(case.contexts.clone());
    let names = Names { contexts: &world.names(), functions: &[] };
    let expression = Expression::parse_with(&case.expr, &names).map_err(|error| {
        let lexing = matches!(error.kind, SyntaxErrorKind::NotAToken | SyntaxErrorKind::TooLong);
        refused(if lexing { "lexing" } else { "parsing" }, error.to_string())
    })?;
    assert_eq!(expression.check(&names), Ok(()));
    let value = expression.evaluate(&world);
    let value = value.map_err(|error| refused("evaluation", error.to_string()))?;
    Ok((value.kind().to_string(), value.to_json()))
}

/// Whether two values are the same; numbers whether they are written with a fraction or not.
fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| left.0 == right.0 && same(left.1, right.1))
        }
        _ => left == right,
    }
}

#[test]
fn a_case_can_fail() {
    let try_json = |case: Json| try_case(&Case::deserialize(case).unwrap());
    let one = json!({ "kind": "Number", "value": 1 });
    assert_eq!(try_json(json!({ "expr": "1.0", "result": one })), Ok(()));
    assert!(try_json(json!({ "expr": "'1'", "result": one })).is_err());
    assert!(try_json(json!({ "expr": "2", "result": one })).is_err());
    assert!(try_json(json!({ "expr": "x", "result": one })).is_err());
    assert!(try_json(json!({ "expr": "1" })).is_err());
    let error = json!({ "kind": "parsing", "value": "Unexpected symbol: '2'" });
    assert_eq!(try_json(json!({ "expr": "1 2", "err": error })), Ok(()));
    assert!(try_json(json!({ "expr": "1 3", "err": error })).is_err());
    assert!(try_json(json!({ "expr": "1 @", "err": error })).is_err());
    assert!(try_json(json!({ "expr": "1", "err": error })).is_err());
}
