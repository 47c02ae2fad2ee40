//! The model language's JSON form, as OpenFGA's API takes and gives it.
//!
//! Names are read in `snake_case` and lowerCamelCase and written as OpenFGA writes them. Unknown fields are ignored, as
//! protobuf JSON does.

mod condition;

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
    let conditions = condition::parse_all(field(value, "conditions", "conditions"))?;
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
        conditions,
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
            let metadata = if metadata.is_empty() && definition.origin.is_empty() {
                Value::Null
            } else {
                let mut all = emit_origin(&definition.origin);
                all.insert("relations".to_owned(), Value::Object(metadata));
                Value::Object(all)
            };
            json!({"type": definition.name, "relations": relations, "metadata": metadata})
        })
        .collect();
    json!({
        "schema_version": model.schema.as_str(),
        "type_definitions": types,
        "conditions": condition::emit_all(&model.conditions),
    })
}

/// The fields of metadata that say where something was written.
fn emit_origin(origin: &Origin) -> Map<String, Value> {
    let source = if origin.file.is_empty() {
        Value::Null
    } else {
        json!({"file": origin.file})
    };
    Map::from_iter([
        ("module".to_owned(), json!(origin.module)),
        ("source_info".to_owned(), source),
    ])
}

/// Where something was written, from its metadata.
fn origin(metadata: Option<&Value>) -> Origin {
    let module = metadata.and_then(|metadata| text(metadata, "module", "module"));
    let file = metadata
        .and_then(|metadata| field(metadata, "source_info", "sourceInfo"))
        .and_then(|source| text(source, "file", "file"));
    Origin {
        module: module.unwrap_or_default().to_owned(),
        file: file.unwrap_or_default().to_owned(),
    }
}

fn emit_metadata(relation: &Relation) -> Value {
    let types: Vec<Value> = relation
        .restrictions
        .iter()
        .map(|restriction| {
            let condition = restriction.condition.as_deref().unwrap_or_default();
            let mut entry = json!({"type": restriction.type_name, "condition": condition});
            match &restriction.form {
                SubjectForm::Object => {}
                SubjectForm::Wildcard => merge(&mut entry, "wildcard", json!({})),
                SubjectForm::Userset(relation) => merge(&mut entry, "relation", json!(relation)),
            }
            entry
        })
        .collect();
    let mut all = emit_origin(&relation.origin);
    all.insert(
        "directly_related_user_types".to_owned(),
        Value::Array(types),
    );
    Value::Object(all)
}

fn merge(entry: &mut Value, name: &str, value: Value) {
    if let Value::Object(map) = entry {
        map.insert(name.to_owned(), value);
    }
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
    let mut metadata = metadata(value, path)?;
    let mut relations = BTreeMap::new();
    match field(value, "relations", "relations") {
        None => {}
        Some(Value::Object(map)) => {
            for (name, rewrite) in map {
                let path = format!("{path}.relations.{name}");
                let (restrictions, origin) = metadata.remove(name).unwrap_or_default();
                let relation = Relation {
                    rewrite: self::rewrite(rewrite, &path)?,
                    restrictions,
                    origin,
                };
                relations.insert(name.clone(), relation);
            }
        }
        Some(_) => return Err(wrong(&format!("{path}.relations"), "must be an object")),
    }
    if let Some(name) = metadata.keys().next() {
        return Err(wrong(
            &format!("{path}.metadata.relations.{name}"),
            "names a relation that `relations` does not define",
        ));
    }
    Ok(TypeDefinition {
        name: name.to_owned(),
        relations,
        origin: origin(field(value, "metadata", "metadata")),
    })
}

/// What metadata says of each relation: who may be written into it, and where it was written.
type RelationMetadata = BTreeMap<String, (Vec<Restriction>, Origin)>;

fn metadata(value: &Value, path: &str) -> Result<RelationMetadata, JsonError> {
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
            None => [].as_slice(),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(wrong(&path, "must be a list")),
        };
        let list = list
            .iter()
            .enumerate()
            .map(|(at, entry)| restriction(entry, &format!("{path}[{at}]")))
            .collect::<Result<_, _>>()?;
        let origin = origin(Some(entry));
        // Nothing is said of it, as if it were not listed.
        if types.is_some() || !origin.is_empty() {
            all.insert(name.clone(), (list, origin));
        }
    }
    Ok(all)
}

fn restriction(value: &Value, path: &str) -> Result<Restriction, JsonError> {
    let condition = text(value, "condition", "condition")
        .filter(|name| !name.is_empty())
        .map(str::to_owned);
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
        condition,
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
mod tests;
