//! `if:`, as it is read and shown.

use workflow::expression::{
    Names, Signature, SyntaxErrorKind, TemplateErrorKind, condition, condition_with,
};

fn shown(text: &str) -> String {
    condition(text).unwrap().expression().text().to_owned()
}

#[test]
fn success_is_implied_unless_the_status_is_asked_for() {
    for (text, expression) in [
        ("", "success()"),
        ("  \n", "success()"),
        ("${{ '' }}", "success()"),
        ("true", "success() && (true)"),
        (" a.b == 'c'\n", "success() && (a.b == 'c')"),
        ("${{ a.b == 'c' }}", "success() && (a.b == 'c')"),
        ("${{success('build', 'test')}}", "success('build', 'test')"),
        ("false || (Always() && true)", "false || (Always() && true)"),
        ("fromJSON(toJSON(a[failure()]))", "fromJSON(toJSON(a[failure()]))"),
        ("!cancelled()", "!cancelled()"),
        ("'success()'", "success() && ('success()')"),
        ("a.success", "success() && (a.success)"),
        ("hashFiles('x') != ''", "success() && (hashFiles('x') != '')"),
        ("a || ${{ b }}", "success() && (format('a || {0}', b))"),
        ("${{ b }} ", "success() && (format('{0} ', b))"),
        ("${{ 'a == ''b''' }}", "success() && (a == 'b')"),
    ] {
        assert_eq!(shown(text), expression, "{text}");
    }
}

#[test]
fn parts_are_found_in_the_text() {
    for (text, parts) in [
        ("  github.ref == 'x'", 5),
        ("  github.ref", 3),
        ("${{ always() && a }}", 3),
        (" ${{ a }}", 0),
        ("${{ 'a' }}", 0),
        ("", 0),
    ] {
        let condition = condition(text).unwrap();
        let mut found = 0;
        condition.expression().root().walk(&mut |node| {
            let span = node.span();
            if let Some(place) = condition.written(span) {
                let part = &condition.expression().text()[span.start..span.end];
                assert_eq!(&text[place.start..place.end], part);
                found += 1;
            }
        });
        assert_eq!(found, parts, "{text}");
    }
}

#[test]
fn errors_are_found_in_the_text() {
    let names = Names { contexts: &["github"], functions: &[Signature::ALWAYS] };
    for (text, kind, place) in [
        ("  github.ref = 'x'", SyntaxErrorKind::NotAToken, "="),
        ("github.ref && (env.x)", SyntaxErrorKind::UnknownContext, "env"),
        ("${{ github.ref }} ${{ env.x }}", SyntaxErrorKind::UnknownContext, "env"),
        ("${{ success() }}", SyntaxErrorKind::UnknownFunction, "success"),
        ("${{ 'env.x' }}", SyntaxErrorKind::UnknownContext, "${{ 'env.x' }}"),
    ] {
        let error = condition_with(text, &names).unwrap_err();
        assert_eq!(&text[error.span.start..error.span.end], place);
        let TemplateErrorKind::Syntax(error) = error.kind else { panic!("{text}") };
        assert_eq!(error.kind, kind, "{text}");
    }
    // What is put around it needs no leave.
    assert!(condition_with("github.ref", &names).unwrap().is_guarded());
}
