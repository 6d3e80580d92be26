//! The set-up actions: versions that this machine has, and those that it has not.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::*;

/// A program in the tool cache that says which version it is.
fn tool(machine: &Machine, tool: &str, version: &str, program: &str, says: &str) {
    let arch = machine.bench.runner.arch.to_ascii_lowercase();
    let home = machine.path(&format!("tools/{tool}/{version}"));
    let program = home.join(&arch).join("bin").join(program);
    write(&program, &format!("#!/bin/sh\necho '{says}'\n"));
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set");
    write(&home.join(format!("{arch}.complete")), "");
}

#[test]
fn node_is_taken_from_the_path_when_it_fits() {
    let machine = Machine::new();
    let found = std::process::Command::new("node").arg("--version").output().expect("node");
    let version = String::from_utf8(found.stdout).expect("text").trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().expect("a number").to_owned();
    machine.write(".nvmrc", &format!("{major}\n"));
    let steps = vec![
        uses("actions/setup-node@v4", json!({"node-version": format!("{major}.x")})).id("node"),
        run("echo ${{ steps.node.outputs.node-version }}; node --version"),
        uses("actions/setup-node@v4", json!({"node-version-file": ".nvmrc"})),
        uses("actions/setup-node@v4", json!({})),
        uses("actions/setup-node@v4", json!({"node-version": "7.1.2"})),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), format!("{version}\n{version}\n"));
    assert_eq!(
        outcome.why(4),
        format!(
            "Node.js 7.1.2 is wanted, and on this machine there is {}: install it, or put it into the runner's tool cache",
            &version[1..]
        )
    );
}

#[test]
fn the_tool_cache_offers_the_newest_that_fits() {
    let machine = Machine::new();
    tool(&machine, "node", "18.1.0", "node", "v18.1.0");
    tool(&machine, "node", "18.20.4", "node", "v18.20.4");
    tool(&machine, "go", "1.21.5", "go", "go version go1.21.5 linux/amd64");
    let steps = vec![
        uses("actions/setup-node@v3", json!({"node-version": "18"})),
        run("node --version"),
        uses("actions/setup-go@v5", json!({"go-version": "^1.20", "cache": false})).id("go"),
        run("go version; echo ${{ steps.go.outputs.go-version }}"),
        uses("actions/setup-go@v5", json!({"go-version": "1.99", "cache": false})),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), "v18.20.4\n");
    assert_eq!(outcome.said(3), "go version go1.21.5 linux/amd64\n1.21.5\n");
    assert!(
        outcome.why(4).starts_with("Go 1.99 is wanted, and on this machine there is 1.21.5"),
        "{}",
        outcome.why(4)
    );
}

#[test]
fn a_registry_gets_its_token_from_a_variable() {
    let machine = Machine::new();
    let with = json!({"registry-url": "https://npm.acme.example/", "scope": "@Acme"});
    let outcome = machine
        .run(vec![
            uses("actions/setup-node@v4", with),
            run("cat $NPM_CONFIG_USERCONFIG; echo $NODE_AUTH_TOKEN"),
        ])
        .succeeded();
    assert_eq!(
        outcome.said(1),
        "//npm.acme.example/:_authToken=${NODE_AUTH_TOKEN}\n@acme:registry=https://npm.acme.example/\nXXXXX-XXXXX-XXXXX-XXXXX\n"
    );
}

#[test]
fn npm_packages_are_cached_from_one_job_to_the_next() {
    let mut machine = Machine::new();
    let steps = || {
        vec![
            uses("actions/setup-node@v4", json!({"cache": "npm"})).id("node"),
            run(
                "echo [${{ steps.node.outputs.cache-hit }}]; folder=$(npm config get cache); mkdir -p $folder/_cacache; ls $folder/_cacache; touch $folder/_cacache/x",
            ),
        ]
    };
    machine.write("package-lock.json", "{}");
    let first = machine.run(steps()).succeeded();
    assert_eq!(first.said(1), "[false]\n");
    machine.next_job();
    machine.write("package-lock.json", "{}");
    let second = machine.run(steps()).succeeded();
    assert_eq!(second.said(1), "[true]\nx\n");
    machine.next_job();
    let without = machine.run(steps()).failed();
    assert!(
        without.why(0).starts_with("Dependencies lock file is not found in"),
        "{}",
        without.why(0)
    );
}

#[test]
fn python_gets_an_environment_of_the_jobs_own() {
    let machine = Machine::new();
    let steps = vec![
        uses("actions/setup-python@v5", json!({"python-version": "3.x"})).id("py"),
        run(
            "python -c 'import sys; print(sys.prefix != sys.base_prefix)'; [ $(command -v python) = ${{ steps.py.outputs.python-path }} ] && echo same; case $pythonLocation in $RUNNER_TEMP/*) echo own;; esac; pip --version | cut -d' ' -f1; python -m pip list --format=freeze | cut -d= -f1",
        ),
        uses("actions/setup-python@v5", json!({"python-version": "2.7"})).when("always()"),
        uses("actions/setup-python@v5", json!({"python-version": "pypy3.9"})).when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), "True\nsame\nown\npip\npip\n");
    assert!(
        outcome.why(2).starts_with("Python 2.7 is wanted, and on this machine there is 3."),
        "{}",
        outcome.why(2)
    );
    assert_eq!(outcome.why(3), "`pypy3.9` is not set up here: only CPython is");
}

#[test]
fn java_is_found_where_it_says_what_it_is() {
    let mut machine = Machine::new();
    let home = machine.path("jdk");
    write(&home.join("release"), "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"93.0.5\"\n");
    write(&home.join("bin/javac"), "");
    machine.bench.host.variables.push(("JAVA_HOME_93_X64".to_owned(), home.display().to_string()));
    let steps = vec![
        uses("actions/setup-java@v4", json!({"distribution": "temurin", "java-version": "93"}))
            .id("java"),
        run(
            "echo $JAVA_HOME ${{ steps.java.outputs.version }}; grep -c GITHUB_TOKEN ~/.m2/settings.xml",
        ),
        uses("actions/setup-java@v4", json!({"distribution": "temurin", "java-version": "94"})),
        uses("actions/setup-java@v4", json!({"distribution": "temurin"})).when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), format!("{} 93.0.5\n1\n", home.display()));
    assert!(outcome.why(2).starts_with("Java 94 is wanted"), "{}", outcome.why(2));
    assert_eq!(outcome.why(3), "java-version or java-version-file input expected");
}

#[test]
fn rust_is_what_rustup_has() {
    let machine = Machine::new();
    let steps = vec![
        uses("dtolnay/rust-toolchain@stable", json!({})).id("rust"),
        run(
            "rustc --version | cut -d' ' -f1; echo $CARGO_INCREMENTAL ${{ steps.rust.outputs.cachekey }}; case $CARGO_HOME in $HOME/*) echo own;; esac",
        ),
        uses("dtolnay/rust-toolchain@1.31.0", json!({})),
        uses("dtolnay/rust-toolchain@master", json!({})).when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    let said = outcome.said(1);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[2]), ("rustc", "own"), "{said}");
    assert!(lines[1].starts_with("0 ") && lines[1].len() == 14, "{said}");
    assert!(
        outcome.why(2).contains("`rustup toolchain install 1.31.0` installs it"),
        "{}",
        outcome.why(2)
    );
    assert_eq!(outcome.why(3), "'toolchain' is a required input");
}
