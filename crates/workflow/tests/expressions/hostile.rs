//! Text that nobody should write is refused in good order, and evaluation stays within its limits.

use serde_json::json;
use workflow::expression::{
    Expression, MAX_DEPTH, MAX_LENGTH, Problem, SyntaxErrorKind, Template, condition,
};

use super::world::{World, evaluated};

/// Words of the language and things near to it, to put together at random.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "*",
    "!",
    "!=",
    "==",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "&",
    "||",
    "|",
    "${{",
    "}}",
    "}",
    "{",
    "'",
    "''",
    "'text'",
    "'it''s'",
    "\"",
    " ",
    "\n",
    "\u{a0}",
    "ü",
    "😊",
    "\0",
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "0",
    "1",
    "-1",
    ".5",
    "1e3",
    "0xff",
    "0o7",
    "0x",
    "1e999",
    "github",
    "matrix",
    "ref",
    "none",
    "_",
    "a-b",
    "contains",
    "startsWith",
    "endsWith",
    "format",
    "join",
    "toJSON",
    "fromJSON",
    "case",
    "hashFiles",
    "success",
    "always",
    "failure()",
    "github.ref",
    "matrix.*",
    "github.event.labels",
    "['x']",
    "[0]",
    "[*]",
    "(1)",
    "({0}",
    "'{0}'",
    "format('{0}', ",
    "toJSON(",
    "fromJSON('[1]')",
    "case(true, ",
];

#[test]
fn no_text_makes_it_panic() {
    let world = World::new(json!({ "github": { "ref": "x" }, "matrix": { "os": ["a", 1, null] } }));
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut refused) = (0_u32, 0_u32);
    for round in 0..60_000 {
        let mut text = String::new();
        if round % 2 == 0 {
            (0..=chance.below(12)).for_each(|_| text.push_str(chance.pick(PIECES)));
        } else {
            sentence(&mut chance, 4, &mut text);
        }
        match Expression::parse(&text) {
            Ok(expression) => {
                read += 1;
                well_formed(&expression, &world);
            }
            Err(error) => {
                refused += 1;
                assert!(round % 2 == 0, "{text}: {error}");
                assert_eq!(text.get(error.span.start..error.span.end), Some(error.symbol()));
                assert!(error.to_string().starts_with(&error.summary()));
                let _ = error.hint();
            }
        }
        for text in [format!("x ${{{{ {text} }}}}"), text] {
            if let Ok(template) = Template::parse(&text) {
                let alone = Expression::parse(&template.as_format()).unwrap();
                let (alone, value) = (alone.evaluate(&world), template.evaluate(&world));
                assert_eq!(shown(&alone), shown(&value), "{text}");
            }
            if let Ok(condition) = condition(&text) {
                let _ = condition.holds(&world);
            }
        }
    }
    assert!(read > 30_000 && refused > 10_000, "{read} read, {refused} refused");
}

/// What was read can be read in parentheses and comes to the same, and its parts are in the text.
fn well_formed(expression: &Expression, world: &World) {
    let text = expression.text();
    if !text.trim().is_empty() {
        let again = Expression::parse(&format!(" ( {text}\n)")).unwrap().evaluate(world);
        assert_eq!(shown(&again), shown(&expression.evaluate(world)), "{text}");
    }
    expression.root().walk(&mut |node| {
        let span = node.span();
        assert!(text.get(span.start..span.end).is_some(), "{text}");
    });
}

/// An expression by the rules, with parts no deeper than that.
fn sentence(chance: &mut Chance, depth: usize, text: &mut String) {
    const PLAIN: &[&str] = &[
        "null",
        "true",
        "NaN",
        "0",
        "-1.5",
        "'it''s'",
        "github",
        "matrix.os",
        "matrix.*[0]",
        "none",
    ];
    const OPERATORS: &[&str] = &["==", "!=", "<", "<=", ">", " >= ", "&&", "||", " && ", "\n||\n"];
    const CALLS: &[(&str, usize)] = &[
        ("contains", 2),
        ("StartsWith", 2),
        ("endsWith", 2),
        ("format", 3),
        ("join", 1),
        ("join", 2),
        ("toJSON", 1),
        ("fromJSON", 1),
        ("case ", 3),
        ("case", 5),
        ("hashFiles", 1),
        ("success", 0),
        ("failure", 2),
    ];
    let part = |chance: &mut Chance, text: &mut String| sentence(chance, depth - 1, text);
    match if depth == 0 { 0 } else { chance.below(8) } {
        0 | 1 => text.push_str(chance.pick(PLAIN)),
        2 => {
            text.push('!');
            part(chance, text);
        }
        3 | 4 => {
            part(chance, text);
            text.push_str(chance.pick(OPERATORS));
            part(chance, text);
        }
        5 => {
            text.push('(');
            part(chance, text);
            text.push_str(chance.pick(&[")", ").x", ").*", ")[0]", ")[*]"]));
        }
        _ => {
            let (name, count) = CALLS[chance.below(CALLS.len())];
            text.push_str(name);
            text.push('(');
            for nth in 0..count {
                text.push_str(if nth == 0 { "" } else { ", " });
                part(chance, text);
            }
            text.push(')');
        }
    }
}

/// A result without the places in it, and with `NaN` equal to itself.
fn shown(
    result: &Result<workflow::expression::Value, workflow::expression::EvaluationError>,
) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn depth_and_length_are_limited() {
    let kind = |text: &str| Expression::parse(text).map(|_| ()).map_err(|error| error.kind);
    let deep = Err(SyntaxErrorKind::TooDeep);
    let chain = |count: usize| "1 == ".repeat(count) + "1";
    assert_eq!(kind(&chain(MAX_DEPTH - 1)), Ok(()));
    assert_eq!(kind(&chain(MAX_DEPTH)), deep);
    // A chain of one operator is one part, in parentheses or without.
    assert_eq!(kind(&("1 && ".repeat(4_000) + "1")), Ok(()));
    assert_eq!(kind(&("1 || (".repeat(2_000) + "1" + &")".repeat(2_000))), Ok(()));
    assert_eq!(kind(&("(".repeat(10_000) + "1" + &")".repeat(10_000))), Ok(()));

    for (open, end) in [
        ("!", "1"),
        ("!(", "1"),
        ("toJSON(", ""),
        ("github[", ""),
        ("1 == (", ""),
        ("a && (b || (", ""),
        ("(", ""),
    ] {
        let text = open.repeat((MAX_LENGTH - end.len()) / open.len()) + end;
        assert!(kind(&text).is_err());
    }
    assert_eq!(kind(&("github".to_owned() + &"[0]".repeat(6_000))), deep);
    assert_eq!(kind(&("github".to_owned() + &".*".repeat(10_000))), deep);

    let text = |letter: &str, count: usize| format!("'{}'", letter.repeat(count));
    assert_eq!(kind(&text("x", MAX_LENGTH - 2)), Ok(()));
    assert_eq!(kind(&text("x", MAX_LENGTH - 1)), Err(SyntaxErrorKind::TooLong));
    assert_eq!(kind(&text("ü", MAX_LENGTH - 2)), Ok(()));
    assert_eq!(kind(&text("😊", MAX_LENGTH / 2)), Err(SyntaxErrorKind::TooLong));
    assert_eq!(kind(&" ".repeat(50_000_000)), Err(SyntaxErrorKind::TooLong));
    assert!(condition(&text("x", MAX_LENGTH - 2)).is_err(), "the guard belongs to it");
}

#[test]
fn results_do_not_grow_without_end() {
    let mut text = "'0123456789'".to_owned();
    for _ in 0..8 {
        text = format!("format('{}', {text})", "{0}".repeat(10));
    }
    let expression = Expression::parse(&text).unwrap();
    let problem = expression.evaluate(&World::new(json!({}))).unwrap_err().problem;
    assert!(matches!(problem, Problem::Memory { .. }));

    let list: Vec<u32> = (0..100_000).collect();
    let world = World::new(json!({ "matrix": { "a": list, "b": "x".repeat(20_000) } }));
    for text in [
        "join(matrix.a, matrix.b)",
        "toJSON(matrix.a)",
        "matrix.*.* == matrix.*.*",
        "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', matrix.b)",
    ] {
        let error = Expression::parse(text).unwrap().evaluate(&world).unwrap_err();
        assert!(matches!(error.problem, Problem::Memory { .. }), "{text}");
    }
    // What is done with is given back.
    let many = ["startsWith(toJSON(matrix.b), '\"')"; 400].join(" && ");
    assert!(Expression::parse(&many).unwrap().evaluate(&world).is_ok());
}

#[test]
fn json_from_outside_has_limits() {
    let nested = |depth: usize| format!("fromJSON('{}{}')", "[".repeat(depth), "]".repeat(depth));
    assert!(evaluated(&nested(100)).is_ok());
    assert!(evaluated(&nested(101)).is_err());
    assert!(evaluated(&nested(10_000)).is_err());
}

/// A small generator: the same texts in every run.
struct Chance(u64);

impl Chance {
    fn pick<'a>(&mut self, pieces: &[&'a str]) -> &'a str {
        pieces[self.below(pieces.len())]
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}
