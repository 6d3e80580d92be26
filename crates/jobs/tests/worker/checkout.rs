//! `actions/checkout`: the run's own repository, a working tree, another repository.

use jobs::workbench::Source;
use serde_json::{Value, json};

use crate::support::*;

/// A machine whose runs are of a repository with two commits and a tag.
fn machine() -> (Machine, String, String) {
    let mut machine = Machine::new();
    let place = machine.path("shop");
    let first =
        repository(&place, &[("a.txt", "one\n"), ("sub/b.txt", "b\n"), ("other/c.txt", "c\n")]);
    git(&place, &["tag", "v1"]);
    write(&place.join("a.txt"), "two\n");
    let second = commit(&place, "Second");
    git(&place, &["branch", "feature", "v1"]);
    machine.bench.source = Source::Repository(place);
    (machine, first, second)
}

fn of(steps: Vec<model::pipeline::StepSheet>, sha: &str, name: &str) -> model::pipeline::Order {
    let mut order = order(steps);
    let github = order.contexts.get_mut("github").expect("there");
    github["sha"] = json!(sha);
    github["ref"] = json!(name);
    order
}

fn checkout(with: Value) -> model::pipeline::StepSheet {
    uses("actions/checkout@v4", with).id("co")
}

#[test]
fn the_commit_of_the_run_is_checked_out_alone() {
    let (machine, _, second) = machine();
    let show = "cat a.txt sub/b.txt; git log --format=%s; git symbolic-ref HEAD; git status --short; git rev-parse origin/main; echo '${{ steps.co.outputs.commit }} ${{ steps.co.outputs.ref }}'";
    let order = of(vec![checkout(json!({})), run(show)], &second, "refs/heads/main");
    let outcome = machine.execute(&order).succeeded();
    assert_eq!(
        outcome.said(1),
        format!("two\nb\nSecond\nrefs/heads/main\n{second}\n{second} refs/heads/main\n")
    );
}

#[test]
fn history_is_as_deep_as_it_is_wanted() {
    let (machine, _, second) = machine();
    let count = run("git rev-list --count HEAD; git tag; git branch --remotes | sort");
    let steps = vec![
        checkout(json!({"fetch-depth": 0})),
        count.clone(),
        checkout(json!({"fetch-depth": 2})),
        count.clone(),
        checkout(json!({"fetch-tags": true})),
        count,
    ];
    let outcome = machine.execute(&of(steps, &second, "refs/heads/main")).succeeded();
    assert_eq!(outcome.said(1), "2\nv1\n  origin/feature\n  origin/main\n");
    assert_eq!(outcome.said(3), "2\n  origin/main\n");
    assert_eq!(outcome.said(5), "1\nv1\n  origin/main\n");
}

#[test]
fn another_ref_another_path() {
    let (machine, first, second) = machine();
    let steps = vec![
        checkout(json!({"ref": "v1", "path": "tag"})),
        checkout(json!({"ref": "feature", "path": "branch"})),
        checkout(json!({"ref": first.clone(), "path": "./commit"})),
        run("cat tag/a.txt branch/a.txt commit/a.txt; git -C branch rev-parse HEAD; ls"),
        checkout(json!({"ref": "nowhere"})).tolerated(),
        checkout(json!({"path": "../out"})),
    ];
    let outcome = machine.execute(&of(steps, &second, "refs/heads/main")).failed();
    assert_eq!(outcome.said(3), format!("one\none\none\n{first}\nbranch\ncommit\ntag\n"));
    assert_eq!(outcome.why(4), "the repository has no refs/heads/nowhere and no refs/tags/nowhere");
    assert!(outcome.why(5).contains("is not under"), "{}", outcome.why(5));
}

#[test]
fn only_some_folders_are_checked_out_if_so_wanted() {
    let (machine, _, second) = machine();
    let steps = vec![
        checkout(json!({"sparse-checkout": "sub"})),
        run("find . -name .git -prune -o -type f -print | sort"),
    ];
    let outcome = machine.execute(&of(steps, &second, "refs/heads/main")).succeeded();
    assert_eq!(outcome.said(1), "./a.txt\n./sub/b.txt\n");
}

#[test]
fn what_was_there_goes_unless_it_is_to_stay() {
    let (machine, _, second) = machine();
    let steps = vec![
        run("touch left; mkdir -p a.txt"),
        checkout(json!({})),
        run("ls; touch kept"),
        checkout(json!({"clean": false})),
        run("ls"),
    ];
    let outcome = machine.execute(&of(steps, &second, "refs/heads/main")).succeeded();
    assert_eq!(outcome.said(2), "a.txt\nother\nsub\n");
    assert_eq!(outcome.said(4), "a.txt\nkept\nother\nsub\n");
}

#[test]
fn a_working_tree_is_copied_as_it_is() {
    let mut machine = Machine::new();
    let place = machine.path("tree");
    repository(
        &place,
        &[
            (".gitignore", "ignored\n"),
            ("a.txt", "committed\n"),
            ("gone.txt", "x"),
            ("tool.sh", "#!/bin/sh\n"),
        ],
    );
    write(&place.join("a.txt"), "changed\n");
    write(&place.join("new/file.txt"), "new\n");
    write(&place.join("ignored"), "x");
    std::fs::remove_file(place.join("gone.txt")).expect("removed");
    std::fs::set_permissions(
        place.join("tool.sh"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("set");
    std::os::unix::fs::symlink("a.txt", place.join("link")).expect("a link");
    machine.bench.source = Source::WorkingTree(place.clone());
    let sha = git(&place, &["rev-parse", "HEAD"]);
    let steps = vec![
        checkout(json!({})),
        run(
            "cat a.txt new/file.txt link; ls; test -x tool.sh; git status --short; git rev-parse HEAD",
        ),
        checkout(json!({"ref": "main", "path": "committed"})),
        run("cat committed/a.txt"),
    ];
    let mut order = of(steps, &sha, "refs/heads/main");
    order.contexts.get_mut("github").expect("there")["ref_name"] = json!("something");
    let outcome = machine.execute(&order).succeeded();
    assert_eq!(
        outcome.said(1),
        format!(
            "changed\nnew\nchanged\na.txt\nlink\nnew\ntool.sh\n M a.txt\n D gone.txt\n M tool.sh\n?? link\n?? new/\n{sha}\n"
        )
    );
    assert_eq!(outcome.said(3), "committed\n");
}

#[test]
fn a_working_tree_without_any_commit_is_copied_too() {
    let mut machine = Machine::new();
    let place = machine.path("tree");
    std::fs::create_dir_all(&place).expect("made");
    git(&place, &["init", "--quiet"]);
    write(&place.join("a.txt"), "first\n");
    machine.bench.source = Source::WorkingTree(place);
    let outcome = machine.run(vec![checkout(json!({})), run("cat a.txt")]).succeeded();
    assert_eq!(outcome.said(1), "first\n");
}

#[test]
fn another_repository_comes_from_the_mirrors() {
    let (mut machine, _, second) = machine();
    let other = repository(&machine.path("mirror/acme/lib"), &[("lib.txt", "lib\n")]);
    git(&machine.path("mirror/acme/lib"), &["tag", "v3"]);
    machine.bench.mirrors.rules = vec![(
        "acme/lib".to_owned(),
        format!("file://{}/{{owner}}/{{repo}}", machine.path("mirror").display()),
    )];
    let steps = vec![
        checkout(json!({"repository": "acme/lib", "ref": "v3", "path": "lib"})),
        run("cat lib/lib.txt; echo ${{ steps.co.outputs.commit }}"),
        checkout(json!({"repository": "acme/lib", "path": "again"})),
        run("cat again/lib.txt"),
        checkout(json!({"repository": "who/knows"})),
    ];
    let outcome = machine.execute(&of(steps, &second, "refs/heads/main")).failed();
    assert_eq!(outcome.said(1), format!("lib\n{other}\n"));
    assert_eq!(outcome.said(3), "lib\n");
    assert!(
        outcome.why(4).starts_with("nothing says where the action who/knows comes from"),
        "{}",
        outcome.why(4)
    );
}

#[test]
fn submodules_come_along_when_they_are_asked_for() {
    let (mut machine, _, _) = machine();
    let lib = machine.path("lib");
    repository(&lib, &[("lib.txt", "lib\n")]);
    let place = machine.path("shop");
    git(
        &place,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            &format!("file://{}", lib.display()),
            "vendor/lib",
        ],
    );
    let sha = commit(&place, "With a submodule");
    machine.write("../home/.gitconfig", "[protocol \"file\"]\n\tallow = always\n");
    let steps = vec![
        checkout(json!({})),
        run("ls vendor/lib"),
        checkout(json!({"submodules": true})),
        run("cat vendor/lib/lib.txt"),
    ];
    let outcome = machine.execute(&of(steps.clone(), &sha, "refs/heads/main")).succeeded();
    assert_eq!((outcome.said(1).as_str(), outcome.said(3).as_str()), ("", "lib\n"));
    machine.next_job();
    machine.bench.source = Source::WorkingTree(place);
    let outcome = machine.execute(&of(steps, &sha, "refs/heads/main")).succeeded();
    assert_eq!((outcome.said(1).as_str(), outcome.said(3).as_str()), ("", "lib\n"));
}

#[test]
fn nothing_to_check_out_is_said() {
    let machine = Machine::new();
    let outcome = machine
        .run(vec![checkout(json!({})), checkout(json!({"ssh-key": "k"})).when("always()")])
        .failed();
    assert_eq!(outcome.why(0), "this run has no repository to check out");
    assert!(outcome.why(1).starts_with("the input `ssh-key` has no meaning here"));
}
