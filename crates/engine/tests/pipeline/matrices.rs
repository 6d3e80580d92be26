//! Matrices: what cells there are, how they are called, and how they go together.

use model::pipeline::{Conclusion, Ending};
use serde_json::json;

use super::road::Road;

#[test]
fn a_matrix_makes_a_job_of_each_combination() {
    let road = Road::of(
        "
  test:
    strategy:
      matrix: {os: [linux, mac], node: [20, 22], include: [{os: bsd, node: 18}], exclude: [{os: mac, node: 20}]}
    runs-on: ${{ matrix.os }}
    steps: [{run: make}]
",
    );
    assert_eq!(
        road.under_way(),
        ["test (linux, 20)", "test (linux, 22)", "test (mac, 22)", "test (bsd, 18)"]
    );
    let order = road.order("test (mac, 22)");
    assert_eq!(order.labels, ["mac"]);
    assert_eq!(order.key, "test");
    assert_eq!(order.contexts["matrix"], json!({"os": "mac", "node": 22}));
    assert_eq!(
        order.contexts["strategy"],
        json!({"fail-fast": true, "job-index": 2, "job-total": 4, "max-parallel": 4})
    );
}

#[test]
fn a_name_with_an_expression_tells_cells_apart_by_itself() {
    let road = Road::of(
        "
  a: {name: 'On ${{ matrix.os }}', strategy: {matrix: {os: [x, y], n: [1]}}, $work}
  b: {name: All of them, strategy: {matrix: {os: [x, y]}}, $work}
  c: {name: Alone, $work}
",
    );
    assert_eq!(
        road.under_way(),
        ["Alone", "On x", "On y", "All of them (x)", "All of them (y)"],
        "in the order in which they became known"
    );
}

#[test]
fn a_matrix_may_be_made_of_what_a_job_found_out() {
    let mut road = Road::of(
        "
  plan: {outputs: {cells: x}, $work}
  test: {needs: plan, strategy: {matrix: \"${{ fromJSON(needs.plan.outputs.cells) }}\"}, $work}
  ship: {needs: test, $work}
",
    );
    road.succeeds_with("plan", &[("cells", r#"{"part": ["a", "b"], "fast": [true]}"#)]);
    assert_eq!(road.wants(), ["work on test (a, true)", "work on test (b, true)"]);
    road.succeeds("test (b, true)");
    assert_eq!(road.under_way(), ["test (a, true)"]);
    road.succeeds("test (a, true)");
    assert_eq!(road.under_way(), ["ship"]);
}

#[test]
fn what_makes_no_matrix_fails_the_job() {
    for (cells, why) in [
        ("", "fromJSON was given an empty text"),
        ("{", "fromJSON was given what is no JSON"),
        ("[1]", "the matrix must be a mapping of axes, found a list"),
        (r#"{"x": []}"#, "the axis `x` of the matrix has no values"),
        (r#"{"x": 1}"#, "`x` of the matrix must be a list, found the number `1`"),
        (r#"{"include": []}"#, "the matrix has neither an axis nor an `include`"),
    ] {
        let mut road = Road::of(
            "
  plan: {outputs: {cells: x}, $work}
  test: {needs: plan, strategy: {matrix: \"${{ fromJSON(needs.plan.outputs.cells) }}\"}, $work}
  after: {needs: test, if: failure(), $work}
",
        );
        road.succeeds_with("plan", &[("cells", cells)]);
        assert!(road.why("test").contains(why), "{}", road.why("test"));
        assert_eq!(road.under_way(), ["after"]);
    }
}

#[test]
fn a_matrix_of_which_exclude_leaves_nothing_runs_once() {
    let road = Road::of("  test: {strategy: {matrix: {os: [x], exclude: [{os: x}]}}, $work}");
    assert_eq!(road.under_way(), ["test"]);
    assert!(!road.order("test").contexts.contains_key("matrix"));
    let strategy = json!({"fail-fast": true, "job-index": 0, "job-total": 1, "max-parallel": 1});
    assert_eq!(road.order("test").contexts["strategy"], strategy);
}

#[test]
fn a_matrix_of_257_cells_fails_with_their_number() {
    let list = |count: usize| {
        let items: Vec<_> = (0..count).map(|item| item.to_string()).collect();
        format!("[{}]", items.join(", "))
    };
    let of = |cells: String| {
        Road::of(&format!("  test: {{strategy: {{matrix: {{n: {cells}}}}}, $work}}"))
    };
    assert_eq!(of(list(256)).under_way().len(), 256);
    let road = of(list(257));
    assert_eq!(road.why("test"), "the matrix comes to 257 jobs, and 256 are the most");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn one_failing_cell_ends_the_others_unless_told_otherwise() {
    let jobs = "
  test: {strategy: {$how matrix: {n: [1, 2, 3]}}, $work}
  after: {needs: test, if: \"always() && needs.test.result == 'failure'\", $work}
";
    let mut road = Road::of(&jobs.replace("$how", "max-parallel: 2,"));
    assert_eq!(road.under_way(), ["test (1)", "test (2)"]);
    road.fails("test (1)");
    assert_eq!(road.wants(), ["halt test (2)"]);
    assert_eq!(
        road.tells_of(),
        ["test (1) ended with failure after 5 s", "test (3) ended with cancelled: test (1) failed"]
    );
    road.ends("test (2)", Ending::Cancelled);
    assert_eq!(road.under_way(), ["after"]);
    assert_eq!(road.result("test").conclusion, Conclusion::Failure);

    let mut road = Road::of(&jobs.replace("$how", "fail-fast: false,"));
    road.fails("test (1)");
    assert_eq!(road.under_way(), ["test (2)", "test (3)"]);
    road.succeeds("test (2)");
    road.succeeds("test (3)");
    assert_eq!(road.under_way(), ["after"]);
}

#[test]
fn a_cell_that_was_told_to_end_may_still_end_in_its_own_way() {
    let mut road = Road::of("  test: {strategy: {matrix: {n: [1, 2]}}, $work}");
    road.fails("test (1)");
    road.succeeds("test (2)");
    assert_eq!(road.results(), "test failure, test (1) failure, test (2) success");
}

#[test]
fn a_cancelled_cell_ends_no_others() {
    let mut road = Road::of("  test: {strategy: {matrix: {n: [1, 2]}}, $work}");
    road.ends("test (1)", Ending::Cancelled);
    assert_eq!(road.under_way(), ["test (2)"]);
    assert_eq!(road.wants(), [""; 0]);
    road.succeeds("test (2)");
    assert_eq!(road.result("test").conclusion, Conclusion::Cancelled);
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
}

#[test]
fn no_more_cells_run_at_once_than_may() {
    let mut road =
        Road::of("  test: {strategy: {max-parallel: 2, matrix: {n: [1, 2, 3, 4]}}, $work}");
    assert_eq!(road.under_way(), ["test (1)", "test (2)"]);
    assert_eq!(road.order("test (1)").contexts["strategy"]["max-parallel"], json!(2));
    road.succeeds("test (2)");
    assert_eq!(road.under_way(), ["test (1)", "test (3)"]);
    road.succeeds("test (3)");
    assert_eq!(road.under_way(), ["test (1)", "test (4)"]);
    road.goes_well();
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
}

#[test]
fn how_many_run_at_once_may_be_computed_but_not_nonsense() {
    let ask = |most: serde_json::Value| {
        let jobs = "  test: {strategy: {max-parallel: \"${{ vars.MOST }}\", matrix: {n: [1, 2, 3]}}, $work}";
        Road::asked(jobs, |request| {
            request.vars.insert("MOST".to_owned(), most);
        })
    };
    for (most, why) in [
        (json!(0), "must be a whole number from 1 on, found 0"),
        (json!(1.5), "must be a whole number from 1 on, found 1.5"),
        (json!(null), "must be a number, found nothing"),
        (json!("two"), "must be a number, found the text `two`"),
    ] {
        assert_eq!(ask(most).why("test"), format!("`max-parallel` {why}"));
    }
    assert_eq!(ask(json!(2)).under_way(), ["test (1)", "test (2)"]);
}

#[test]
fn failures_may_be_tolerated_cell_by_cell() {
    let mut road = Road::of(
        "
  test:
    strategy: {matrix: {n: [1, 2], include: [{n: 2, wild: true}]}}
    continue-on-error: ${{ matrix.wild == true }}
    runs-on: linux
    steps: [{run: make}]
",
    );
    road.fails("test (2)");
    assert_eq!(road.wants(), [""; 0], "a failure that does not matter ends no others");
    road.succeeds("test (1)");
    assert_eq!(road.results(), "test success, test (1) success, test (2) failure");
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
}

#[test]
fn whether_a_failure_matters_may_not_be_unknown() {
    let mut road = Road::of("  test: {continue-on-error: \"${{ github.event_name }}\", $work}");
    road.fails("test");
    assert_eq!(
        road.why("test"),
        "`continue-on-error` must be `true` or `false`, found the text `push`"
    );
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn outputs_of_cells_come_together() {
    let mut road = Road::of(
        "
  test: {strategy: {matrix: {n: [1, 2, 3]}}, outputs: {a: x, b: x}, $work}
  after: {needs: test, name: \"${{ needs.test.outputs.a }} ${{ needs.test.outputs.b }}\", $work}
",
    );
    road.succeeds_with("test (3)", &[("a", "three"), ("b", "")]);
    road.succeeds_with("test (1)", &[("a", "one"), ("b", "one")]);
    road.succeeds_with("test (2)", &[("a", ""), ("b", "two")]);
    assert_eq!(road.under_way(), ["three two"], "the last cell that has something to say");
}

#[test]
fn only_the_cells_that_were_asked_for_are_executed() {
    let jobs = "
  test: {strategy: {matrix: {os: [x, y], n: [1, 2.0]}}, $work}
  other: {strategy: {matrix: {os: [z]}}, $work}
  plain: {$work}
";
    let ask = |cells: &[(&str, &str)]| {
        let cells = cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let cells = cells.collect();
        Road::asked(jobs, |request| request.cells = cells)
    };
    assert_eq!(
        ask(&[("n", "2")]).under_way(),
        ["plain", "test (x, 2)", "test (y, 2)", "other (z)"]
    );
    let road = ask(&[("os", "x"), ("os", "y"), ("n", "1")]);
    assert_eq!(road.under_way(), ["plain", "test (x, 1)", "test (y, 1)"]);
    assert_eq!(road.why("other"), "no cell of its matrix has the values that were asked for");
    assert_eq!(road.result("other").conclusion, Conclusion::Skipped);
}
