//! The model language's JSON form, as OpenFGA's API takes and gives it.
//!
//! Names are read in `snake_case` and lowerCamelCase and written as OpenFGA writes them. Unknown fields are ignored, as
//! protobuf JSON does. Conditions are refused by name.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::{
    Model, Origin, Relation, Restriction, Rewrite, Schema, SubjectForm, TypeDefinition,
};

/// A fault in a model's JSON form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// No type definitions.
    #[error("type_definitions: value must contain at least 1 item")]
    NoTypes,
    /// Anything else.
    #[error("{path}: {message}")]
    Wrong {
        /// Where, such as `type_definitions[1].relations.viewer`.
        path: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// Parses the body of a model: `schema_version`, `type_definitions`.
pub fn parse(value: &Value) -> Result<Model, JsonError> {
    let version = text(value, "schema_version", "schemaVersion").unwrap_or_default();
    let schema =
        Schema::parse(version).ok_or_else(|| wrong("schema_version", "must be `1.1` or `1.2`"))?;
    if field(value, "conditions", "conditions")
        .is_some_and(|conditions| conditions.as_object().is_none_or(|map| !map.is_empty()))
    {
        return Err(wrong("conditions", NO_CONDITIONS));
    }
    let list = match field(value, "type_definitions", "typeDefinitions") {
        Some(Value::Array(list)) if !list.is_empty() => list,
        None | Some(Value::Array(_)) => return Err(JsonError::NoTypes),
        Some(_) => return Err(wrong("type_definitions", "must be a list")),
    };
    let types = list
        .iter()
        .enumerate()
        .map(|(at, definition)| type_definition(definition, &format!("type_definitions[{at}]")))
        .collect::<Result<_, _>>()?;
    Ok(Model {
        schema,
        types,
        conditions: BTreeMap::new(),
    })
}

/// Writes a model, without its id.
pub fn emit(model: &Model) -> Value {
    let types: Vec<Value> = model
        .types
        .iter()
        .map(|definition| {
            let relations: Map<String, Value> = definition
                .relations
                .iter()
                .map(|(name, relation)| (name.clone(), emit_rewrite(&relation.rewrite)))
                .collect();
            let metadata: Map<String, Value> = definition
                .relations
                .iter()
                .map(|(name, relation)| (name.clone(), emit_metadata(relation)))
                .collect();
            let metadata = if metadata.is_empty() {
                Value::Null
            } else {
                json!({"relations": metadata, "module": "", "source_info": null})
            };
            json!({"type": definition.name, "relations": relations, "metadata": metadata})
        })
        .collect();
    json!({
        "schema_version": model.schema.as_str(),
        "type_definitions": types,
        "conditions": {},
    })
}

const NO_CONDITIONS: &str = "conditions are not supported yet; leave them out";

fn emit_metadata(relation: &Relation) -> Value {
    let types: Vec<Value> = relation
        .restrictions
        .iter()
        .map(|restriction| match &restriction.form {
            SubjectForm::Object => json!({"type": restriction.type_name, "condition": ""}),
            SubjectForm::Wildcard => {
                json!({"type": restriction.type_name, "wildcard": {}, "condition": ""})
            }
            SubjectForm::Userset(relation) => {
                json!({"type": restriction.type_name, "relation": relation, "condition": ""})
            }
        })
        .collect();
    json!({"directly_related_user_types": types, "module": "", "source_info": null})
}

fn emit_rewrite(rewrite: &Rewrite) -> Value {
    let list = |children: &[Rewrite]| children.iter().map(emit_rewrite).collect::<Vec<_>>();
    match rewrite {
        Rewrite::This => json!({"this": {}}),
        Rewrite::Computed(relation) => {
            json!({"computedUserset": {"object": "", "relation": relation}})
        }
        Rewrite::TupleToUserset { tupleset, computed } => json!({"tupleToUserset": {
            "tupleset": {"object": "", "relation": tupleset},
            "computedUserset": {"object": "", "relation": computed},
        }}),
        Rewrite::Union(children) => json!({"union": {"child": list(children)}}),
        Rewrite::Intersection(children) => json!({"intersection": {"child": list(children)}}),
        Rewrite::Exclusion { base, subtract } => json!({"difference": {
            "base": emit_rewrite(base),
            "subtract": emit_rewrite(subtract),
        }}),
    }
}

fn type_definition(value: &Value, path: &str) -> Result<TypeDefinition, JsonError> {
    let name = text(value, "type", "type")
        .ok_or_else(|| wrong(path, "needs a `type`, the type's name"))?;
    let mut restrictions = metadata(value, path)?;
    let mut relations = BTreeMap::new();
    match field(value, "relations", "relations") {
        None => {}
        Some(Value::Object(map)) => {
            for (name, rewrite) in map {
                let path = format!("{path}.relations.{name}");
                let relation = Relation {
                    rewrite: self::rewrite(rewrite, &path)?,
                    restrictions: restrictions.remove(name).unwrap_or_default(),
                    origin: Origin::default(),
                };
                relations.insert(name.clone(), relation);
            }
        }
        Some(_) => return Err(wrong(&format!("{path}.relations"), "must be an object")),
    }
    if let Some(name) = restrictions.keys().next() {
        return Err(wrong(
            &format!("{path}.metadata.relations.{name}"),
            "names a relation that `relations` does not define",
        ));
    }
    Ok(TypeDefinition {
        name: name.to_owned(),
        relations,
        origin: Origin::default(),
    })
}

fn metadata(value: &Value, path: &str) -> Result<BTreeMap<String, Vec<Restriction>>, JsonError> {
    let mut all = BTreeMap::new();
    let Some(Value::Object(map)) = field(value, "metadata", "metadata")
        .and_then(|metadata| field(metadata, "relations", "relations"))
    else {
        return Ok(all);
    };
    for (name, entry) in map {
        let path = format!("{path}.metadata.relations.{name}.directly_related_user_types");
        let types = field(
            entry,
            "directly_related_user_types",
            "directlyRelatedUserTypes",
        );
        let list = match types {
            None => continue,
            Some(Value::Array(list)) => list,
            Some(_) => return Err(wrong(&path, "must be a list")),
        };
        let list = list
            .iter()
            .enumerate()
            .map(|(at, entry)| restriction(entry, &format!("{path}[{at}]")))
            .collect::<Result<_, _>>()?;
        all.insert(name.clone(), list);
    }
    Ok(all)
}

fn restriction(value: &Value, path: &str) -> Result<Restriction, JsonError> {
    if text(value, "condition", "condition").is_some_and(|name| !name.is_empty()) {
        return Err(wrong(path, NO_CONDITIONS));
    }
    let type_name = text(value, "type", "type")
        .ok_or_else(|| wrong(path, "needs a `type`"))?
        .to_owned();
    let relation = text(value, "relation", "relation").filter(|relation| !relation.is_empty());
    let form = match (field(value, "wildcard", "wildcard"), relation) {
        (None, None) => SubjectForm::Object,
        (Some(_), None) => SubjectForm::Wildcard,
        (None, Some(relation)) => SubjectForm::Userset(relation.to_owned()),
        (Some(_), Some(_)) => {
            return Err(wrong(path, "has `relation` and `wildcard`; keep one"));
        }
    };
    Ok(Restriction {
        type_name,
        form,
        condition: None,
    })
}

/// Recursion is bounded by the JSON parser, which refuses more than 128 levels.
fn rewrite(value: &Value, path: &str) -> Result<Rewrite, JsonError> {
    let kinds = [
        ("this", "this"),
        ("computed_userset", "computedUserset"),
        ("tuple_to_userset", "tupleToUserset"),
        ("union", "union"),
        ("intersection", "intersection"),
        ("difference", "difference"),
    ];
    let found: Vec<(&str, &Value)> = kinds
        .iter()
        .filter_map(|(snake, camel)| field(value, snake, camel).map(|inner| (*snake, inner)))
        .collect();
    let [(kind, inner)] = found.as_slice() else {
        return Err(wrong(
            path,
            "needs exactly one of `this`, `computedUserset`, `tupleToUserset`, `union`, `intersection`, `difference`",
        ));
    };
    let relation = |value: Option<&Value>, path: String| {
        value
            .and_then(|value| text(value, "relation", "relation"))
            .map(str::to_owned)
            .ok_or_else(|| wrong(&path, "needs a `relation`"))
    };
    match *kind {
        "this" => Ok(Rewrite::This),
        "computed_userset" => Ok(Rewrite::Computed(relation(
            Some(inner),
            format!("{path}.computedUserset"),
        )?)),
        "tuple_to_userset" => Ok(Rewrite::TupleToUserset {
            tupleset: relation(
                field(inner, "tupleset", "tupleset"),
                format!("{path}.tupleToUserset.tupleset"),
            )?,
            computed: relation(
                field(inner, "computed_userset", "computedUserset"),
                format!("{path}.tupleToUserset.computedUserset"),
            )?,
        }),
        "union" => children(inner, &format!("{path}.union")).map(Rewrite::Union),
        "intersection" => {
            children(inner, &format!("{path}.intersection")).map(Rewrite::Intersection)
        }
        _ => {
            let side = |name: &str| {
                let path = format!("{path}.difference.{name}");
                match field(inner, name, name) {
                    Some(value) => rewrite(value, &path).map(Box::new),
                    None => Err(wrong(&path, "is missing")),
                }
            };
            Ok(Rewrite::Exclusion {
                base: side("base")?,
                subtract: side("subtract")?,
            })
        }
    }
}

fn children(value: &Value, path: &str) -> Result<Vec<Rewrite>, JsonError> {
    match field(value, "child", "child") {
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .map(|(at, child)| rewrite(child, &format!("{path}.child[{at}]")))
            .collect(),
        _ => Err(wrong(path, "needs a list `child`")),
    }
}

/// A field under either name; `null` counts as absent.
fn field<'v>(value: &'v Value, snake: &str, camel: &str) -> Option<&'v Value> {
    value
        .get(snake)
        .or_else(|| value.get(camel))
        .filter(|value| !value.is_null())
}

fn text<'v>(value: &'v Value, snake: &str, camel: &str) -> Option<&'v str> {
    field(value, snake, camel).and_then(Value::as_str)
}

fn wrong(path: &str, message: &str) -> JsonError {
    JsonError::Wrong {
        path: path.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dsl;
    use super::*;

    const TEXT: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member]
type doc
  relations
    define blocked: [user]
    define parent: [doc]
    define viewer: ([user] or viewer from parent) but not blocked
    define both: viewer and blocked
";

    #[test]
    fn both_forms_are_the_same_model() {
        let model = dsl::parse(TEXT).unwrap();
        assert_eq!(parse(&emit(&model)).unwrap(), model);
    }

    #[test]
    fn both_spellings_are_read_and_nulls_are_absent() {
        let snake = json!({"schema_version": "1.1", "conditions": {}, "type_definitions": [
            {"type": "user", "metadata": null},
            {"type": "doc", "relations": {
                "parent": {"this": {}},
                "viewer": {"tuple_to_userset": {"tupleset": {"relation": "parent"}, "computed_userset": {"relation": "viewer"}}},
            }, "metadata": {"relations": {"parent": {"directly_related_user_types": [{"type": "doc", "relation": "", "condition": ""}]}}}},
        ]});
        let camel = json!({"schemaVersion": "1.1", "typeDefinitions": [
            {"type": "user", "relations": {}},
            {"type": "doc", "relations": {
                "parent": {"this": {}},
                "viewer": {"tupleToUserset": {"tupleset": {"relation": "parent"}, "computedUserset": {"relation": "viewer"}}},
            }, "metadata": {"relations": {"parent": {"directlyRelatedUserTypes": [{"type": "doc"}]}, "viewer": {}}}},
        ]});
        assert_eq!(parse(&snake).unwrap(), parse(&camel).unwrap());
    }

    #[track_caller]
    fn refuses(value: &Value, message: &str) {
        let error = parse(value).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn faults_name_their_place() {
        refuses(&json!({}), "schema_version: must be `1.1` or `1.2`");
        refuses(&json!({"schema_version": "1.1"}), "at least 1 item");
        let with = |relation: Value| json!({"schema_version": "1.1", "type_definitions": [{"type": "a", "relations": {"r": relation}}]});
        refuses(
            &with(json!({})),
            "type_definitions[0].relations.r: needs exactly one of",
        );
        refuses(&with(json!({"this": {}, "union": {}})), "exactly one of");
        refuses(
            &with(json!({"union": {"child": [{}]}})),
            "relations.r.union.child[0]",
        );
        refuses(
            &with(json!({"difference": {"base": {"this": {}}}})),
            "difference.subtract: is missing",
        );
        refuses(
            &json!({"schema_version": "1.1", "type_definitions": [{"type": "a"}], "conditions": {"c": {}}}),
            "conditions are not supported yet",
        );
        refuses(
            &json!({"schema_version": "1.1", "type_definitions": [{"type": "a", "metadata": {"relations": {"x": {"directly_related_user_types": []}}}}]}),
            "does not define",
        );
    }
}
