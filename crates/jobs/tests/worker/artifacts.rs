//! `actions/upload-artifact` and `actions/download-artifact`.

use serde_json::{Value, json};

use crate::support::*;

fn upload(name: &str, path: &str) -> model::pipeline::StepSheet {
    uses("actions/upload-artifact@v4", json!({"name": name, "path": path}))
}

fn download(with: Value) -> model::pipeline::StepSheet {
    uses("actions/download-artifact@v4", with)
}

#[test]
fn files_go_from_one_job_to_another() {
    let mut machine = Machine::new();
    let steps = vec![
        run(
            "mkdir -p dist/sub; echo a > dist/a.txt; echo b > dist/sub/b.txt; echo h > dist/.hidden; chmod +x dist/a.txt",
        ),
        upload("site", "dist/").id("up"),
        run("echo '${{ steps.up.outputs.artifact-id }} ${{ steps.up.outputs.artifact-digest }}'"),
    ];
    let outcome = machine.run(steps).succeeded();
    let said = outcome.said(2);
    let (id, digest) = said.trim().split_once(' ').expect("two words");
    assert!(id.parse::<u64>().is_ok() && digest.len() >= 32, "{said}");

    machine.next_job();
    let steps = vec![
        download(json!({"name": "site", "path": "in"})).id("down"),
        run(
            "cd in; find . -type f | sort; test -x a.txt; echo '${{ steps.down.outputs.download-path }}'",
        ),
    ];
    let outcome = machine.run(steps).succeeded();
    let expected = format!("./a.txt\n./sub/b.txt\n{}\n", machine.workspace("in").display());
    assert_eq!(outcome.said(1), expected);
}

#[test]
fn an_artifact_begins_where_its_paths_begin() {
    let mut machine = Machine::new();
    let steps = vec![
        run("mkdir -p a/b c; touch a/b/1.log a/b/2.txt c/3.log"),
        upload("logs", "**/*.log\n!c/**"),
        upload("one", "a/b/2.txt"),
        upload("two", "a/b/1.log\nc/3.log"),
        uses(
            "actions/upload-artifact@v4",
            json!({"name": "hidden", "path": "a", "include-hidden-files": true}),
        ),
    ];
    machine.run(steps).succeeded();
    machine.next_job();
    let steps = vec![download(json!({"path": "in"})), run("cd in; find . -type f | sort")];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(
        outcome.said(1),
        "./hidden/b/1.log\n./hidden/b/2.txt\n./logs/a/b/1.log\n./one/2.txt\n./two/a/b/1.log\n./two/c/3.log\n"
    );
}

#[test]
fn several_are_chosen_by_pattern_and_merged() {
    let mut machine = Machine::new();
    let steps = vec![
        run("echo 1 > a; echo 2 > b; echo 3 > c"),
        upload("part-1", "a"),
        upload("part-2", "b"),
        upload("other", "c"),
    ];
    machine.run(steps).succeeded();
    machine.next_job();
    let steps = vec![
        download(json!({"pattern": "part-*", "path": "merged", "merge-multiple": true})),
        download(json!({"pattern": "other*", "path": "apart"})),
        uses("actions/download-artifact@v5", json!({"pattern": "other*", "path": "lone"})),
        download(json!({"pattern": "none-*", "path": "nothing"})),
        run("find merged apart lone -type f | sort"),
        download(json!({"name": "missing"})),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(4), "apart/other/c\nlone/c\nmerged/a\nmerged/b\n");
    assert!(outcome.log(3).contains("Total of 0 artifact(s) downloaded"));
    assert_eq!(outcome.why(5), "Unable to download artifact(s): Artifact 'missing' not found");
}

#[test]
fn finding_nothing_is_what_the_workflow_says_it_is() {
    let machine = Machine::new();
    let with = |what: &str| json!({"path": "nothing", "if-no-files-found": what});
    let steps = vec![
        upload("x", "nothing"),
        uses("actions/upload-artifact@v4", with("ignore")),
        uses("actions/upload-artifact@v4", with("error")),
        uses("actions/upload-artifact@v4", with("maybe")).when("always()"),
        uses("actions/upload-artifact@v4", json!({})).when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.outcomes()[..5], ["success", "success", "failure", "failure", "failure"]);
    let warnings: Vec<&str> =
        outcome.report.annotations.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        warnings,
        ["No files were found with the provided path: nothing. No artifacts will be uploaded."]
    );
    assert_eq!(outcome.why(4), "Input required and not supplied: path");
}

#[test]
fn a_name_is_taken_until_it_is_overwritten() {
    let machine = Machine::new();
    let steps = vec![
        run("echo 1 > a"),
        upload("x", "a"),
        upload("x", "a").tolerated(),
        run("echo 2 > a"),
        uses("actions/upload-artifact@v4", json!({"name": "x", "path": "a", "overwrite": true})),
        download(json!({"name": "x", "path": "in"})),
        run("cat in/a"),
        upload("a/b", "a"),
    ];
    let outcome = machine.run(steps).failed();
    assert!(
        outcome.why(2).contains("is there already: choose another one, or set `overwrite: true`")
    );
    assert_eq!(outcome.said(6), "2\n");
    assert!(outcome.why(7).starts_with("The artifact name is not valid: a/b"));
}

#[test]
fn nothing_leaves_or_enters_by_other_folders() {
    let mut machine = Machine::new();
    let outside = machine.path("outside");
    write(&outside.join("secret"), "not for jobs");
    let steps = vec![
        upload("x", &format!("{}/", outside.display())),
        run("ln -s ../../outside link; echo a > a").when("always()"),
        upload("y", "a").when("always()"),
        download(json!({"name": "y", "path": "link"})).when("always()"),
        download(json!({"name": "y", "path": "../../outside"})).when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(
        outcome.outcomes()[..5],
        ["failure", "success", "success", "failure", "failure"],
        "{}",
        outcome.everything()
    );
    assert!(outcome.why(3).contains("leads out of the job's workspace"), "{}", outcome.why(3));
    let there: Vec<_> = std::fs::read_dir(&outside)
        .expect("there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(there, ["secret"]);
    machine.next_job();
}
