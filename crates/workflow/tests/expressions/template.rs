//! Text with expressions in it.

use model::source::Span;
use serde_json::json;
use workflow::expression::{
    Expression, Names, Part, Problem, Signature, SyntaxErrorKind, TEMPLATE_MEMORY, Template,
    TemplateError, TemplateErrorKind, Value,
};

use super::world::World;

fn world() -> World {
    World::new(json!({ "github": { "ref": "main", "number": 7, "labels": ["a"] } }))
}

fn value(text: &str) -> Value {
    Template::parse(text).unwrap().evaluate(&world()).unwrap()
}

#[test]
fn an_expression_alone_keeps_its_kind() {
    assert_eq!(value("${{ github.number }}"), Value::Number(7.0));
    assert_eq!(value("${{github.none}}"), Value::Null);
    assert_eq!(value("${{ github.labels }}"), Value::from(vec!["a".into()]));
    assert_eq!(value(" ${{ github.number }}"), " 7".into());
    assert_eq!(value("${{ github.number }}${{ github.none }}"), "7".into());
    assert_eq!(value("a${{ github.labels }}b${{ true }}"), "aArraybtrue".into());
    assert_eq!(value("${{ '}}' }} }} ${{ '{0}' }}"), "}} }} {0}".into());
    assert_eq!(value("$ { { {{ github }} $${{ 1 }}"), "$ { { {{ github }} $1".into());
    assert_eq!(value(""), "".into());
}

#[test]
fn text_that_never_changes_is_literal() {
    for (text, literal) in [
        ("", ""),
        ("x }}", "x }}"),
        ("${{ '${{ escaped }}' }}", "${{ escaped }}"),
        ("${{ 'it''s' }}", "it's"),
    ] {
        let template = Template::parse(text).unwrap();
        assert!(template.is_literal());
        assert_eq!(template.as_literal(), Some(literal));
        assert_eq!(template.evaluate(&world()), Ok(literal.into()));
    }
    for text in ["${{ ('a') }}", " ${{ 'a' }}", "${{ 1 }}", "${{ 'a' }}${{ 'b' }}"] {
        assert!(!Template::parse(text).unwrap().is_literal(), "{text}");
    }
}

#[test]
fn mixed_text_is_shown_as_one_expression() {
    for (text, shown) in [
        ("ci-${{ github.ref }}", "format('ci-{0}', github.ref)"),
        ("${{ a }}{it's}${{ b == 'x' }}", "format('{0}{{it''s}}{1}', a, b == 'x')"),
        ("${{  github.ref }}", "github.ref"),
        ("it's", "'it''s'"),
    ] {
        let template = Template::parse(text).unwrap();
        assert_eq!(template.as_format(), shown);
        let read = Expression::parse(shown).unwrap();
        assert_eq!(read.evaluate(&world()), template.evaluate(&world()), "{text}");
    }
}

#[test]
fn expressions_are_found_in_the_text() {
    let text = "ü ${{ github.ref }}\n${{'}}'}} ${{ b}}";
    let template = Template::parse(text).unwrap();
    let found: Vec<&str> = template
        .expressions()
        .map(|(expression, start)| &text[start..start + expression.text().len()])
        .collect();
    assert_eq!(found, ["github.ref", "'}}'", "b"]);
    let parts: Vec<&str> = template
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(span) | Part::Expression { span, .. } => &text[span.start..span.end],
        })
        .collect();
    assert_eq!(parts, ["ü ", "${{ github.ref }}", "\n", "${{'}}'}}", " ", "${{ b}}"]);
}

#[test]
fn every_error_has_its_place() {
    let names = Names { contexts: &["github"], functions: &[Signature::HASH_FILES] };
    let found = |text: &str| -> Vec<(String, String)> {
        let errors = Template::errors(text, &names);
        let first = Template::parse_with(text, &names).unwrap_err();
        assert_eq!(errors.first(), Some(&first));
        let place = |span: Span| text[span.start..span.end].to_owned();
        errors.iter().map(|error| (place(error.span), error.to_string())).collect()
    };
    let one = |place: &str, message: &str| vec![(place.to_owned(), message.to_owned())];
    assert_eq!(found("ü ${{ }}"), one("${{ }}", "An expression was expected"));
    assert_eq!(found("${{}}"), one("${{}}", "An expression was expected"));
    let not_closed = "The expression is not closed. An unescaped ${{ sequence was found, but \
        the closing }} sequence was not found.";
    for open in ["${{ github.ref }", "${{ '}}", "${{"] {
        assert_eq!(found(&format!("x {open}")), one(open, not_closed));
    }
    assert_eq!(
        found("${{ fromYAML(1) }} and ${{ toJSON(vars) }} and ${{ github.ref"),
        [
            (
                "fromYAML".to_owned(),
                "Unrecognized function: 'fromYAML'. Located at position 1 within expression: \
                 fromYAML(1)"
                    .to_owned()
            ),
            (
                "vars".to_owned(),
                "Unrecognized named-value: 'vars'. Located at position 8 within expression: \
                 toJSON(vars)"
                    .to_owned()
            ),
            ("${{ github.ref".to_owned(), not_closed.to_owned()),
        ]
    );
    assert!(Template::errors("${{ hashFiles('x') }}", &names).is_empty());
}

#[test]
fn mixed_text_has_the_limits_of_one_expression() {
    let kind = |text: &str| match Template::parse(text) {
        Err(TemplateError { kind: TemplateErrorKind::Syntax(error), .. }) => Some(error.kind),
        Ok(_) => None,
        Err(error) => panic!("{error}"),
    };
    let long = "x".repeat(21_000 - "format('{0}', a)".len());
    assert_eq!(kind(&format!("{long}${{{{ a }}}}")), None);
    assert_eq!(kind(&format!("{long}x${{{{ a }}}}")), Some(SyntaxErrorKind::TooLong));
    assert_eq!(kind(&"x".repeat(30_000)), None);
    assert_eq!(kind(&"${{ a }}".repeat(254)), None);
    assert_eq!(kind(&"${{ a }}".repeat(255)), Some(SyntaxErrorKind::TooManyArguments));
}

#[test]
fn problems_are_found_in_the_text() {
    let text = "ü ${{ github.ref }} ${{ format('{0}', fromJSON('[')) }}";
    let error = Template::parse(text).unwrap().evaluate(&world()).unwrap_err();
    assert_eq!(&text[error.span.start..error.span.end], "fromJSON('[')");
    let text = "${{ github.ref }}${{ hashFiles('x') }}";
    let error = Template::parse(text).unwrap().evaluate(&world()).unwrap_err();
    assert_eq!(&text[error.span.start..error.span.end], "hashFiles('x')");
    assert_eq!(error.to_string(), "hashFiles: there are no files");
}

#[test]
fn text_grows_to_a_limit_only() {
    let large = "toJSON(fromJSON('[1]'))".to_owned();
    let large = (0..3).fold(large, |inner, _| format!("format('{}', {inner})", "{0}".repeat(50)));
    // 1.75 MB each, at two bytes a letter.
    let text = |count: usize| format!("${{{{ {large} }}}}").repeat(count);
    assert!(Template::parse(&text(5)).unwrap().evaluate(&world()).is_ok());
    let error = Template::parse(&text(6)).unwrap().evaluate(&world()).unwrap_err();
    assert_eq!(error.problem, Problem::Memory { limit: TEMPLATE_MEMORY });
}
