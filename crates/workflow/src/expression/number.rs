//! Numbers as text: how they are read, in an expression as in a string that is compared with one,
//! and how they are written.

/// What a text is as a number; `NaN` if it is none.
pub(super) fn read(text: &str) -> f64 {
    let text = text.trim();
    match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => {
            if let Some(digits) = text.strip_prefix("0x") {
                read_bits(digits, 16)
            } else if let Some(digits) = text.strip_prefix("0o") {
                read_bits(digits, 8)
            } else if is_decimal(text) {
                text.parse().unwrap_or(f64::NAN)
            } else {
                f64::NAN
            }
        }
    }
}

/// Upstream reads hexadecimal and octal digits as the bits of a signed 32-bit number.
fn read_bits(digits: &str, radix: u32) -> f64 {
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return f64::NAN;
    }
    u32::from_str_radix(digits, radix).map_or(f64::NAN, |bits| f64::from(bits.cast_signed()))
}

fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = |text: &str| !text.is_empty() && digits(text);
    let after_sign = |text| <str>::strip_prefix(text, ['+', '-']).unwrap_or(text);

    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = match after_sign(mantissa).split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0
        }
        None => unsigned(after_sign(mantissa)),
    };
    mantissa && exponent.is_none_or(|exponent| unsigned(after_sign(exponent)))
}

/// Significant digits of a written number; from this power of ten on it is written with an exponent.
const DIGITS: i32 = 15;

/// What a number looks like in text: up to 15 significant digits, `1E+15` and `1E-05` where that
/// is shorter.
pub(super) fn write(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let rounded = format!("{number:.*e}", (DIGITS - 1).unsigned_abs() as usize);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent).unsigned_abs() as usize;
        without_trailing_zeros(&format!("{number:.decimals$}")).to_owned()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let power = exponent.unsigned_abs();
        format!("{}E{sign}{power:02}", without_trailing_zeros(mantissa))
    }
}

fn without_trailing_zeros(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_number() {
        for (text, number) in [
            ("", 0.0),
            (" \t\u{a0}7\n", 7.0),
            ("1.", 1.0),
            (".5e1", 5.0),
            ("+1.5E-1", 0.15),
            ("-0", -0.0),
            ("1e400", f64::INFINITY),
            ("0x0000000000ff", 255.0),
            ("0xffffffff", -1.0),
            ("0o37777777777", -1.0),
            ("+Infinity", f64::INFINITY),
        ] {
            assert_eq!(read(text).to_bits(), number.to_bits(), "{text:?}");
        }
        for text in [
            ".",
            "+",
            "-",
            "e1",
            "1e",
            "1e+",
            ".e1",
            "1_0",
            "1 0",
            "١",
            "--1",
            "0x",
            "0o",
            "0x1ffffffff",
            "0o8",
            "0x+1",
            "0xg",
            "0X1",
            "0b1",
            "-0x1",
            "inf",
            "infinity",
            "nan",
            "NaN",
            "1.2.3",
        ] {
            assert!(read(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn numbers_have_fifteen_digits() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (-0.0, "0"),
            (100.0, "100"),
            (-1234.5, "-1234.5"),
            (1.0 / 3.0, "0.333333333333333"),
            (0.0001, "0.0001"),
            (0.00001, "1E-05"),
            (0.000_012_345, "1.2345E-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (999_999_999_999_999.0, "999999999999999"),
            (999_999_999_999_999.9, "1E+15"),
            (1e15, "1E+15"),
            (1_345_678_912_345_678_912.0, "1.34567891234568E+18"),
            (f64::MAX, "1.79769313486232E+308"),
            (-5e-324, "-4.94065645841247E-324"),
            (9.999_999_999_999_999, "10"),
        ] {
            assert_eq!(write(number), text);
        }
    }
}
