//! Jobs in a sandbox: what steps do, and what built-in actions do for them, stays within.

use std::path::PathBuf;
use std::sync::Arc;

use jobs::process::{Confinement, Reach, Sandbox, Wrapper, machine};
use jobs::workbench::Source;
use serde_json::json;

use crate::support::*;

/// The wrapper, which cargo builds with the tests.
fn wrapper() -> Wrapper {
    let mut program = std::env::current_exe().expect("this test");
    program.pop();
    program.pop();
    program.push("examples/internal_exec");
    Wrapper { program, args: Vec::new() }
}

/// A machine whose jobs can write into their own folders only.
fn confined() -> Option<Machine> {
    let wrapper = wrapper();
    if let Err(why) = machine(&wrapper).sandbox {
        eprintln!("skipped: this machine has no sandbox: {why}");
        return None;
    }
    let mut machine = Machine::new();
    let folders = &machine.bench.folders;
    let write = vec![
        folders.workspace.clone(),
        folders.temp.clone(),
        folders.home.clone(),
        PathBuf::from("/dev/null"),
    ];
    let sandbox = Some(Sandbox { write, read: Reach::Everywhere, network: true });
    machine.bench.confinement =
        Some(Arc::new(Confinement { wrapper, sandbox, cgroup: None, memory: None }));
    Some(machine)
}

#[test]
fn a_sandboxed_job_checks_out_builds_and_leaves_its_outputs() {
    let Some(mut machine) = confined() else { return };
    let place = machine.path("shop");
    repository(&place, &[("a.txt", "one\n")]);
    machine.bench.source = Source::WorkingTree(place);
    let steps = vec![
        uses("actions/checkout@v4", json!({})),
        run("cat a.txt; git status --short; echo x=1 >> $GITHUB_OUTPUT; echo kept > $HOME/x")
            .id("s"),
        shell(
            "python",
            "import tempfile\nprint(tempfile.NamedTemporaryFile().name.startswith('/'))",
        ),
        uses("actions/upload-artifact@v4", json!({"path": "a.txt"})),
        run("echo ${{ steps.s.outputs.x }}; echo no > ../../shop/b.txt"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), "one\n");
    assert_eq!(outcome.said(2), "True\n");
    assert!(outcome.said(4).starts_with("1\n") && outcome.said(4).contains("ermission denied"));
    assert!(!machine.path("shop/b.txt").exists());
}

#[test]
fn what_a_step_puts_on_the_path_is_asked_within_the_sandbox() {
    let Some(machine) = confined() else { return };
    let target = machine.path("outside");
    write(&target, "as it was");
    let trap = format!(
        "printf '#!/bin/sh\\necho changed > {}\\necho v20.1.0\\n' > bin/node",
        target.display()
    );
    let steps = vec![
        run(&format!("mkdir bin; {trap}; chmod +x bin/node; echo $PWD/bin >> $GITHUB_PATH")),
        uses("actions/setup-node@v4", json!({"node-version": "20"})),
    ];
    machine.run(steps).succeeded();
    assert_eq!(std::fs::read_to_string(&target).expect("there"), "as it was");
}
