//! Conditions in the JSON form: the name, the expression, and parameters whose types are written `TYPE_NAME_STRING`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{JsonError, emit_origin, field, origin, text, wrong};
use crate::policy::engine::model::{Condition, ParameterType};

const PREFIX: &str = "TYPE_NAME_";

/// Reads the model's `conditions`.
pub(super) fn parse_all(value: Option<&Value>) -> Result<BTreeMap<String, Condition>, JsonError> {
    let map = match value {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(wrong("conditions", "must be an object")),
    };
    map.iter()
        .map(|(name, value)| Ok((name.clone(), parse(name, value)?)))
        .collect()
}

fn parse(name: &str, value: &Value) -> Result<Condition, JsonError> {
    let path = format!("conditions.{name}");
    if text(value, "name", "name") != Some(name) {
        return Err(wrong(
            &format!("{path}.name"),
            &format!("must be `{name}`, the key it stands under"),
        ));
    }
    let expression = text(value, "expression", "expression")
        .filter(|expression| !expression.is_empty())
        .ok_or_else(|| wrong(&path, "needs an `expression`"))?;
    let parameters = match field(value, "parameters", "parameters") {
        None => BTreeMap::new(),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| {
                let path = format!("{path}.parameters.{name}");
                Ok((name.clone(), parameter_type(value, &path)?))
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong(&format!("{path}.parameters"), "must be an object")),
    };
    Ok(Condition {
        parameters,
        expression: expression.to_owned(),
        origin: origin(field(value, "metadata", "metadata")),
    })
}

/// Recursion is bounded by the JSON parser, which refuses more than 128 levels.
fn parameter_type(value: &Value, path: &str) -> Result<ParameterType, JsonError> {
    let inner = match field(value, "generic_types", "genericTypes") {
        None => None,
        Some(Value::Array(list)) => match list.as_slice() {
            [] => None,
            [inner] => Some(parameter_type(inner, &format!("{path}.generic_types[0]"))?),
            _ => return Err(wrong(path, "has several `generic_types`; keep one")),
        },
        Some(_) => return Err(wrong(&format!("{path}.generic_types"), "must be a list")),
    };
    text(value, "type_name", "typeName")
        .and_then(|name| name.strip_prefix(PREFIX))
        .and_then(|name| ParameterType::parse(&name.to_ascii_lowercase(), inner))
        .ok_or_else(|| {
            wrong(
                path,
                "needs a `type_name` such as `TYPE_NAME_STRING`, and one entry in `generic_types` for a list or map only",
            )
        })
}

/// Writes the model's conditions.
pub(super) fn emit_all(conditions: &BTreeMap<String, Condition>) -> Value {
    let all: Map<String, Value> = conditions
        .iter()
        .map(|(name, condition)| (name.clone(), emit(name, condition)))
        .collect();
    Value::Object(all)
}

fn emit(name: &str, condition: &Condition) -> Value {
    let parameters: Map<String, Value> = condition
        .parameters
        .iter()
        .map(|(name, kind)| (name.clone(), emit_type(kind)))
        .collect();
    let metadata = if condition.origin.is_empty() {
        Value::Null
    } else {
        Value::Object(emit_origin(&condition.origin))
    };
    json!({
        "name": name,
        "expression": condition.expression,
        "parameters": parameters,
        "metadata": metadata,
    })
}

fn emit_type(kind: &ParameterType) -> Value {
    let inner: Vec<Value> = match kind {
        ParameterType::List(inner) | ParameterType::Map(inner) => vec![emit_type(inner)],
        ParameterType::Bool
        | ParameterType::String
        | ParameterType::Int
        | ParameterType::Uint
        | ParameterType::Double
        | ParameterType::Duration
        | ParameterType::Timestamp
        | ParameterType::IpAddress
        | ParameterType::Any => Vec::new(),
    };
    let name = kind.name().to_ascii_uppercase();
    json!({"type_name": format!("{PREFIX}{name}"), "generic_types": inner})
}
