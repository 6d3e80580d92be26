//! What a plain scalar means under the YAML 1.2 core schema.

use super::Value;

pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn number(text: &str) -> Option<Value> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if all_digits(unsigned) {
        // A whole number beyond 64 bits is still a number, only not an exact one.
        return text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float)).ok();
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
        return Some(Value::Float(sign * f64::INFINITY));
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Value::Float(f64::NAN));
    }
    is_decimal(unsigned).then(|| text.parse().ok().map(Value::Float)).flatten()
}

fn radix(digits: &str, radix: u32) -> Option<Value> {
    let fits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let value =
        || i64::from_str_radix(digits, radix).map_or(Value::Float(f64::INFINITY), Value::Int);
    fits.then(value)
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, then perhaps an exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = match (whole, part) {
        ("", part) => all_digits(part),
        (whole, "") => all_digits(whole),
        (whole, part) => all_digits(whole) && all_digits(part),
    };
    let exponent_fits =
        exponent.is_none_or(|e| all_digits(e.strip_prefix(['-', '+']).unwrap_or(e)));
    mantissa_fits && exponent_fits
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        let text = |text: &str| Value::String(text.to_owned());
        for (written, meant) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("nUll", text("nUll")),
            ("True", Value::Bool(true)),
            ("yes", text("yes")),
            ("on", text("on")),
            ("0", Value::Int(0)),
            ("-12", Value::Int(-12)),
            ("+012", Value::Int(12)),
            ("0o17", Value::Int(15)),
            ("0xfF", Value::Int(255)),
            ("0x", text("0x")),
            ("0o8", text("0o8")),
            ("9223372036854775808", Value::Float(9_223_372_036_854_775_808.0)),
            ("1.10", Value::Float(1.1)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("-1e3", Value::Float(-1000.0)),
            ("1e", text("1e")),
            (".", text(".")),
            ("-", text("-")),
            ("1_000", text("1_000")),
            ("12:30", text("12:30")),
            ("1.2.3", text("1.2.3")),
            ("inf", text("inf")),
            ("nan", text("nan")),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            ("\u{661}", text("\u{661}")),
        ] {
            assert_eq!(resolve(written), meant, "{written}");
        }
        assert!(matches!(resolve(".nan"), Value::Float(value) if value.is_nan()));
    }
}
