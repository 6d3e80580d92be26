//! What a matrix comes to.

use serde_json::{Value, json};
use workflow::matrix::{self, Cell, MatrixError};

fn expand(matrix: &Value) -> Vec<Cell> {
    matrix::expand(matrix).unwrap()
}

fn values(cells: &[Cell]) -> Vec<Value> {
    cells.iter().map(|cell| Value::Object(cell.values.clone())).collect()
}

fn names(cells: &[Cell]) -> Vec<String> {
    cells.iter().map(|cell| cell.name("test")).collect()
}

#[test]
fn the_last_axis_changes_fastest() {
    let cells =
        expand(&json!({"os": ["ubuntu-latest", "windows-latest"], "node": [18, 20.5, true]}));
    assert_eq!(
        names(&cells),
        [
            "test (ubuntu-latest, 18)",
            "test (ubuntu-latest, 20.5)",
            "test (ubuntu-latest, true)",
            "test (windows-latest, 18)",
            "test (windows-latest, 20.5)",
            "test (windows-latest, true)",
        ]
    );
    assert_eq!(values(&cells)[4], json!({"os": "windows-latest", "node": 20.5}));
}

#[test]
fn the_documented_example_of_include() {
    let cells = expand(&json!({
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    }));
    assert_eq!(
        values(&cells),
        [
            json!({"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"}),
            json!({"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"}),
            json!({"fruit": "pear", "animal": "cat", "color": "pink"}),
            json!({"fruit": "pear", "animal": "dog", "color": "green"}),
            json!({"fruit": "banana"}),
            json!({"fruit": "banana", "animal": "cat"}),
        ]
    );
    assert_eq!(
        names(&cells),
        [
            "test (apple, cat)",
            "test (apple, dog)",
            "test (pear, cat)",
            "test (pear, dog)",
            "test (banana)",
            "test (banana, cat)",
        ],
        "what is added to a combination is not in its name"
    );
}

#[test]
fn include_alone_makes_the_cells() {
    let cells = expand(&json!({"include": [
        {"site": "production", "datacenter": "site-a"},
        {"site": "staging", "datacenter": "site-b"},
    ]}));
    assert_eq!(names(&cells), ["test (production, site-a)", "test (staging, site-b)"]);
}

#[test]
fn the_documented_example_of_exclude() {
    let cells = expand(&json!({
        "os": ["macos-latest", "windows-latest"],
        "version": [12, 14, 16],
        "environment": ["staging", "production"],
        "exclude": [
            {"os": "macos-latest", "version": 12, "environment": "production"},
            {"os": "windows-latest", "version": 16},
        ],
    }));
    assert_eq!(
        names(&cells),
        [
            "test (macos-latest, 12, staging)",
            "test (macos-latest, 14, staging)",
            "test (macos-latest, 14, production)",
            "test (macos-latest, 16, staging)",
            "test (macos-latest, 16, production)",
            "test (windows-latest, 12, staging)",
            "test (windows-latest, 12, production)",
            "test (windows-latest, 14, staging)",
            "test (windows-latest, 14, production)",
        ]
    );
}

#[test]
fn exclude_compares_as_expressions_do() {
    let cells = expand(&json!({
        "a": ["a", "b", 0, "", null, false, {"x": "A", "y": 1, "z": [1, 2]}],
        "exclude": [
            {"A": "A"},
            {"A": null},
            {"a": {"X": "a", "z": [1]}},
        ],
    }));
    assert_eq!(values(&cells), [json!({"a": "b"})]);
    let versions = expand(&json!({"v": [10, "12"], "exclude": [{"v": "10"}, {"v": 12}]}));
    assert!(versions.is_empty());
}

#[test]
fn include_may_name_a_part_of_a_value() {
    let axis = json!({"prop1": "val1", "prop2": "val2", "list": ["a", "b"]});
    let cells = expand(&json!({
        "axis": [axis, {"prop1": "other"}],
        "include": [
            {"axis": {"prop1": "val1", "list": ["a"]}, "extra": "yes"},
            {"axis": {"prop1": "nobody"}, "extra": "alone"},
        ],
    }));
    assert_eq!(
        values(&cells),
        [
            json!({"axis": axis, "extra": "yes"}),
            json!({"axis": {"prop1": "other"}}),
            json!({"axis": {"prop1": "nobody"}, "extra": "alone"}),
        ]
    );
    assert_eq!(names(&cells), ["test (val1, val2, a, b)", "test (other)", "test (nobody, alone)"]);
}

#[test]
fn names_are_cut_and_empty_values_left_out() {
    let cells = expand(&json!({"a": ["x".repeat(200)], "b": ["", null, {}]}));
    let name = cells[0].name("test");
    assert_eq!(name.len(), 100);
    assert!(name.ends_with("x..."));
    let quiet = expand(&json!({"b": ["", null, {}, 1e21]}));
    assert_eq!(names(&quiet), ["test", "test", "test", "test (1E+21)"]);
    let wide = expand(&json!({"a": ["\u{1F600}".repeat(60)]}));
    assert!(wide[0].name("t").encode_utf16().count() <= 100);
}

#[test]
fn a_matrix_without_cells_says_why() {
    let error = |matrix: Value| matrix::expand(&matrix).unwrap_err().to_string();
    insta::assert_snapshot!(
        [
            error(json!("windows")),
            error(json!(null)),
            error(json!({})),
            error(json!({"include": []})),
            error(json!({"exclude": [{"os": "x"}]})),
            error(json!({"os": "ubuntu-latest"})),
            error(json!({"os": []})),
            error(json!({"os": ["a"], "OS": ["b"]})),
            error(json!({"os": ["a"], "include": {"os": "a"}})),
            error(json!({"os": ["a"], "include": [{"os": "a", "x": 1}, {}]})),
            error(json!({"os": ["a"], "exclude": [{"os": "a"}, "b"]})),
            error(json!({"os": ["a"], "exclude": [{"arch": "x64"}]})),
        ]
        .join("\n")
    );
}

#[test]
fn at_most_256_cells() {
    let axis = |count: usize| Value::from((0..count).collect::<Vec<_>>());
    assert_eq!(expand(&json!({"a": axis(16), "b": axis(16)})).len(), 256);
    let error = |matrix: Value| matrix::expand(&matrix).unwrap_err();
    assert_eq!(error(json!({"a": axis(257)})), MatrixError::TooMany(257));
    let excluded: Vec<Value> = (0..16).map(|b| json!({"a": 0, "b": b})).collect();
    let narrowed = json!({"a": axis(17), "b": axis(16), "exclude": excluded});
    assert_eq!(expand(&narrowed).len(), 256);
    let many = axis(5000);
    let huge = json!({"a": many, "b": many, "c": many, "d": many, "e": many, "f": many});
    assert_eq!(error(huge), MatrixError::TooManyCombinations);
}

#[test]
fn the_strategy_context() {
    assert_eq!(
        matrix::strategy(1, 4, true, None),
        json!({"fail-fast": true, "job-index": 1, "job-total": 4, "max-parallel": 4})
    );
    assert_eq!(
        matrix::strategy(0, 4, false, Some(2)),
        json!({"fail-fast": false, "job-index": 0, "job-total": 4, "max-parallel": 2})
    );
}
