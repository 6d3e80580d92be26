//! Masking: which values, in which forms, however the output is cut.

use std::borrow::Cow;

use jobs::mask::{Added, Masks};

fn masks(values: &[&str]) -> Masks {
    let masks = Masks::default();
    for value in values {
        assert_eq!(masks.add(value), Added::Masked, "{value}");
    }
    masks
}

/// The text pushed through a stream in these pieces.
fn streamed(masks: &Masks, pieces: &[&str]) -> String {
    let mut stream = masks.stream();
    let mut out = Vec::new();
    for piece in pieces {
        stream.push(piece.as_bytes(), &mut out);
    }
    stream.finish(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_value_is_masked_wherever_it_stands() {
    let masks = masks(&["hunter2"]);
    assert_eq!(masks.mask("hunter2"), "***");
    assert_eq!(masks.mask("say hunter2, then hunter22"), "say ***, then ***2");
    assert!(matches!(masks.mask("say hunter1"), Cow::Borrowed(_)));
    assert!(masks.contains("xhunter2x") && !masks.contains("hunter"));
}

#[test]
fn what_overlaps_or_touches_is_masked_as_one() {
    let masks = masks(&["abcdef", "defghi", "xyz"]);
    assert_eq!(masks.mask("-abcdefghi-"), "-***-");
    assert_eq!(masks.mask("-abcdefxyzxyz-"), "-***-");
    assert_eq!(masks.mask("-abcdefdefghi-"), "-***-");
}

#[test]
fn a_secret_within_a_longer_one_does_not_show_the_rest() {
    for values in [["token", "token-longer"], ["token-longer", "token"]] {
        let masks = masks(&values);
        assert_eq!(masks.mask("a token-longer b token c"), "a *** b *** c");
        assert_eq!(streamed(&masks, &["a token", "-longer b tok", "en c"]), "a *** b *** c");
    }
}

#[test]
fn harmless_values_are_not_masked() {
    let masks = Masks::default();
    for (value, added) in [
        ("", Added::Empty),
        (" \n\t", Added::Empty),
        ("a", Added::TooShort),
        (" 42 ", Added::TooShort),
        ("\u{fc}", Added::TooShort),
        ("true", Added::TooCommon),
        ("False", Added::TooCommon),
        ("null", Added::TooCommon),
        ("***", Added::TooCommon),
    ] {
        assert_eq!(masks.add(value), added, "{value:?}");
    }
    assert_eq!(masks.mask("a true 42 null *** text"), "a true 42 null *** text");
    assert_eq!(masks.add("sesame"), Added::Masked);
    assert_eq!(masks.add("sesame\n"), Added::Known);
}

#[test]
fn clones_and_streams_learn_what_is_added() {
    let masks = Masks::default();
    let (clone, mut stream, mut out) = (masks.clone(), masks.stream(), Vec::new());
    stream.push(b"open sesame, ", &mut out);
    masks.add("sesame");
    stream.push(b"open sesame", &mut out);
    stream.finish(&mut out);
    assert_eq!(out, b"open sesame, open ***");
    assert_eq!(clone.mask("sesame"), "***");
}

#[test]
fn base64_is_masked_at_every_offset_and_in_both_alphabets() {
    let masks = masks(&["s3cr3t?>value"]);
    // `printf s3cr3t?>value | base64`, with a line feed, behind `u:` and behind `x`.
    assert_eq!(masks.mask("<czNjcjN0Pz52YWx1ZQ==>"), "<***>");
    assert_eq!(masks.mask("<czNjcjN0Pz52YWx1ZQo=>"), "<***>");
    assert_eq!(masks.mask("Basic dTpzM2NyM3Q/PnZhbHVl"), "Basic dTp***");
    assert_eq!(masks.mask("Basic dTpzM2NyM3Q_PnZhbHVl"), "Basic dTp***");
    assert_eq!(masks.mask("eHMzY3IzdD8+dmFsdWU="), "eH***U=");
}

#[test]
fn escaped_forms_are_masked() {
    let masks = masks(&["p&ss \"w\u{f6}rd\"\\1"]);
    for form in [
        "p%26ss%20%22w%C3%B6rd%22%5C1",
        "p%26ss%20%22w%c3%b6rd%22%5c1",
        "p%26ss+%22w%C3%B6rd%22%5C1",
        r#"p&ss \"wörd\"\\1"#,
        r#"p&ss \"w\u00f6rd\"\\1"#,
        r#"p\u0026ss \"wörd\"\\1"#,
        r#"p&ss \\\"wörd\\\"\\\\1"#,
        r#"p\&ss\ \"wörd\"\\1"#,
        "p&amp;ss &quot;w\u{f6}rd&quot;\\1",
    ] {
        assert_eq!(masks.mask(&format!("<{form}>")), "<***>", "{form}");
    }
}

#[test]
fn the_lines_of_a_secret_are_masked_one_by_one_and_together() {
    let key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\n  q1w2e3r4t5\nab\n-----END KEY-----\n";
    let masks = masks(&[key]);
    assert_eq!(masks.mask("> MIIEowIBAAKCAQEA <"), "> *** <");
    assert_eq!(masks.mask("    q1w2e3r4t5"), "    ***");
    assert_eq!(masks.mask("ab"), "ab");
    assert_eq!(masks.mask(key), "***\n");
    let one_line = key.trim().replace('\n', "\\n");
    assert_eq!(masks.mask(&format!("{{\"key\":\"{one_line}\"}}")), "{\"key\":\"***\"}");
    assert_eq!(masks.mask(&key.replace('\n', "\r\n")), "***\r\n");
}

/// However a text is cut, the stream masks it as if it had come whole.
#[test]
fn a_stream_masks_across_every_border() {
    let masks = masks(&["aab", "aabaac", "line one\nx\nline two", "caab\u{e4}", "zzz"]);
    let texts = [
        "aabaabaacaabaaaacaab\u{e4}aab",
        "aabaa aabaacaab ca\u{e4}",
        "a line one\nx\nline two b line one\nx\nline",
        "zzzzzzzzzz zz zzzz",
        "nothing of it",
    ];
    for text in texts {
        let whole = masks.mask(text);
        let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for first in &borders {
            for second in borders.iter().filter(|second| *second >= first) {
                let pieces = [&text[..*first], &text[*first..*second], &text[*second..]];
                assert_eq!(streamed(&masks, &pieces), whole, "{pieces:?}");
            }
        }
        let ends = borders[1..].iter().copied().chain([text.len()]);
        let singly: Vec<&str> = borders.iter().zip(ends).map(|(at, end)| &text[*at..end]).collect();
        assert_eq!(streamed(&masks, &singly), whole);
    }
}

#[test]
fn only_what_may_become_a_secret_is_held_back() {
    let masks = masks(&["hunter2-hunter3"]);
    let mut stream = masks.stream();
    let mut out = Vec::new();
    let mut push = |bytes: &[u8]| {
        out.clear();
        stream.push(bytes, &mut out);
        String::from_utf8(out.clone()).unwrap()
    };
    assert_eq!(push(b"a hunter"), "a ");
    assert_eq!(push(b"2"), "");
    assert_eq!(push(b"-house "), "hunter2-house ");
    assert_eq!(push(b"line\n"), "line\n");
}

#[test]
fn bytes_that_are_no_text_pass() {
    let masks = masks(&["hunter2"]);
    let (mut stream, mut out) = (masks.stream(), Vec::new());
    stream.push(b"\xff\0hunt", &mut out);
    stream.push(b"er2\xfe", &mut out);
    stream.finish(&mut out);
    assert_eq!(out, b"\xff\0***\xfe");
}

/// Added one by one with output between, as a script does that masks what it has read.
#[test]
fn thousands_of_secrets_are_found() {
    let masks = Masks::default();
    for number in 0..2_000 {
        masks.add(&format!("secret-{number:05}"));
        let line = format!("the last is secret-{number:05}.");
        assert_eq!(masks.mask(&line), "the last is ***.");
    }
    assert_eq!(masks.mask("secret-00000 secret-01999 secret-02000"), "*** *** secret-02000");
}

#[test]
fn secrets_are_not_shown_by_debugging() {
    let masks = masks(&["hunter2"]);
    let mut stream = masks.stream();
    stream.push(b"hunt", &mut Vec::new());
    assert_eq!(format!("{masks:?} {stream:?}"), "Masks { secrets: 1 } Stream { held: 4, .. }");
}
