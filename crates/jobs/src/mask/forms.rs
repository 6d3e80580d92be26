//! The forms in which tools print a value.

use std::collections::HashSet;
use std::fmt::Write as _;

/// What is made of a value must have this many characters to be masked by itself: a line such as
/// `}` of a secret in JSON is none.
const SHORTEST_FORM: usize = 4;

/// How many characters tools put on a line of base64: `openssl base64`, and `base64`.
const WRAPPED_AT: [usize; 2] = [64, 76];

/// A shorter piece of a wrapped text could be anything.
const SHORTEST_PIECE: usize = 8;

/// Every form of a value that has no space around it.
pub(super) fn of(value: &str) -> HashSet<String> {
    let mut forms = HashSet::new();
    base64_forms(value.as_bytes(), &mut forms);
    escaped_forms(value, &mut forms);
    let lines: Vec<&str> = value.split(['\r', '\n']).map(str::trim).collect();
    if lines.len() > 1 {
        for line in lines.iter().filter(|line| line.len() >= SHORTEST_FORM) {
            escaped_forms(line, &mut forms);
            forms.insert((*line).to_owned());
        }
        // As a terminal shows it.
        forms.insert(value.replace("\r\n", "\n").replace('\n', "\r\n"));
    }
    forms.retain(|form| form.len() >= SHORTEST_FORM);
    forms.insert(value.to_owned());
    forms
}

fn base64_forms(value: &[u8], forms: &mut HashSet<String>) {
    let with_line_feed = [value, b"\n"].concat();
    for alphabet in [STANDARD, URL_SAFE] {
        for offset in 0..3 {
            forms.insert(base64_core(value, offset, alphabet));
        }
        // Printed by itself its last character is known, too.
        for whole in [value, &with_line_feed] {
            let encoded = base64(whole, alphabet);
            for width in WRAPPED_AT {
                if encoded.len() > width {
                    let pieces = encoded.as_bytes().chunks(width);
                    let pieces = pieces.map(|piece| String::from_utf8_lossy(piece).into_owned());
                    forms.extend(pieces.filter(|piece| piece.len() >= SHORTEST_PIECE));
                }
            }
            forms.insert(encoded);
        }
    }
}

/// The characters that base64 makes of a value that stands behind `offset` other bytes, without
/// those that its neighbours have a say in.
fn base64_core(value: &[u8], offset: usize, alphabet: &[u8; 64]) -> String {
    let padded = [&[0; 2][..offset], value].concat();
    let encoded = base64(&padded, alphabet);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded[first..last.max(first)].to_owned()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            let is_padding = place > group.len();
            let byte = if is_padding { b'=' } else { alphabet[sextet as usize] };
            encoded.push(char::from(byte));
        }
    }
    encoded
}

fn escaped_forms(value: &str, forms: &mut HashSet<String>) {
    // RFC 3986, `encodeURIComponent`, `encodeURI`, Python's `quote`, and forms.
    for kept in ["-_.~", "-_.~!*'()", "-_.~!*'();/?:@&=+$,#", "-_.~/", "-_.*"] {
        for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
            let escaped = percent(value, kept, digits);
            if escaped.contains("%20") {
                forms.insert(escaped.replace("%20", "+"));
            }
            forms.insert(escaped);
        }
    }

    let json = json(value, |_| false);
    // JSON within JSON.
    forms.insert(self::json(&json, |_| false));
    forms.insert(json.replace('/', "\\/"));
    forms.insert(json);
    // Python and others that keep to ASCII, Go, and .NET.
    forms.insert(self::json(value, |c| !c.is_ascii()));
    let for_go = self::json(value, |c| "<>&\u{2028}\u{2029}".contains(c));
    forms.insert(for_go);
    let for_dotnet = self::json(value, |c| !c.is_ascii() || "<>&'\"+`".contains(c));
    forms.insert(upper_case_escapes(&for_dotnet));

    // Shells: in single quotes in two ways, in double quotes, by `%q`, and in `$'…'`, which is
    // also how Python shows a text.
    forms.insert(value.replace('\'', r"'\''"));
    forms.insert(value.replace('\'', r#"'"'"'"#));
    forms.insert(backslashed(value, |c| "\"\\$`".contains(c)));
    forms.insert(backslashed(value, |c| c == '"'));
    forms.insert(backslashed(value, |c| {
        c.is_ascii() && !c.is_ascii_alphanumeric() && !"_@%+=:,./-".contains(c)
    }));
    forms.insert(c_escaped(value));
    // Makefiles and Compose files; expressions, SQL and YAML.
    forms.insert(value.replace('$', "$$"));
    forms.insert(value.replace('\'', "''"));

    let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    forms.insert(xml.replace('"', "&quot;").replace('\'', "&apos;"));
    forms.insert(xml.replace('"', "&quot;").replace('\'', "&#39;"));
    forms.insert(xml.replace('"', "&#34;").replace('\'', "&#39;"));
    forms.insert(xml);

    // Workflow commands.
    let data = value.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    forms.insert(data.replace(':', "%3A").replace(',', "%2C"));
    forms.insert(data);
}

fn percent(value: &str, kept: &str, digits: &[u8; 16]) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(digits[usize::from(byte >> 4)]));
            escaped.push(char::from(digits[usize::from(byte & 15)]));
        }
    }
    escaped
}

/// What stands between the quotes of a JSON text that escapes more than it must.
fn json(value: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            _ if is_escaped(c) => unicode_escape(c, &mut escaped),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            _ if c.is_ascii_control() => unicode_escape(c, &mut escaped),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn unicode_escape(c: char, escaped: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(escaped, "\\u{unit:04x}");
    }
}

/// `\u00e9` as `\u00E9`.
fn upper_case_escapes(escaped: &str) -> String {
    let mut upper = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('\\') {
        let length = if rest[at..].starts_with("\\u") { 6 } else { 2 };
        let digits = rest[at..].char_indices().nth(length).map_or(rest.len(), |(end, _)| at + end);
        upper.push_str(&rest[..at]);
        let escape = &rest[at..digits];
        match escape.strip_prefix("\\u") {
            Some(digits) => {
                upper.push_str("\\u");
                upper.push_str(&digits.to_ascii_uppercase());
            }
            None => upper.push_str(escape),
        }
        rest = &rest[digits..];
    }
    upper.push_str(rest);
    upper
}

fn backslashed(value: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if is_escaped(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn c_escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' | '\'' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_the_tools_make() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("~~~???", "fn5+Pz8/"),
        ] {
            assert_eq!(base64(plain.as_bytes(), STANDARD), encoded);
        }
        assert_eq!(base64(b"~~~???", URL_SAFE), "fn5-Pz8_");
    }

    #[test]
    fn a_core_stands_in_every_text_around_the_value() {
        let value = "pass/w\u{f6}rd!";
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "x", "xy", "xyz", "\n"] {
                let whole = base64(format!("{before}{value}{after}").as_bytes(), STANDARD);
                let core = base64_core(value.as_bytes(), before.len() % 3, STANDARD);
                assert!(core.len() >= value.len(), "{core}");
                assert!(whole.contains(&core), "{core} in {whole}");
            }
        }
    }

    #[test]
    fn escapes_are_those_of_the_tools() {
        let forms = of("p\u{e4}ss 'w<\"/$1\n\\x,y");
        for form in [
            "p%C3%A4ss%20%27w%3C%22%2F%241%0A%5Cx%2Cy",
            "p%c3%a4ss+%27w%3c%22%2f%241%0a%5cx%2cy",
            "p%C3%A4ss%20'w%3C%22%2F%241%0A%5Cx%2Cy",
            "p\u{e4}ss 'w<\\\"/$1\\n\\\\x,y",
            "p\u{e4}ss 'w<\\\"\\/$1\\n\\\\x,y",
            "p\\u00e4ss 'w<\\\"/$1\\n\\\\x,y",
            "p\u{e4}ss 'w\\u003c\\\"/$1\\n\\\\x,y",
            "p\\u00E4ss \\u0027w\\u003C\\u0022/$1\\n\\\\x,y",
            "p\u{e4}ss '\\''w<\"/$1\n\\x,y",
            "p\u{e4}ss \\'w<\"/$1\\n\\\\x,y",
            "p\u{e4}ss 'w&lt;&quot;/$1\n\\x,y".replace('\'', "&apos;").as_str(),
            "p\u{e4}ss 'w<\"/$1",
            "p\u{e4}ss\\ \\'w\\<\\\"/\\$1",
            "\\x,y",
        ] {
            assert!(forms.contains(form), "{form} is not among {forms:#?}");
        }
    }

    #[test]
    fn wrapped_base64_is_known_line_by_line() {
        let key = "0123456789abcdef".repeat(8);
        let forms = of(&key);
        for line in base64(format!("{key}\n").as_bytes(), STANDARD).as_bytes().chunks(76) {
            assert!(forms.contains(std::str::from_utf8(line).unwrap()), "{line:?}");
        }
    }

    #[test]
    fn scraps_are_no_forms() {
        let forms = of("{\n  \"a\": 1,\n  }\n}");
        assert!(forms.iter().all(|form| form.len() >= SHORTEST_FORM), "{forms:?}");
        assert!(forms.contains("\"a\": 1,"), "{forms:?}");
    }
}
