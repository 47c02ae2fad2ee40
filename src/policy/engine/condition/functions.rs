//! The functions of CEL that conditions have, and OpenFGA's two for addresses.

use std::collections::BTreeMap;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use regex::{Regex, RegexBuilder};

use super::operators::no_overload;
use super::value::Value;
use super::{duration, instant, ip, number};

/// The most memory of one compiled pattern.
const PATTERN_LIMIT_BYTES: usize = 256 * 1024;
/// The most groups in each other in a pattern.
const PATTERN_NESTING_LIMIT: u32 = 50;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The result of a function for these arguments, the target first.
pub(super) fn call(
    name: &str,
    arguments: &[Value],
    patterns: &BTreeMap<String, Regex>,
) -> Result<Value, String> {
    let result = match (name, arguments) {
        ("size", [of]) => size(of),
        ("startsWith", [Value::String(a), Value::String(b)]) => {
            Some(Ok(Value::Bool(a.starts_with(&**b))))
        }
        ("endsWith", [Value::String(a), Value::String(b)]) => {
            Some(Ok(Value::Bool(a.ends_with(&**b))))
        }
        ("contains", [Value::String(a), Value::String(b)]) => {
            Some(Ok(Value::Bool(a.contains(&**b))))
        }
        ("matches", [Value::String(text), Value::String(wanted)]) => {
            Some(match patterns.get(&**wanted) {
                Some(made) => Ok(Value::Bool(made.is_match(text))),
                None => pattern(wanted).map(|made| Value::Bool(made.is_match(text))),
            })
        }
        ("dyn", [value]) => Some(Ok(value.clone())),
        ("ipaddress", [Value::String(text)]) => Some(
            ip::parse(text)
                .map(Value::Ip)
                .ok_or_else(|| format!("'{text}' is not a well-formed IP address")),
        ),
        ("in_cidr", [Value::Ip(address), Value::String(range)]) => {
            Some(ip::in_cidr(*address, range).map(Value::Bool))
        }
        ("bool" | "int" | "uint" | "double" | "string" | "duration" | "timestamp", [value]) => {
            conversion(name, value)
        }
        _ => time_part(name, arguments),
    };
    result.unwrap_or_else(|| Err(no_overload(name, arguments)))
}

/// The patterns that the expression names as literals, or which literal would fail at every check.
pub(super) fn check_literals(expression: &IdedExpr) -> Result<BTreeMap<String, Regex>, String> {
    let mut patterns = BTreeMap::new();
    let mut open = vec![expression];
    while let Some(next) = open.pop() {
        if let Expr::Call(call) = &next.expr
            && let Some(IdedExpr {
                expr: Expr::Literal(LiteralValue::String(text)),
                ..
            }) = call.args.last()
        {
            let (name, text) = (call.func_name.as_str(), text.inner());
            match name {
                "matches" => {
                    patterns.insert(text.to_owned(), pattern(text)?);
                }
                "bool" | "int" | "uint" | "double" | "duration" | "timestamp" => {
                    conversion(name, &Value::text(text)).transpose()?;
                }
                _ => {}
            }
        }
        open.extend(children(next));
    }
    Ok(patterns)
}

/// The expressions right below one.
pub(super) fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect(),
        Expr::Comprehension(macro_call) => vec![
            &macro_call.iter_range,
            &macro_call.accu_init,
            &macro_call.loop_cond,
            &macro_call.loop_step,
            &macro_call.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| entries(&entry.expr))
            .collect(),
        Expr::Struct(message) => message
            .entries
            .iter()
            .flat_map(|entry| entries(&entry.expr))
            .collect(),
        Expr::Select(select) => vec![&select.operand],
    }
}

fn entries(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// A pattern that takes bounded memory; matching is linear in the text.
fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(PATTERN_LIMIT_BYTES)
        .dfa_size_limit(PATTERN_LIMIT_BYTES)
        .nest_limit(PATTERN_NESTING_LIMIT)
        .build()
        .map_err(|_| format!("'{text}' is not a regular expression, or a too large one"))
}

fn size(of: &Value) -> Option<Result<Value, String>> {
    let size = match of {
        Value::String(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        _ => return None,
    };
    Some(
        i64::try_from(size)
            .map(Value::Int)
            .map_err(|_| "integer overflow".to_owned()),
    )
}

fn time_part(name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    let (nanos, zone) = match arguments {
        [Value::Duration(nanos)] => return duration_part(name, *nanos).map(Value::Int).map(Ok),
        [Value::Timestamp(nanos)] => (*nanos, ""),
        [Value::Timestamp(nanos), Value::String(zone)] => (*nanos, &**zone),
        _ => return None,
    };
    Some(instant::offset(zone, nanos).and_then(|offset| {
        instant::part(name, nanos, offset)
            .map(Value::Int)
            .ok_or_else(|| "timestamp overflow".to_owned())
    }))
}

/// A duration as whole hours, minutes, seconds or milliseconds.
fn duration_part(name: &str, nanos: i64) -> Option<i64> {
    Some(match name {
        "getHours" => nanos / 3_600_000_000_000,
        "getMinutes" => nanos / 60_000_000_000,
        "getSeconds" => nanos / 1_000_000_000,
        "getMilliseconds" => nanos / 1_000_000,
        _ => return None,
    })
}

/// A value as another type; none if there is no such conversion.
fn conversion(to: &str, value: &Value) -> Option<Result<Value, String>> {
    let failed = || {
        format!(
            "type conversion error from '{}' to '{to}'",
            value.type_name()
        )
    };
    let converted = match (to, value) {
        ("bool", Value::Bool(_))
        | ("int", Value::Int(_))
        | ("uint", Value::Uint(_))
        | ("double", Value::Double(_))
        | ("string", Value::String(_))
        | ("duration", Value::Duration(_))
        | ("timestamp", Value::Timestamp(_)) => Some(value.clone()),
        ("bool", Value::String(text)) => boolean(text).map(Value::Bool),
        ("int", Value::String(text)) => text.parse().ok().map(Value::Int),
        ("uint", Value::String(text)) => text.parse().ok().map(Value::Uint),
        ("double", Value::String(text)) => text.parse().ok().map(Value::Double),
        ("duration", Value::String(text)) => duration::parse(text).map(Value::Duration),
        ("timestamp", Value::String(text)) => instant::parse(text).map(Value::Timestamp),
        ("timestamp", Value::Int(seconds)) => {
            instant::within(i128::from(*seconds) * NANOS_PER_SECOND).map(Value::Timestamp)
        }
        ("int", Value::Timestamp(nanos)) => i64::try_from(nanos.div_euclid(NANOS_PER_SECOND))
            .ok()
            .map(Value::Int),
        ("int", number) => i64::try_from(whole(number)?).ok().map(Value::Int),
        ("uint", number) => u64::try_from(whole(number)?).ok().map(Value::Uint),
        ("double", number) => Some(Value::Double(number::to_double(whole(number)?))),
        ("string", value) => Some(Value::text(&print(value)?)),
        _ => return None,
    };
    Some(converted.ok_or_else(failed))
}

/// A number without what is behind its point. Beyond 64 bits it stays beyond them; NaN does too.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        Value::Double(value) if value.is_nan() => Some(i128::MAX),
        Value::Double(value) => Some(number::floor(value.trunc())),
        _ => None,
    }
}

fn print(value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => number::print(*value),
        Value::Duration(nanos) => duration::print(*nanos),
        Value::Timestamp(nanos) => instant::print(*nanos)?,
        _ => return None,
    })
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
