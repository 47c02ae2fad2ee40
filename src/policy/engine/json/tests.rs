//! What the JSON form reads, writes and refuses.

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
        &json!({"schema_version": "1.1", "type_definitions": [{"type": "a", "metadata": {"relations": {"x": {"directly_related_user_types": []}}}}]}),
        "does not define",
    );
}

const CONDITIONS: &str = "model
  schema 1.2
type user
type doc
  relations
    define viewer: [user, user with c, user:* with c, doc#viewer with c]
condition c(x: int, list: list<string>, ips: map<ipaddress>) { x > 1 }
";

#[test]
fn conditions_are_the_same_in_both_forms() {
    let model = dsl::parse(CONDITIONS).unwrap();
    let value = emit(&model);
    assert_eq!(parse(&value).unwrap(), model);
    assert_eq!(
        value["conditions"]["c"],
        json!({"name": "c", "expression": "x > 1", "metadata": null, "parameters": {
            "x": {"type_name": "TYPE_NAME_INT", "generic_types": []},
            "list": {"type_name": "TYPE_NAME_LIST", "generic_types": [{"type_name": "TYPE_NAME_STRING", "generic_types": []}]},
            "ips": {"type_name": "TYPE_NAME_MAP", "generic_types": [{"type_name": "TYPE_NAME_IPADDRESS", "generic_types": []}]},
        }})
    );
}

#[test]
fn where_parts_were_written_is_kept() {
    let mut model = dsl::parse(CONDITIONS).unwrap();
    let origin = Origin {
        module: "core".to_owned(),
        file: "core.fga".to_owned(),
    };
    model.conditions.get_mut("c").unwrap().origin = origin.clone();
    model.types[0].origin = origin.clone();
    model.types[1].relations.get_mut("viewer").unwrap().origin = origin;
    let value = emit(&model);
    assert_eq!(parse(&value).unwrap(), model);
    assert_eq!(
        value["type_definitions"][0]["metadata"],
        json!({"relations": {}, "module": "core", "source_info": {"file": "core.fga"}})
    );
}

#[test]
fn faults_of_conditions_name_their_place() {
    let with = |condition: Value| json!({"schema_version": "1.1", "type_definitions": [{"type": "a"}], "conditions": {"c": condition}});
    refuses(
        &with(json!({"name": "d", "expression": "true"})),
        "conditions.c.name: must be `c`",
    );
    refuses(
        &with(json!({"name": "c"})),
        "conditions.c: needs an `expression`",
    );
    let typed =
        |kind: Value| with(json!({"name": "c", "expression": "true", "parameters": {"x": kind}}));
    refuses(
        &typed(json!({"type_name": "TYPE_NAME_TEXT"})),
        "conditions.c.parameters.x",
    );
    refuses(
        &typed(json!({"type_name": "TYPE_NAME_LIST"})),
        "conditions.c.parameters.x",
    );
    refuses(
        &typed(
            json!({"type_name": "TYPE_NAME_INT", "generic_types": [{"type_name": "TYPE_NAME_INT"}]}),
        ),
        "conditions.c.parameters.x",
    );
    refuses(
        &json!({"schema_version": "1.1", "type_definitions": [{"type": "a"}], "conditions": []}),
        "conditions: must be an object",
    );
}
