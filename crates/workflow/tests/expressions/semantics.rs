//! What upstream's cases leave open, as the implementation that executes steps has it.

use serde_json::{Value as Json, json};
use workflow::expression::{
    Comparison, Expression, Function, Names, Node, Signature, Special, SyntaxErrorKind,
};

use super::world::evaluated;

fn comes_to(cases: &[(&str, Json)]) {
    for (expression, value) in cases {
        assert_eq!(evaluated(expression).as_ref(), Ok(value), "{expression}");
    }
}

fn fails_with(cases: &[(&str, &str)]) {
    for (expression, message) in cases {
        let error = evaluated(expression).unwrap_err();
        assert!(error.contains(message), "{expression}: {error}");
    }
}

#[test]
fn what_is_not_needed_is_not_evaluated() {
    comes_to(&[
        ("true || fromJSON('')", json!(true)),
        ("false && fromJSON('')", json!(false)),
        ("case(true, 1, fromJSON(''), 2, fromJSON(''))", json!(1)),
        ("format('{0}', 'a', fromJSON(''))", json!("a")),
        ("contains(github, fromJSON(''))", json!(false)),
        ("contains(fromJSON('[]'), fromJSON(''))", json!(false)),
        ("startsWith(github, fromJSON(''))", json!(false)),
        ("join('a', fromJSON(''))", json!("a")),
        ("github.ref[fromJSON('')]", json!(null)),
    ]);
    fails_with(&[
        ("contains('a', fromJSON(''))", "fromJSON was given an empty text"),
        ("github[fromJSON(' ')]", "fromJSON was given an empty text"),
        ("format('{', fromJSON(''))", "format string is invalid: {"),
    ]);
}

#[test]
fn chains_yield_what_decides() {
    comes_to(&[
        ("'' || 0 || 'x' || 'y'", json!("x")),
        ("'' || 0", json!(0)),
        ("'a' && 'b' && 'c'", json!("c")),
        ("'a' && '' && 'c'", json!("")),
        ("'a' && 'b' || 'c'", json!("b")),
        ("'a' && ('b' || 'c')", json!("b")),
        ("!'a' == false", json!(true)),
        ("!(1 == 1) || !NaN", json!(true)),
        ("1 < 2 == true", json!(true)),
        ("3 > 2 > 1", json!(false)),
    ]);
}

#[test]
fn values_compare_by_kind() {
    comes_to(&[
        ("null < 1", json!(true)),
        ("null < null", json!(false)),
        ("null <= null", json!(true)),
        ("github <= github", json!(true)),
        ("github < github", json!(false)),
        ("github.event == github.event", json!(true)),
        ("github.event.* == github.event.*", json!(false)),
        ("github == 'Object'", json!(false)),
        ("matrix.version == null", json!(false)),
        ("'a' < 'B'", json!(true)),
        ("'10' < '9'", json!(true)),
        ("'10' < 9", json!(false)),
        ("NaN >= NaN", json!(false)),
        ("0xffffffff", json!(-1)),
    ]);
}

#[test]
fn filters_go_to_each_item() {
    comes_to(&[
        ("github.event.labels.*.name", json!(["a", "b"])),
        ("github.event.labels.*.NAME[0]", json!([])),
        ("github.event.*[1].name", json!(["b"])),
        ("github.event.labels.*['name']", json!(["a", "b"])),
        ("github.event.labels[*].none", json!([])),
        ("matrix.*.*", json!([1, 2, 3])),
        ("matrix.version.*", json!([1, 2, 3])),
        ("matrix.version[1.9]", json!(2)),
        ("matrix.version[-0.5]", json!(null)),
        ("matrix.version['1']", json!(2)),
        ("matrix.version[matrix]", json!(null)),
        ("none.*.x", json!([])),
        ("join(github.event.labels.*.name, '/')", json!("a/b")),
        ("contains(github.event.labels.*.name, 'B')", json!(true)),
        ("fromJSON(toJSON(matrix.*))[1][0]", json!(1)),
    ]);
}

#[test]
fn formats_have_places_only() {
    comes_to(&[
        ("format('{{{0}}}', 1)", json!("{1}")),
        ("format('{1}{0}{1}', 'a', 'b')", json!("bab")),
        ("format('{00}', 'a')", json!("a")),
        ("format('{0:}', 'a')", json!("a")),
        ("format(matrix.version, 1)", json!("Array")),
        ("format('{0}', 1e15)", json!("1E+15")),
    ]);
    fails_with(&[
        ("format('{0:x}', 1)", "specifiers 'x' are not valid for objects of type 'Number'"),
        ("format('{0:}}}', 1)", "specifiers '}' are not valid"),
        ("format('{0:x', 1)", "format string is invalid"),
        ("format('{0x}', 1)", "format string is invalid"),
        ("format('{ 0}', 1)", "format string is invalid"),
        ("format('{256}', 1)", "format string is invalid"),
        ("format('{1}', 1)", "more arguments than were supplied: {1}"),
    ]);
}

#[test]
fn strings_keep_their_quotes_and_letters() {
    comes_to(&[
        ("'it''s ''quoted'''", json!("it's 'quoted'")),
        ("''''", json!("'")),
        ("'a\nb'", json!("a\nb")),
        ("env.cjk", json!("日本語")),
        ("contains(env.CJK, '本')", json!(true)),
        ("\u{a0}\u{2003}1\u{3000}", json!(1)),
    ]);
}

#[test]
fn errors_say_what_and_where() {
    fails_with(&[
        ("(1", "Unexpected end of expression: '1'. Located at position 2 within expression: (1"),
        ("format('a'", "Unexpected end of expression: ''a''. Located at position 8"),
        ("github[1", "Unexpected end of expression: '1'"),
        ("github.", "Unexpected end of expression: '.'"),
        ("format('a',)", "Unexpected symbol: ')'. Located at position 12"),
        ("github[]", "Unexpected symbol: ']'"),
        ("github[*", "Unexpected end of expression: '*'"),
        ("github[*.a]", "Unexpected symbol: '.'"),
        ("github.*.*]", "Unexpected symbol: ']'"),
        ("(1]", "Unexpected symbol: ']'"),
        ("github[1)", "Unexpected symbol: ')'"),
        ("'a'[0]", "Unexpected symbol: '['"),
        ("'a'.b", "Unexpected symbol: '.b'"),
        ("1, 2", "Unexpected symbol: ','"),
        ("*", "Unexpected symbol: '*'"),
        ("1 !true", "Unexpected symbol: '!'"),
        ("()", "Unexpected symbol: ')'"),
        ("'😊' x", "Unexpected symbol: 'x'. Located at position 6"),
        ("contains('a')", "Too few parameters supplied: 'contains'. Located at position 1"),
        ("always(1)", "Too many parameters supplied: 'always'"),
        ("hashFiles('**')", "hashFiles: there are no files"),
        ("fromJSON('{\"a\":}')", "fromJSON was given what is no JSON: expected value at line 1"),
    ]);
    let hint = |text: &str| Expression::parse(text).unwrap_err().hint();
    assert_eq!(hint("\"a\""), Some("text stands in single quotes, as in 'text'"));
    assert_eq!(hint("a = b"), Some("write `==` to compare"));
}

#[test]
fn names_depend_on_the_place() {
    let functions = [Signature::SUCCESS, Signature::HASH_FILES];
    let step = Names { contexts: &["github", "Steps"], functions: &functions };
    let found = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        let checked = expression.check(&step);
        // One error of its own kind is found either way.
        assert_eq!(checked, Expression::parse_with(text, &step).map(|_| ()), "{text}");
        checked.map_err(|error| (error.kind, error.symbol().to_owned()))
    };
    let error = |kind, symbol: &str| Err((kind, symbol.to_owned()));
    assert_eq!(found("GitHub.ref && steps.x && Success() && hashfiles('a')"), Ok(()));
    assert_eq!(found("format('{0}', toJSON(github))"), Ok(()));
    assert_eq!(found("toJSON(secrets)"), error(SyntaxErrorKind::UnknownContext, "secrets"));
    assert_eq!(found("failure()"), error(SyntaxErrorKind::UnknownFunction, "failure"));
    assert_eq!(found("github[SUCCESS('a')]"), error(SyntaxErrorKind::TooManyArguments, "SUCCESS"));
    let few = Expression::parse_with("hashFiles()", &step).unwrap_err();
    assert_eq!(few.kind, SyntaxErrorKind::TooFewArguments);

    let job = Names { contexts: &[], functions: &[Signature::SUCCESS_OF_JOBS] };
    assert!(Expression::parse_with("success('a', 'b')", &job).is_ok());
    assert!(Expression::parse_with("True", &job).unwrap_err().hint().is_some());
}

#[test]
fn the_tree_has_the_place_of_each_part() {
    let text = "(GitHub.ref) != 'x' && !contains(a.*[1], b) && (c || d)";
    let expression = Expression::parse(text).unwrap();
    let mut parts = Vec::new();
    expression.root().walk(&mut |node| {
        let span = node.span();
        parts.push(&text[span.start..span.end]);
    });
    assert_eq!(
        parts,
        [
            text,
            "(GitHub.ref) != 'x'",
            "GitHub.ref",
            "GitHub",
            "ref",
            "'x'",
            "!contains(a.*[1], b)",
            "contains(a.*[1], b)",
            "a.*[1]",
            "a.*",
            "a",
            "*",
            "1",
            "b",
            "c || d",
            "c",
            "d",
        ]
    );
    let Node::And { operands, .. } = expression.root() else { panic!("{expression:?}") };
    let [Node::Compare { operator, left, .. }, Node::Not { operand, .. }, Node::Or { .. }] =
        &operands[..]
    else {
        panic!("{operands:?}")
    };
    assert_eq!(*operator, Comparison::NotEqual);
    let Node::Index { target, .. } = &**left else { panic!("{left:?}") };
    assert!(matches!(&**target, Node::Context { name, .. } if **name == *"github"));
    let Node::Call { function, name, .. } = &**operand else { panic!("{operand:?}") };
    assert_eq!(*function, Function::Contains);
    assert_eq!(&text[name.start..name.end], "contains");
    assert!(!expression.asks_for_status());
    let status = Expression::parse("a[b || CANCELLED()]").unwrap();
    assert!(status.asks_for_status() && Special::Cancelled.is_status());
}
