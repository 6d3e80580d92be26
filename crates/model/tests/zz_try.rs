//! Scratch.
use model::yaml; use model::source::Paint;
#[test]
fn try_it() {
    for text in [
        "a: 1\nb:\n  c: x\n  d:\n\ne:\n- 1\n-   foo: bar\n    baz: |\n      text\n      more\n\nf: {a: 1,\n  b: [1, 2]}\ng: \"x y\"\nh: &an [1]\ni: *an\n",
        "a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "a: [1,\n", "a: {b: 1\nc: 2\n", "a: \"foo\nb: c\n", "a: b: c\n", "a: {{ x }}\n", "a: *foo\n", "a: *\n", "a: @b\n", "a: `x`\n", "a: 'x' y\n", "a: [1}\n", "a:\n  b: 1\n c: 2\n", "- a\nb: 1\n", "a: 1\n- b\n", "a\nb: 1\n", "key: %foo\n", "a: \"\\q\"\n", "---\na: 1\n---\nb: 2\n", "# only\n", "", "---\n", "a: &x [*x]\n", "a: 1\na: 2\n", "? [a]\n: 1\n", "<<: {a: 1}\n", "a: !foo b\n", "a: |\n\tx\n", "a: ]\n", "a:b\nc: d\n", "{a: 1", "[1, 2\n", "a: 'x\n", "]", "\u{feff}a: 1\r\nb: 2\r\n", "a: \u{7}\n", "a: -\n", "a: - b\n","on: yes\n", "a:\n    - b\n   - c\n", "a: 1 #c\nb: x#y\nc: 'x'#y\n", "-a: 1\n-b", "a: [x\n  y: 1\n", "a: !!int x\n", ": 1\n", "a: ${{ x }}\n", "%YAML 1.2\na: 1\n",
    ] {
        println!("=================== {text:?}");
        let d = yaml::read("f.yaml", text.as_bytes(), &yaml::Options::default());
        for f in &d.findings { println!("{}", f.render(&d.source, Paint::Plain)); }
        if let Some(r) = &d.root { show(&d.source, r, 0); }
    }
}
fn show(s: &model::source::Source, n: &yaml::Node, d: usize) {
    let pad = " ".repeat(d);
    match &n.value {
        yaml::Value::Sequence(i) => { println!("{pad}seq {:?}", s.slice(n.span)); for x in i { show(s, x, d+2); } }
        yaml::Value::Mapping(m) => { println!("{pad}map {:?}", s.slice(n.span)); for e in &m.entries { println!("{pad} {}: {:?}", e.key.text, s.slice(e.key.span)); show(s, &e.value, d+2); } }
        v => println!("{pad}{v:?} {:?}", s.slice(n.span)),
    }
}
