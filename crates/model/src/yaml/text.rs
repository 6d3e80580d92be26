//! From bytes to text: size, encoding and characters that no YAML file may hold.

use super::Limits;
use crate::source::{Finding, Source, Span};

type Refusal = (Source, Box<Finding>);

pub(super) fn decode(name: &str, bytes: &[u8], limits: &Limits) -> Result<Source, Refusal> {
    if bytes.len() > limits.bytes {
        let message = format!("the file has {} bytes, {} are allowed", bytes.len(), limits.bytes);
        let finding = Finding::error("file-too-large", message, Span::default());
        return Err((Source::new(name, ""), Box::new(finding)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(name, bytes, error.valid_up_to())),
    };
    let source = Source::new(name, text);
    match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        None => Ok(source),
        Some((at, c)) => {
            let span = Span::new(at, at + c.len_utf8());
            let message = format!("control character U+{:04X}", u32::from(c));
            let finding = Finding::error("control-character", message, span)
                .label("YAML does not allow this character")
                .hint(format!(
                    "remove it, or write it as \"\\u{:04X}\" in double quotes",
                    u32::from(c)
                ));
            Err((source, Box::new(finding)))
        }
    }
}

fn not_utf8(name: &str, bytes: &[u8], at: usize) -> Refusal {
    // Up to the bad byte the lossy text is the text itself, so the offset fits both.
    let source = Source::new(name, String::from_utf8_lossy(bytes));
    let place = source.position(at);
    let message = format!(
        "byte 0x{:02X} at line {}, column {} is not UTF-8",
        bytes[at], place.line, place.column
    );
    let span = Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file looks like UTF-16: save it as UTF-8",
        _ => "save the file as UTF-8",
    };
    let finding =
        Finding::error("not-utf-8", message, span).label("not UTF-8 from here").hint(hint);
    (source, Box::new(finding))
}

/// YAML's printable characters.
fn is_allowed(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
