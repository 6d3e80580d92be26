//! Every scenario's page is as its golden page says. `UPDATE_PAGES=1 cargo test -p sim` writes
//! the pages anew, to be read before they are committed.

use std::fs;
use std::path::{Path, PathBuf};

use sim::scenario::Scenario;

#[test]
fn every_scenario_gives_its_page() {
    let scripts = scripts();
    assert!(scripts.len() >= 6, "only {} scenarios were found", scripts.len());
    let mut differing = Vec::new();
    for script in scripts {
        let scenario = Scenario::read(&fs::read_to_string(&script).unwrap());
        let page = scenario.unwrap_or_else(|error| panic!("{}: {error}", script.display())).play();
        assert!(!page.contains("broken:"), "{}:\n{page}", script.display());
        let golden = script.with_extension("page");
        if std::env::var_os("UPDATE_PAGES").is_some() {
            fs::write(&golden, &page).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != page {
            differing.push(format!("{}\n{page}", golden.display()));
        }
    }
    assert!(differing.is_empty(), "these pages differ:\n{}", differing.join("\n"));
}

#[test]
fn scripts_that_make_no_sense_are_refused_with_their_line() {
    for (script, expected) in [
        ("", "line 0: the script has no line `plan …`"),
        ("moon landing", "line 1: `moon landing` is not understood"),
        ("place Shop/production", "line 1: `Shop` is not a name"),
        (
            "plan 2 instances: 5 %, 2 %\nplace a/b\nuntil 1h",
            "line 3: the last of at most 100 steps",
        ),
        ("plan 2 instances: 500 %", "line 1: `500` is not a share: expected 0 to 100"),
        ("\nat 1h start 1.0", "line 2: nothing is said of 1.0 before"),
        ("at 1h pause", "line 1: nothing was started before"),
        ("until soon", "line 1: `soon` is not a duration"),
        (
            "a is live\nat 2h start a\nat 1h start a",
            "line 3: acts stand in the order of their times",
        ),
    ] {
        let error = Scenario::read(script).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{script:?}: {error}");
    }
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "scenario")).collect();
    scripts.sort();
    scripts
}
