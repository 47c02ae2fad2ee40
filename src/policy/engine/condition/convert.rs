//! A context's JSON as the types that a condition declares. Follows OpenFGA, except that integers keep all their
//! 64 bits, and one beyond them is an error instead of the nearest.

use crate::policy::engine::relationship::Context;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::model::ParameterType;
use super::value::{Key, Value};
use super::{duration, instant, ip, number};

/// The JSON as a value of that type, or what was expected and found.
pub(super) fn convert(kind: &ParameterType, json: &Json) -> Result<Value, String> {
    match (kind, json) {
        (ParameterType::Any, json) => Ok(any(json)),
        (ParameterType::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (ParameterType::String, Json::String(text)) => Ok(Value::text(text)),
        (ParameterType::Int, json) => {
            let value = number::integer("int", json)?;
            i64::try_from(value).map(Value::Int).map_err(|_| {
                format!("expected an int value, but found '{value}', which has more than 64 bits")
            })
        }
        (ParameterType::Uint, json) => {
            let value = number::integer("uint", json)?;
            u64::try_from(value).map(Value::Uint).map_err(|_| {
                if value < 0 {
                    format!("expected a uint value, but found int64 value '{value}'")
                } else {
                    format!(
                        "expected a uint value, but found '{value}', which has more than 64 bits"
                    )
                }
            })
        }
        (ParameterType::Double, json) => number::double(json).map(Value::Double),
        (ParameterType::Duration, Json::String(text)) => duration::parse(text)
            .map(Value::Duration)
            .ok_or_else(|| format!("expected a valid duration string, but found: '{text}'")),
        (ParameterType::Timestamp, Json::String(text)) => {
            instant::parse(text).map(Value::Timestamp).ok_or_else(|| {
                format!("expected RFC 3339 formatted timestamp string, but found '{text}'")
            })
        }
        (ParameterType::IpAddress, Json::String(text)) => ip::parse(text)
            .map(Value::Ip)
            .ok_or_else(|| format!("expected a well-formed IP address, but found: '{text}'")),
        (ParameterType::List(inner), Json::Array(items)) => list(inner, items),
        (ParameterType::Map(inner), Json::Object(entries)) => map(inner, entries),
        (ParameterType::List(_), other) => Err(format!(
            "list requires a list, found: {}",
            number::json_name(other)
        )),
        (ParameterType::Map(_), other) => Err(format!(
            "map requires a map, found: {}",
            number::json_name(other)
        )),
        (
            ParameterType::Bool
            | ParameterType::String
            | ParameterType::Duration
            | ParameterType::Timestamp
            | ParameterType::IpAddress,
            other,
        ) => Err(number::unexpected(kind.name(), other)),
    }
}

fn list(inner: &ParameterType, items: &[Json]) -> Result<Value, String> {
    let converted = items.iter().enumerate().map(|(index, item)| {
        convert(inner, item)
            .map_err(|reason| format!("found an invalid list item at index `{index}`: {reason}"))
    });
    Ok(Value::List(Arc::new(converted.collect::<Result<_, _>>()?)))
}

fn map(inner: &ParameterType, entries: &Context) -> Result<Value, String> {
    let converted = entries.iter().map(|(key, item)| {
        let value = convert(inner, item)
            .map_err(|reason| format!("found an invalid value for key '{key}': {reason}"))?;
        Ok::<_, String>((Key::String(Arc::from(key.as_str())), value))
    });
    Ok(Value::Map(Arc::new(
        converted.collect::<Result<BTreeMap<_, _>, _>>()?,
    )))
}

/// Any JSON as CEL sees it: all its numbers are doubles. Its depth is bounded by the JSON parser.
fn any(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(value) => Value::Double(value.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(any).collect())),
        Json::Object(entries) => Value::Map(Arc::new(
            entries
                .iter()
                .map(|(key, value)| (Key::String(Arc::from(key.as_str())), any(value)))
                .collect(),
        )),
    }
}
