//! Numbers between JSON, decimal texts and CEL's three types, without a silent loss.

use serde_json::Value as Json;

/// 2^64: beyond it no integer of 64 bits lies.
const INTEGER_BOUND: f64 = 18_446_744_073_709_551_616.0;
/// More digits than an integer of 64 bits has.
const DIGIT_LIMIT: usize = 20;

/// The integer below a number, held within 2^64 either way: enough to compare with 64 bits.
pub(super) fn floor(double: f64) -> i128 {
    let held = double
        .floor()
        .clamp(-INTEGER_BOUND * 2.0, INTEGER_BOUND * 2.0);
    // The decimal text of a whole double is exact, and the language has no checked conversion.
    format!("{held:.0}").parse().unwrap_or(0)
}

/// The number as an integer, if it is one of at most 64 bits.
pub(super) fn exact_integer(double: f64) -> Option<i128> {
    (double.fract() == 0.0 && double.abs() <= INTEGER_BOUND).then(|| floor(double))
}

/// The integer rounded to a double.
pub(super) fn to_double(integer: i128) -> f64 {
    // A decimal text is rounded to the nearest, as the conversion would.
    integer.to_string().parse().unwrap_or(f64::NAN)
}

/// The double as the language Go prints it with `%g`.
pub(super) fn print(double: f64) -> String {
    if double.is_nan() {
        return "NaN".to_owned();
    }
    if double.is_infinite() {
        return if double > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if double == 0.0 || (1e-4..1e6).contains(&double.abs()) {
        return double.to_string();
    }
    let text = format!("{double:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// A number or a decimal text as an integer.
pub(super) fn integer(type_name: &str, json: &Json) -> Result<i128, String> {
    match json {
        Json::Number(number) => {
            let exact = number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from))
                .or_else(|| number.as_f64().and_then(exact_integer));
            exact.ok_or_else(|| not_whole(type_name, &number.to_string()))
        }
        Json::String(text) => {
            let decimal = Decimal::parse(text).ok_or_else(|| not_number(type_name, text))?;
            decimal.integer().ok_or_else(|| not_whole(type_name, text))
        }
        other => Err(unexpected(type_name, other)),
    }
}

/// A number or a decimal text as a double.
pub(super) fn double(json: &Json) -> Result<f64, String> {
    let (parsed, text) = match json {
        Json::Number(number) => (number.as_f64(), number.to_string()),
        Json::String(text) => {
            Decimal::parse(text).ok_or_else(|| not_number("double", text))?;
            (text.parse().ok(), text.clone())
        }
        other => return Err(unexpected("double", other)),
    };
    parsed
        .filter(|value: &f64| value.is_finite())
        .ok_or_else(|| format!("number cannot be represented as a float64: {text}"))
}

/// What to say of a value of the wrong kind.
pub(super) fn unexpected(type_name: &str, found: &Json) -> String {
    format!(
        "expected type value '{type_name}', but found '{}'",
        json_name(found)
    )
}

/// The name of a JSON value's kind.
pub(super) const fn json_name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "list",
        Json::Object(_) => "map",
    }
}

fn not_whole(type_name: &str, text: &str) -> String {
    format!(
        "expected {} value, but found numeric value '{text}'",
        with_article(type_name)
    )
}

fn not_number(type_name: &str, text: &str) -> String {
    format!(
        "expected {} value, but found invalid string value '{text}'",
        with_article(type_name)
    )
}

fn with_article(type_name: &str) -> String {
    let article = if type_name == "int" { "an" } else { "a" };
    format!("{article} {type_name}")
}

/// A decimal number in text: `-12.5e3`.
struct Decimal {
    negative: bool,
    /// The digits without the point.
    digits: String,
    /// The power of ten that they are multiplied with.
    scale: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            negative,
            digits,
            scale: i64::from(exponent).checked_sub(i64::try_from(fraction.len()).ok()?)?,
        })
    }

    fn integer(&self) -> Option<i128> {
        let significant = self.digits.trim_start_matches('0');
        let kept = significant.trim_end_matches('0');
        if kept.is_empty() {
            return Some(0);
        }
        let dropped = i64::try_from(significant.len() - kept.len()).ok()?;
        let zeros = usize::try_from(self.scale.checked_add(dropped)?).ok()?;
        if kept.len().checked_add(zeros)? > DIGIT_LIMIT {
            return None;
        }
        let value: i128 = format!("{kept}{}", "0".repeat(zeros)).parse().ok()?;
        Some(if self.negative { -value } else { value })
    }
}
