//! Secrets: kept out of everything that is shown or kept.

use serde_json::json;

use crate::support::*;

const SECRET: &str = "pa55-w0rd-of-the-shop";

fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.bench.secrets = vec![("PASSWORD".to_owned(), SECRET.to_owned())];
    machine
}

#[test]
fn a_secret_is_in_no_log_event_or_report() {
    let machine = machine();
    let mut order = order(vec![
        run("echo \"the password is $P\"\necho \"::error::$P\"\necho \"# $P\" >> $GITHUB_STEP_SUMMARY\necho \"x=$P\" >> $GITHUB_OUTPUT")
            .id("leak")
            .name("With ${{ secrets.PASSWORD }}")
            .env(json!({"P": "${{ secrets.PASSWORD }}"})),
        run("[ '${{ steps.leak.outputs.x }}' = '${{ secrets.PASSWORD }}' ] && echo '${{ secrets.PASSWORD }}'"),
        run("exit 1").when("fromJSON(secrets.PASSWORD)"),
    ]);
    order.outputs = vec![
        ("leaked".to_owned(), "${{ steps.leak.outputs.x }}".to_owned()),
        ("fine".to_owned(), "ok".to_owned()),
    ];
    let outcome = machine.execute(&order).failed();
    assert_eq!(outcome.report.outputs, [("fine".to_owned(), "ok".to_owned())]);
    let told = serde_json::to_string(&outcome.events).expect("JSON");
    assert!(!told.contains(SECRET), "{told}");
    let log = outcome.everything();
    assert!(!log.contains(SECRET), "{log}");
    assert!(log.contains("the password is ***") && log.contains("Skip output 'leaked'"));
    assert_eq!(outcome.names()[0], "With ***");
}

#[test]
fn a_secret_is_not_kept_for_later_attempts() {
    let machine = machine();
    machine.run(vec![run("echo \"x=$P\" >> $GITHUB_OUTPUT; echo \"Y=$P\" >> $GITHUB_ENV; echo z=1 >> $GITHUB_OUTPUT").id("a").env(json!({"P": "${{ secrets.PASSWORD }}"}))]);
    let kept =
        std::fs::read_to_string(machine.bench.folders.kept.join("steps.ndjson")).expect("kept");
    assert!(
        !kept.contains(SECRET) && kept.contains("the variable Y") && kept.contains("\"z\""),
        "{kept}"
    );
}

#[test]
fn what_a_step_masks_is_masked_from_then_on() {
    let machine = Machine::new();
    let steps = vec![
        run("echo ::add-mask::fresh-t0ken\necho fresh-t0ken").name("One"),
        run("echo fresh-t0ken; exit 3"),
    ];
    let outcome = machine.run(steps).failed();
    assert!(
        outcome.said(0).ends_with("***\n") && outcome.said(1).starts_with("***\n"),
        "{}",
        outcome.everything()
    );
}

#[test]
fn no_program_gets_a_secret_as_an_argument() {
    let machine = machine();
    let outcome = machine
        .run(vec![run("# ${{ secrets.PASSWORD }}\ntr '\\0' ' ' < /proc/$$/cmdline; stat -c %a $0")])
        .succeeded();
    let said = outcome.said(0);
    assert!(!said.contains("***"), "{said}");
    assert!(said.trim_end().ends_with("600"), "{said}");
}
