//! JSON as `toJSON` writes and `fromJSON` reads it.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::memory::{Counter, Exceeded};
use super::number;
use super::object::Object;
use super::value::Value;

/// How deep arrays and objects may lie within one another.
const MAX_DEPTH: usize = 100;

pub(super) fn read(text: &str) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Nested { depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Debug, Clone, Copy)]
struct Nested {
    depth: usize,
}

impl Nested {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested more than {MAX_DEPTH} deep")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "there are no other numbers")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok((value as f64).into())
    }

    #[expect(clippy::cast_precision_loss, reason = "there are no other numbers")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok((value as f64).into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut all: Vec<(String, Value)> = Vec::new();
        while let Some(key) = entries.next_key()? {
            all.push((key, entries.next_value_seed(seed)?));
        }
        Ok(all.into_iter().collect::<Object>().into())
    }
}

/// A value over several lines, with two spaces for each level. `NaN` and the infinities are written
/// as such, though JSON has no word for them.
pub(super) fn write(value: &Value, counter: Counter) -> Result<String, Exceeded> {
    let mut writer = Writer { text: String::new(), counted: 0, counter, depth: 0 };
    writer.value(value)?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    counted: usize,
    counter: Counter,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), Exceeded> {
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Boolean(true) => self.text.push_str("true"),
            Value::Boolean(false) => self.text.push_str("false"),
            Value::Number(value) => self.text.push_str(&number::write(*value)),
            Value::String(text) => self.quoted(text),
            Value::Array(items) => {
                return self.enclosed(['[', ']'], items.iter(), Self::value);
            }
            Value::Object(object) => {
                return self.enclosed(['{', '}'], object.iter(), |writer, (key, value)| {
                    writer.quoted(key);
                    writer.piece()?;
                    writer.text.push_str(": ");
                    writer.value(value)
                });
            }
        }
        self.piece()
    }

    fn enclosed<T>(
        &mut self,
        [open, close]: [char; 2],
        mut parts: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Exceeded>,
    ) -> Result<(), Exceeded> {
        self.text.push(open);
        if let Some(first) = parts.next() {
            self.piece()?;
            self.depth += 1;
            self.new_line();
            write(self, first)?;
            for part in parts {
                self.text.push(',');
                self.new_line();
                write(self, part)?;
            }
            self.depth -= 1;
            self.new_line();
        }
        self.text.push(close);
        self.piece()
    }

    fn new_line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\u{8}' => self.text.push_str("\\b"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\u{c}' => self.text.push_str("\\f"),
                '\r' => self.text.push_str("\\r"),
                // Line breaks to some readers.
                '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(letter));
                }
                _ => self.text.push(letter),
            }
        }
        self.text.push('"');
    }

    /// Accounts for what was written since the last time.
    fn piece(&mut self) -> Result<(), Exceeded> {
        self.counter.add(&self.text[self.counted..])?;
        self.counted = self.text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::EXPRESSION_MEMORY;
    use super::*;

    fn written(value: &Value) -> String {
        write(value, Counter::new(EXPRESSION_MEMORY)).unwrap()
    }

    #[test]
    fn text_is_escaped() {
        let text = "\"\\/\u{8}\t\n\u{c}\r\0\u{1b}\u{7f}\u{85}\u{2028}\u{2029}ü😊<'";
        let json =
            r#""\"\\/\b\t\n\f\r\u0000\u001b"#.to_owned() + "\u{7f}" + r#"\u0085\u2028\u2029ü😊<'""#;
        assert_eq!(written(&text.into()), json);
        assert_eq!(read(&json).unwrap(), text.into());
    }

    #[test]
    fn numbers_are_written_as_in_text() {
        for (number, json) in [(f64::NAN, "NaN"), (1e15, "1E+15"), (-0.0, "0"), (0.1 + 0.2, "0.3")]
        {
            assert_eq!(written(&number.into()), json);
        }
    }

    #[test]
    fn what_is_no_json() {
        for text in
            ["", " ", "{", "[1,]", "{} x", "'a'", "// a\n1", "NaN", "{\"a\" 1}", "\u{feff}1"]
        {
            assert!(read(text).is_err(), "{text:?}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        let error = read(&nested(MAX_DEPTH + 1)).unwrap_err().to_string();
        assert!(error.starts_with("nested more than 100 deep"), "{error}");
        assert!(read(&nested(1_000_000)).is_err());
    }

    #[test]
    fn a_long_result_is_stopped_while_it_is_made() {
        let nested = "[".repeat(MAX_DEPTH) + &"1,".repeat(100_000) + "1" + &"]".repeat(MAX_DEPTH);
        assert_eq!(write(&read(&nested).unwrap(), Counter::new(EXPRESSION_MEMORY)), Err(Exceeded));
    }
}
