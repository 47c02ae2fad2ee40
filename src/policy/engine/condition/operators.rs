//! Arithmetic of CEL. Every overflow and every division by zero is an error, none a panic.

use std::sync::Arc;

use super::instant;
use super::value::Value;

/// What an operator says of values that it has no form for.
pub(super) fn no_overload(name: &str, arguments: &[Value]) -> String {
    let types: Vec<&str> = arguments.iter().map(Value::type_name).collect();
    format!(
        "no such overload: '{name}' applied to '({})'",
        types.join(", ")
    )
}

/// The result of a binary operator; none if it has no form for these values.
pub(super) fn arithmetic(name: &str, a: &Value, b: &Value) -> Option<Result<Value, String>> {
    Some(match (a, b) {
        (Value::Int(a), Value::Int(b)) => integers(name, *b == 0, || match name {
            "_+_" => a.checked_add(*b),
            "_-_" => a.checked_sub(*b),
            "_*_" => a.checked_mul(*b),
            "_/_" => a.checked_div(*b),
            _ => a.checked_rem(*b),
        })
        .map(Value::Int),
        (Value::Uint(a), Value::Uint(b)) => integers(name, *b == 0, || match name {
            "_+_" => a.checked_add(*b),
            "_-_" => a.checked_sub(*b),
            "_*_" => a.checked_mul(*b),
            "_/_" => a.checked_div(*b),
            _ => a.checked_rem(*b),
        })
        .map(Value::Uint),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match name {
            "_+_" => a + b,
            "_-_" => a - b,
            "_*_" => a * b,
            "_/_" => a / b,
            _ => return None,
        })),
        (Value::String(a), Value::String(b)) if name == "_+_" => {
            Ok(Value::text(&format!("{a}{b}")))
        }
        (Value::List(a), Value::List(b)) if name == "_+_" => Ok(Value::List(Arc::new(
            a.iter().chain(b.iter()).cloned().collect(),
        ))),
        _ => return times(name, a, b),
    })
}

/// The negative of a number; none of what has no negative.
pub(super) fn negate(value: &Value) -> Option<Result<Value, String>> {
    match value {
        Value::Int(value) => Some(
            value
                .checked_neg()
                .map(Value::Int)
                .ok_or_else(|| "integer overflow".to_owned()),
        ),
        Value::Double(value) => Some(Ok(Value::Double(-value))),
        _ => None,
    }
}

fn integers<T>(name: &str, by_zero: bool, result: impl FnOnce() -> Option<T>) -> Result<T, String> {
    match name {
        "_/_" if by_zero => Err("division by zero".to_owned()),
        "_%_" if by_zero => Err("modulus by zero".to_owned()),
        _ => result().ok_or_else(|| "integer overflow".to_owned()),
    }
}

/// Sums and differences of instants and durations.
fn times(name: &str, a: &Value, b: &Value) -> Option<Result<Value, String>> {
    let result = match (name, a, b) {
        ("_+_", Value::Duration(a), Value::Duration(b)) => a.checked_add(*b).map(Value::Duration),
        ("_-_", Value::Duration(a), Value::Duration(b)) => a.checked_sub(*b).map(Value::Duration),
        ("_+_", Value::Timestamp(at), Value::Duration(by))
        | ("_+_", Value::Duration(by), Value::Timestamp(at)) => {
            instant::within(at + i128::from(*by)).map(Value::Timestamp)
        }
        ("_-_", Value::Timestamp(at), Value::Duration(by)) => {
            instant::within(at - i128::from(*by)).map(Value::Timestamp)
        }
        ("_-_", Value::Timestamp(a), Value::Timestamp(b)) => {
            i64::try_from(a - b).ok().map(Value::Duration)
        }
        _ => return None,
    };
    Some(result.ok_or_else(|| "integer overflow".to_owned()))
}
