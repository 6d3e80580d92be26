//! Scripts: shells, folders, variables, files and commands.

use serde_json::json;

use crate::support::*;

#[test]
fn a_script_stops_at_its_first_error() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("echo one\nfalse\necho two")]).failed();
    assert_eq!(outcome.said(0), "one\n##[error]Process completed with exit code 1.\n");
    assert_eq!(outcome.why(0), "exit code 1");
}

#[test]
fn only_a_named_bash_minds_its_pipes() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("false | true"), shell("bash", "exit 3 | true")]).failed();
    assert_eq!(outcome.outcomes()[..2], ["success", "failure"]);
    assert_eq!(outcome.why(1), "exit code 3");
}

#[test]
fn every_shell_executes_its_own_language() {
    let machine = Machine::new();
    let steps = vec![
        shell("sh", "echo \"sh $0\" | cut -c1-2"),
        shell("python", "import sys\nprint('python', sys.version_info.major)"),
        shell("node", "console.log('node', 1 + 1)"),
        shell("perl {0}", "print 'perl ', 6 * 7, \"\\n\";"),
    ];
    let outcome = machine.run(steps).succeeded();
    let said: Vec<String> = (0..4).map(|step| outcome.said(step)).collect();
    assert_eq!(said, ["sh\n", "python 3\n", "node 2\n", "perl 42\n"]);
}

#[test]
fn a_shell_that_is_not_there_is_named_with_its_mend() {
    let machine = Machine::new();
    let outcome =
        machine.run(vec![shell("fish-from-mars {0}", "x"), run("echo not reached")]).failed();
    assert_eq!(
        outcome.why(0),
        "the shell `fish-from-mars` is not on the PATH: install it, or name another one by `shell:`"
    );
    assert_eq!(outcome.outcomes()[..2], ["failure", "skipped"]);
}

#[test]
fn defaults_reach_steps_that_say_nothing() {
    let machine = Machine::new();
    machine.write("sub/here", "");
    let mut order =
        order(vec![run("print(__import__('os').listdir())"), shell("sh", "ls ..").within("sub")]);
    order.defaults.shell = Some("python".to_owned());
    order.defaults.working_directory = Some("${{ format('s{0}', 'ub') }}".to_owned());
    let outcome = machine.execute(&order).succeeded();
    assert_eq!((outcome.said(0).as_str(), outcome.said(1).as_str()), ("['here']\n", "sub\n"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error_before_the_script() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("echo x").within("nowhere")]).failed();
    assert!(outcome.why(0).ends_with("/workspace/nowhere is not there"), "{}", outcome.why(0));
    assert!(!outcome.log(0).contains("\nx\n"));
}

#[test]
fn the_log_shows_what_is_executed_and_with_what() {
    let machine = Machine::new();
    let step = run("echo a\necho b").env(json!({"GREETING": "hello ${{ github.actor }}"}));
    let outcome = machine.run(vec![step]).succeeded();
    let log = outcome.log(0);
    let bash =
        std::process::Command::new("sh").args(["-c", "command -v bash"]).output().expect("sh");
    let bash = String::from_utf8(bash.stdout).expect("text");
    let expected = format!(
        "##[group]Run echo a\n\u{1b}[36;1mecho a\u{1b}[0m\n\u{1b}[36;1mecho b\u{1b}[0m\nshell: {} -e {{0}}\nenv:\n  \
         GREETING: hello ada\n##[endgroup]\na\nb\n",
        bash.trim()
    );
    assert_eq!(log, expected);
}

#[test]
fn the_environment_is_scrubbed_and_complete() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("env | cut -d= -f1 | sort")]).succeeded();
    let said = outcome.said(0);
    let names: Vec<&str> =
        said.lines().filter(|name| !["_", "SHLVL", "PWD"].contains(name)).collect();
    let github: Vec<&str> =
        names.iter().filter(|name| name.starts_with("GITHUB_")).copied().collect();
    let others: Vec<&str> =
        names.iter().filter(|name| !name.starts_with("GITHUB_")).copied().collect();
    assert_eq!(
        others,
        [
            "CI",
            "HOME",
            "LANG",
            "PATH",
            "RUNNER_ARCH",
            "RUNNER_ENVIRONMENT",
            "RUNNER_NAME",
            "RUNNER_OS",
            "RUNNER_TEMP",
            "RUNNER_TOOL_CACHE",
            "RUNNER_TRACKING_ID",
            "RUNNER_WORKSPACE",
            "TMPDIR"
        ]
    );
    for name in [
        "ACTION",
        "ACTIONS",
        "ENV",
        "EVENT_PATH",
        "OUTPUT",
        "PATH",
        "REF",
        "RUN_ID",
        "SHA",
        "WORKSPACE",
    ] {
        assert!(github.contains(&format!("GITHUB_{name}").as_str()), "{name} in {github:?}");
    }
    assert!(!github.contains(&"GITHUB_TOKEN") && !github.contains(&"GITHUB_EVENT"));
}

#[test]
fn files_carry_outputs_variables_paths_and_summaries() {
    let machine = Machine::new();
    machine.write("bin/hello", "#!/bin/sh\necho from the added folder\n");
    let steps = vec![
        run(r#"
            chmod +x bin/hello
            echo "answer=42" >> "$GITHUB_OUTPUT"
            printf 'poem<<END\nroses\nviolets\nEND\n' >> "$GITHUB_OUTPUT"
            echo "COLOUR=blue" >> "$GITHUB_ENV"
            echo "$PWD/bin" >> "$GITHUB_PATH"
            echo "All is well" >> "$GITHUB_STEP_SUMMARY"
        "#)
        .id("first"),
        run(
            r#"hello; echo "$COLOUR ${{ env.COLOUR }} ${{ steps.first.outputs.answer }}"; echo "${{ steps.first.outputs.poem }}""#,
        ),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(outcome.said(1), "from the added folder\nblue blue 42\nroses\nviolets\n");
    let summaries: Vec<&str> = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            jobs::event::Event::Summary { step: 0, markdown } => Some(markdown.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(summaries, ["All is well\n"]);
}

#[test]
fn commands_in_the_output_are_obeyed() {
    let machine = Machine::new();
    let steps = vec![
        run("echo '::set-output name=old::way'\necho '::warning file=a.rs,line=3::Careful'\necho '::debug::unseen'").id("first"),
        run("echo '${{ steps.first.outputs.old }}'"),
        run("echo '::set-env name=X::1'"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), "way\n");
    assert_eq!(outcome.outcomes()[..3], ["success", "success", "failure"]);
    assert!(outcome.why(2).contains("$GITHUB_ENV"), "{}", outcome.why(2));
    let annotation = &outcome.report.annotations[0];
    assert_eq!(
        (annotation.message.as_str(), annotation.file.as_deref(), annotation.line),
        ("Careful", Some("a.rs"), Some(3))
    );
    assert!(
        outcome.log(0).contains("##[warning]Careful") && !outcome.log(0).contains("unseen\n##")
    );
}

#[test]
fn annotations_are_limited_by_step_and_kind() {
    let machine = Machine::new();
    let outcome = machine
        .run(vec![run("for i in $(seq 30); do echo \"::error::e$i\"; done; echo '::notice::n'")])
        .succeeded();
    assert_eq!(outcome.report.annotations.len(), 11);
    assert!(outcome.named("Complete job").contains("20 annotations were too many"));
}

#[test]
fn what_is_written_wrongly_into_a_file_fails_the_step() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("echo nonsense >> $GITHUB_OUTPUT")]).failed();
    assert!(
        outcome.why(0).starts_with("GITHUB_OUTPUT: line 1: invalid format 'nonsense'"),
        "{}",
        outcome.why(0)
    );
}

#[test]
fn matchers_find_problems_in_the_output() {
    let machine = Machine::new();
    let matcher = json!({"problemMatcher": [{"owner": "gcc", "pattern": [
        {"regexp": "^(.+):(\\d+): error: (.+)$", "file": 1, "line": 2, "message": 3}
    ]}]});
    machine.write("matcher.json", &matcher.to_string());
    machine.write("main.c", "");
    let steps = vec![
        run("echo '::add-matcher::matcher.json'"),
        run("echo 'main.c:12: error: no such thing'"),
    ];
    let outcome = machine.run(steps).succeeded();
    let annotation = &outcome.report.annotations[0];
    assert_eq!((annotation.message.as_str(), annotation.line), ("no such thing", Some(12)));
}

#[test]
fn scripts_leave_no_files_behind() {
    let machine = Machine::new();
    machine.run(vec![run("echo x >> $GITHUB_OUTPUT; ls -l $0"), run("true")]);
    let left = std::fs::read_dir(machine.bench.folders.temp.join("_commands"))
        .expect("it is there")
        .count();
    assert_eq!(left, 0);
}
