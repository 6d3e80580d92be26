//! YAML that nobody should write: every bad input ends in a finding, quickly and in little memory.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use model::manifest;
use model::source::{Finding, Paint, Source};
use model::yaml::{self, Document, Limits, Options, Value};

fn read(bytes: &[u8]) -> Document {
    yaml::read("f.yaml", bytes, &Options::default())
}

/// The one finding of a file that cannot be read.
fn refused(bytes: &[u8]) -> (Finding, Source) {
    let mut document = read(bytes);
    assert!(document.root.is_none());
    assert_eq!(document.findings.len(), 1);
    (document.findings.remove(0), document.source)
}

fn code(bytes: &[u8]) -> &'static str {
    let (finding, source) = refused(bytes);
    assert!(finding.render(&source, Paint::Plain).len() < 4000);
    finding.code
}

#[test]
fn files_without_a_value() {
    for text in [
        "",
        " ",
        "\n\n",
        "# x",
        "# x\r\n# y",
        "\u{feff}",
        "---",
        "--- # x\n...\n",
        "%YAML 1.2\n---\n",
    ] {
        assert_eq!(code(text.as_bytes()), "empty-file", "{text:?}");
    }
}

#[test]
fn files_of_the_wrong_size_or_kind() {
    assert_eq!(code(&vec![b'a'; 2 << 20]), "file-too-large");
    assert_eq!(code(b"a: caf\xe9\n"), "not-utf-8");
    assert_eq!(code(b"\xff\xfea\0:\0"), "not-utf-8");
    assert_eq!(code(b"a: \xe2\x82"), "not-utf-8");
    assert_eq!(code(b"a: \0"), "control-character");
    assert_eq!(code(b"a: \x1b[31m"), "control-character");
    assert_eq!(code("# \u{7f}".as_bytes()), "control-character");
    assert_eq!(code(b"a: 1\n---\nb: 2\n"), "several-documents");
    let (finding, source) = refused(b"a: b\nc: d\xc3(\n");
    assert_eq!(finding.message, "byte 0xC3 at line 2, column 5 is not UTF-8");
    assert_eq!(source.position(finding.span.start).line, 2);
}

#[test]
fn line_ends_and_a_byte_order_mark_do_not_matter() {
    let unix = read(b"a: 1\nb: [x]\n").root.unwrap();
    let mapping = unix.as_mapping().unwrap();
    assert_eq!(mapping.get("a").unwrap().value, Value::Int(1));
    for text in [
        "\u{feff}a: 1\nb: [x]\n",
        "a: 1\r\nb: [x]\r\n",
        "a: 1\rb: [x]\r",
        "a: 1\nb: [x]",
        "a: 1\nb: [x]\n...\n",
    ] {
        let document = read(text.as_bytes());
        assert!(document.findings.is_empty(), "{text:?}");
        let root = document.root.unwrap();
        let span = root.as_mapping().unwrap().entry("b").unwrap().key.span;
        assert_eq!(document.source.slice(span), "b");
        assert_eq!(document.source.position(span.start).line, 2, "{text:?}");
    }
}

#[test]
fn depth_is_limited_however_it_is_made() {
    let deep = 100_000;
    let opened = "[".repeat(deep);
    let closed = opened.clone() + &"]".repeat(deep);
    let indented: String =
        (0..700).flat_map(|depth| [" ".repeat(depth), "a:\n".to_owned()]).collect();
    for text in [
        opened,
        closed,
        "{a: ".repeat(deep),
        "- ".repeat(deep),
        "? ".repeat(deep),
        "[{".repeat(deep),
        "[\n".repeat(deep),
        indented,
    ] {
        assert_eq!(code(text.as_bytes()), "too-deep", "{}", &text[..10]);
    }
    let most = Limits::default().depth;
    let fits = "[".repeat(most) + &"]".repeat(most);
    assert!(read(fits.as_bytes()).root.is_some());
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = level - 1;
        let aliases = vec![format!("*a{below}"); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert_eq!(code(laughs.as_bytes()), "too-many-values");
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 100].join(", "));
    assert_eq!(code(text.as_bytes()), "too-much-text");
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..100 {
        writeln!(deep, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert_eq!(code(deep.as_bytes()), "too-deep");
    assert_eq!(code("- \n".repeat(200_000).as_bytes()), "too-many-values");
    assert_eq!(code(b"a: &a [*a]"), "recursive-alias");
    assert_eq!(code(b"&a {b: {*a : 1}}"), "recursive-alias");
    assert_eq!(code(b"a: *nobody"), "unknown-alias");
}

#[test]
fn aliases_stand_for_what_they_name() {
    let document = read(b"a: &x {b: &y [1]}\nc: *x\nd: *y\n*y : 1\n&z k: *z\n");
    assert_eq!(document.findings.len(), 1, "only the list as a key");
    assert_eq!(document.findings[0].code, "complex-key");
    let root = document.root.unwrap();
    let root = root.as_mapping().unwrap();
    let list = |key: &str| root.get(key).unwrap().as_sequence().unwrap()[0].value.clone();
    assert_eq!(list("d"), Value::Int(1));
    let c = root.get("c").unwrap();
    assert_eq!(document.source.slice(c.span), "*x");
    assert_eq!(document.source.slice(c.as_mapping().unwrap().get("b").unwrap().span), "[1]");
    assert_eq!(root.get("k").unwrap().text(), Some("k"));
}

#[test]
fn merge_keys_are_refused_unless_asked_for() {
    let text = b"base: &b {a: 1, b: 2}\nx:\n  b: 3\n  <<: *b\ny: {<<: [*b, {c: 4}]}\n";
    let findings = read(text).findings;
    assert_eq!(
        findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
        ["merge-key", "merge-key"]
    );
    let options = Options { merge_keys: true, ..Options::default() };
    let document = yaml::read("f.yaml", text, &options);
    assert!(document.findings.is_empty());
    let root = document.root.unwrap();
    let merged = |key: &str| -> Vec<(String, Value)> {
        let mapping = root.as_mapping().unwrap().get(key).unwrap().as_mapping().unwrap();
        mapping
            .entries
            .iter()
            .map(|entry| (entry.key.text.clone(), entry.value.value.clone()))
            .collect()
    };
    let pair = |key: &str, value| (key.to_owned(), Value::Int(value));
    assert_eq!(merged("x"), [pair("b", 3), pair("a", 1)]);
    assert_eq!(merged("y"), [pair("a", 1), pair("b", 2), pair("c", 4)]);
    let document = yaml::read("f.yaml", b"<<: 1\n", &options);
    assert_eq!(document.findings[0].code, "merge-key");
}

#[test]
fn what_old_parsers_let_pass() {
    let text = "on: push\nlist: [one]#, two ]\nsaid: # said\n- \"hello\n\n world\nand\n   more\"\nlast: x\n";
    assert_eq!(code(text.as_bytes()), "yaml-syntax");
    let options = Options { forgiving: true, ..Options::default() };
    let document = yaml::read("f.yaml", text.as_bytes(), &options);
    assert!(document.findings.is_empty(), "{:?}", document.findings);
    let root = document.root.unwrap();
    let root = root.as_mapping().unwrap();
    let list = root.get("list").unwrap();
    assert_eq!(document.source.slice(list.span), "[one]");
    let said = &root.get("said").unwrap().as_sequence().unwrap()[0];
    assert_eq!(said.text(), Some("hello\nworld and more"));
    assert_eq!(document.source.slice(said.span), "\"hello\n\n world\nand\n   more\"");
    let entry = root.entry("last").unwrap();
    assert_eq!(document.source.slice(entry.key.span), "last");
    let other = "list: [one]# two\nlast: ]\n".as_bytes();
    let document = yaml::read("f.yaml", other, &options);
    assert_eq!(document.findings.len(), 1);
    assert_eq!(document.source.slice(document.findings[0].span), "#", "the first slip is told");
    let slips = "- [x]#\n".repeat(60);
    assert!(yaml::read("f.yaml", slips.as_bytes(), &options).root.is_none());
}

#[test]
fn repeated_keys_are_kept_where_they_are_asked_for() {
    let options = Options { repeated_keys: true, ..Options::default() };
    let document = yaml::read("f.yaml", b"a: 1\nb: 2\na: 3\n", &options);
    assert!(document.findings.is_empty());
    let root = document.root.unwrap();
    let keys: Vec<&str> =
        root.as_mapping().unwrap().entries.iter().map(|entry| entry.key.text.as_str()).collect();
    assert_eq!(keys, ["a", "b", "a"]);
}

#[test]
fn lists_begin_with_their_first_dash() {
    for text in [
        "a:\n- x\n",
        "a:\n  - x\n",
        "a: &l\n# no - dash\n-   x\n",
        "a: # - no dash\n\n-\n  x\n",
        "a:\n- - x\n",
        "a:\n- b: x\n",
    ] {
        let document = read(text.as_bytes());
        let root = document.root.unwrap();
        let list = root.as_mapping().unwrap().get("a").unwrap();
        let dashes: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let first = dashes.iter().find(|at| text[**at..].trim_start_matches(' ').starts_with('-'));
        let first = first.map(|at| at + text[*at..].find('-').unwrap());
        assert_eq!(Some(list.span.start), first, "{text:?}");
    }
}

#[test]
fn anchors_are_counted() {
    let limited = |anchors| {
        let limits = Limits { anchors, ..Limits::default() };
        let options = Options { limits, ..Options::default() };
        let document = yaml::read("f.yaml", b"a: &x 1\nb: &y [*x]\n", &options);
        document.findings.first().map(|finding| document.source.slice(finding.span).to_owned())
    };
    assert_eq!(limited(0).as_deref(), Some("&x"));
    assert_eq!(limited(1).as_deref(), Some("&y"));
    assert_eq!(limited(2), None);
}

#[test]
fn values_keep_how_they_are_written() {
    let document = read(
        b"a: 1.10\nb: 0x1F\nc: 'it''s'\nd: |\n  x\n  y\n\ne: ~\nf: !!str 5\non: yes\n8080: x\n",
    );
    assert!(document.findings.is_empty());
    let root = document.root.unwrap();
    let text = |key: &str| root.as_mapping().unwrap().get(key).unwrap().text().unwrap().to_owned();
    assert_eq!(
        ["a", "b", "c", "d", "e", "f", "on", "8080"].map(text),
        ["1.10", "0x1F", "it's", "x\ny\n", "~", "5", "yes", "x"]
    );
    let d = root.as_mapping().unwrap().get("d").unwrap().span;
    assert_eq!(document.source.slice(d).trim_start_matches(['|', '\n', ' ']), "x\n  y");
}

/// Mistakes of everyday, each with what is said of it.
#[test]
fn syntax_errors() {
    let mut page = String::new();
    for text in [
        "a:\n\tb: 1\n",
        "a:\n  b: 1\n\tc: 2\n",
        "a: [1,\n",
        "a: {b: 1\nc: 2\n",
        "a: [1}\n",
        "a: ]\n",
        "a: \"foo\nb: c\n",
        "a: \"foo",
        "a: 'x' y\n",
        "a: \"\\q\"\n",
        "a: b: c\n",
        "a:b\nc: d\n",
        "a:\n  b: 1\n c: 2\n",
        "- a\nb: 1\n",
        "a: 1\n- b\n",
        "a: - b\n",
        "a: @b\n",
        "a: %b\n",
        "a: *\n",
        "a: *.rs\n",
        "a: {{ x }}\n",
        "a: 'x'#y\n",
        "a: !include b\n",
        "a: 1\na: 2\n",
        ": 1\n",
    ] {
        let document = read(text.as_bytes());
        for finding in &document.findings {
            page.push_str(&finding.render(&document.source, Paint::Plain));
            page.push('\n');
        }
    }
    insta::assert_snapshot!(page);
}

/// Whatever the bytes are, reading ends, in a manifest or in findings that can be shown.
#[test]
fn no_bytes_break_the_reader() {
    let good = include_bytes!("manifest/highroad.yaml");
    let pieces: [&[u8]; 24] = [
        b"\n",
        b" ",
        b"\t",
        b": ",
        b"- ",
        b"? ",
        b"[",
        b"]",
        b"{",
        b"}",
        b"&a ",
        b"*a",
        b"!",
        b"|\n",
        b">-\n",
        b"\"",
        b"'",
        b"#",
        b"---\n",
        b"\xff",
        b"\0",
        b"<<: ",
        b"%",
        b"\xc2\x85",
    ];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4_000 {
        let mut bytes = good.to_vec();
        let begin = random.below(bytes.len());
        bytes = bytes[begin..(begin + random.below(600)).min(bytes.len())].to_vec();
        for _ in 0..random.below(8) {
            let at = random.below(bytes.len() + 1);
            match random.below(4) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                2 if at < bytes.len() => {
                    let end = (at + random.below(9)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let piece = pieces[random.below(pieces.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        let reading = manifest::read("f.yaml", &bytes);
        assert_eq!(reading.manifest.is_none(), reading.findings.iter().any(Finding::is_error));
        for finding in &reading.findings {
            let text = finding.render(&reading.source, Paint::Ansi);
            assert!(!text.is_empty());
            serde_json::to_string(&finding.report(&reading.source)).unwrap();
        }
    }
}

/// Files of a megabyte that are slow to read wherever something is not linear.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test that measures needs a clock")]
fn large_files_are_read_in_little_time() {
    // As many lines as the limit of values lets through.
    let many = |values: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..99_000 / values).map(line).collect()
    };
    for (what, text) in [
        ("unknown keys", many(2, &|n| format!("k{n}: {n}\n"))),
        ("unknown keys on one line", format!("{{{}}}", many(2, &|n| format!("k{n}: {n}, ")))),
        (
            "variables",
            "service: a\nrun:\n  command: a\n  env:\n".to_owned()
                + &many(2, &|n| format!("    K{n}: v\n")),
        ),
        (
            "services",
            "services:\n".to_owned() + &many(6, &|n| format!("  s{n}: {{run: ./a, owner: b}}\n")),
        ),
        (
            "inheritance",
            format!(
                "environments:\n{}services:\n{}",
                (0..80).fold(String::new(), |text, n| text + &format!("  e{n}: {{soak: 1m}}\n")),
                (0..500).fold(String::new(), |text, n| text
                    + &format!("  s{n}: {{run: ./a, owner: b}}\n")),
            ),
        ),
        (
            "environments",
            "service: a\nrun: b\nenvironments:\n".to_owned() + &many(2, &|n| format!("  e{n}:\n")),
        ),
        (
            "references",
            "service: a\nrun: b\nenvironments:\n".to_owned()
                + &(0..99)
                    .fold(String::new(), |text, n| text + &format!("  an-environment-{n}x:\n"))
                + "  last:\n    after:\n"
                + &many(2, &|n| format!("    - an-environment-{n}y\n")),
        ),
        (
            "wrong keys beside many services",
            many(3, &|n| format!("o{n}er: {n}\n"))
                + "services:\n"
                + &(0..500).fold(String::new(), |text, n| text + &format!("  s{n}: {{run: a}}\n")),
        ),
        ("one text", format!("a: {}", "x y ".repeat(240_000))),
        ("colons", "a:".repeat(500_000)),
        ("quotes", format!("\"{}", "a\n".repeat(400_000))),
        ("comments", "# x\n".repeat(240_000)),
        ("spaces", format!("a:{}b", " ".repeat(900_000))),
        ("anchors", many(2, &|n| format!("- &a{n} x\n"))),
        ("wide", format!("k: [{}", "\u{300}".repeat(450_000))),
    ] {
        let began = Instant::now();
        let reading = manifest::read("f.yaml", text.as_bytes());
        let shown: usize = reading
            .findings
            .iter()
            .map(|finding| finding.render(&reading.source, Paint::Plain).len())
            .sum();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
        assert!(shown < 200_000, "{what}: {shown}");
    }
}

/// xorshift64: the same bytes at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most.max(1) as u64).unwrap()
    }
}
