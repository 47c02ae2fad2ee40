//! Lists of objects and users, and the tree of a relation, as OpenFGA's clients see them.

use serde_json::{Value, json};

use super::{Api, Reply, keys};
use crate::harness::database::{Engine, engines};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
define member: [user, group#member]
type folder
  relations
define viewer: [user]
type doc
  relations
define parent: [folder]
define banned: [user]
define viewer: ([user, user:*, group#member] or viewer from parent) but not banned
";

const TUPLES: &[(&str, &str, &str)] = &[
    ("user:anne", "member", "group:eng"),
    ("group:eng#member", "viewer", "doc:b"),
    ("user:*", "viewer", "doc:c"),
    ("user:anne", "viewer", "doc:d"),
    ("user:anne", "banned", "doc:d"),
    ("folder:1", "parent", "doc:a"),
    ("user:anne", "viewer", "folder:1"),
    ("user:bob", "viewer", "doc:c"),
    ("user:bob", "banned", "doc:c"),
    ("user:carl", "viewer", "doc:c"),
];

async fn filled(engine: Engine) -> (Api, String) {
    let api = Api::start(engine).await;
    let store = api.store(MODEL).await;
    assert_eq!(api.write(&store, TUPLES).await.status, 200);
    (api, store)
}

fn objects_of(user: &str) -> Value {
    json!({"type": "doc", "relation": "viewer", "user": user})
}

fn users_of(id: &str, filter: &Value) -> Value {
    json!({"object": {"type": "doc", "id": id}, "relation": "viewer", "user_filters": [filter]})
}

/// A tuple with a condition that the model does not have.
fn conditional() -> Value {
    let mut tuples = json!(keys(&[("user:new", "member", "group:eng")]));
    tuples[0]["condition"] = json!({"name": "sober"});
    tuples
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn the_objects_of_a_user_are_listed_and_streamed() {
    for engine in engines() {
        let (api, store) = filled(engine).await;
        let path = format!("{store}/list-objects");
        let listed = api.post(&path, objects_of("user:anne")).await;
        assert_eq!(listed.status, 200);
        assert_eq!(listed.body, json!({"objects": ["doc:a", "doc:b", "doc:c"]}));
        assert!(!listed.header("openfga-authorization-model-id").is_empty());
        assert!(!listed.header("tessera-revision").is_empty());
        let nobody = api.post(&path, objects_of("user:nobody")).await;
        assert_eq!(nobody.body, json!({"objects": ["doc:c"]}));
        let contextual = json!({"contextual_tuples": {"tuple_keys": keys(&[("user:new", "member", "group:eng")])}});
        let listed = api
            .post(&path, with(objects_of("user:new"), &contextual))
            .await;
        assert_eq!(listed.body, json!({"objects": ["doc:b", "doc:c"]}));
        let streamed = api
            .post(
                &format!("{store}/streamed-list-objects"),
                objects_of("user:anne"),
            )
            .await;
        assert_eq!(streamed.status, 200);
        let lines: Vec<Value> = streamed
            .body
            .as_str()
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let expected: Vec<Value> = ["doc:a", "doc:b", "doc:c"]
            .iter()
            .map(|object| json!({"result": {"object": object}}))
            .collect();
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn the_users_of_an_object_are_listed_in_their_three_forms() {
    for engine in engines() {
        let (api, store) = filled(engine).await;
        let path = format!("{store}/list-users");
        let list = async |body: Value| {
            let reply = api.post(&path, body).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            reply.body["users"].clone()
        };
        let user = |id: &str| json!({"object": {"type": "user", "id": id}});
        let users = json!({"type": "user"});
        assert_eq!(
            list(users_of("c", &users)).await,
            json!([{"wildcard": {"type": "user"}}, user("carl")])
        );
        assert_eq!(list(users_of("b", &users)).await, json!([user("anne")]));
        assert_eq!(list(users_of("none", &users)).await, json!([]));
        let members = json!({"type": "group", "relation": "member"});
        assert_eq!(
            list(users_of("b", &members)).await,
            json!([{"userset": {"type": "group", "id": "eng", "relation": "member"}}])
        );
        // A plain list, unlike everywhere else.
        let contextual = json!({"contextual_tuples": keys(&[("user:new", "member", "group:eng")])});
        assert_eq!(
            list(with(users_of("b", &users), &contextual)).await,
            json!([user("anne"), user("new")])
        );
    }
}

#[tokio::test]
async fn lists_come_in_pages_to_who_asks_for_them() {
    for engine in engines() {
        let (api, store) = filled(engine).await;
        let many: Vec<String> = (0..90).map(|n| format!("doc:many{n}")).collect();
        let tuples: Vec<(&str, &str, &str)> = many
            .iter()
            .map(|object| ("user:anne", "viewer", object.as_str()))
            .collect();
        api.write(&store, &tuples).await;
        let filter = json!({"type": "user"});
        for (path, name, question) in [
            ("list-objects", "objects", objects_of("user:anne")),
            ("list-users", "users", users_of("c", &filter)),
        ] {
            let path = format!("{store}/{path}");
            let all = api.post(&path, question.clone()).await.body[name].clone();
            assert!(all.as_array().unwrap().len() > 1);
            for size in [1, 2, 50, 1_000] {
                let mut more = json!({"page_size": size});
                let mut seen = Vec::new();
                loop {
                    let page = api.post(&path, with(question.clone(), &more)).await.body;
                    seen.extend(page[name].as_array().unwrap().clone());
                    more["continuation_token"] = page["continuation_token"].clone();
                    if more["continuation_token"] == "" {
                        break;
                    }
                }
                assert_eq!(json!(seen), all, "pages of {size}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_goes_on_with_its_own_question_only() {
    let (api, store) = filled(Engine::Sqlite).await;
    let path = format!("{store}/list-objects");
    let first = with(objects_of("user:anne"), &json!({"page_size": 1}));
    let token = api.post(&path, first).await.body["continuation_token"].clone();
    let next = json!({"continuation_token": token});
    let ask = async |body: Value| api.post(&path, with(body, &next)).await;
    let rest = ask(objects_of("user:anne")).await.body;
    assert_eq!(
        rest,
        json!({"objects": ["doc:b", "doc:c"], "continuation_token": ""})
    );
    let contextual =
        json!({"contextual_tuples": {"tuple_keys": keys(&[("user:x", "viewer", "doc:x")])}});
    for other in [
        objects_of("user:bob"),
        with(objects_of("user:anne"), &json!({"relation": "banned"})),
        with(objects_of("user:anne"), &json!({"context": {"x": 1}})),
        with(objects_of("user:anne"), &contextual),
    ] {
        ask(other).await.is_error(400, "invalid_continuation_token");
    }
    let users = with(users_of("c", &json!({"type": "user"})), &next);
    api.post(&format!("{store}/list-users"), users)
        .await
        .is_error(400, "invalid_continuation_token");
    let elsewhere = api.store(MODEL).await;
    api.post(
        &format!("{elsewhere}/list-objects"),
        with(objects_of("user:anne"), &next),
    )
    .await
    .is_error(400, "invalid_continuation_token");
}

#[tokio::test]
async fn an_answer_holds_a_thousand_entries_and_says_when_there_are_more() {
    let (api, store) = filled(Engine::Sqlite).await;
    for chunk in 0..11 {
        let objects: Vec<String> = (0..91).map(|n| format!("doc:{chunk}-{n}")).collect();
        let tuples: Vec<(&str, &str, &str)> = objects
            .iter()
            .map(|object| ("user:dora", "viewer", object.as_str()))
            .collect();
        assert_eq!(api.write(&store, &tuples).await.status, 200);
    }
    let count = |reply: &Reply| reply.body["objects"].as_array().unwrap().len();
    let path = format!("{store}/list-objects");
    let listed = api.post(&path, objects_of("user:dora")).await;
    assert_eq!(count(&listed), 1_000);
    assert_eq!(listed.header("tessera-has-more"), "true");
    let few = api.post(&path, objects_of("user:anne")).await;
    assert_eq!(few.header("tessera-has-more"), "");
    let streamed = api
        .post(
            &format!("{store}/streamed-list-objects"),
            objects_of("user:dora"),
        )
        .await;
    assert_eq!(streamed.body.as_str().unwrap().lines().count(), 1_002);
}

#[tokio::test]
async fn a_relation_is_expanded_to_a_tree() {
    for engine in engines() {
        let (api, store) = filled(engine).await;
        let ask = |object: &str, relation: &str| json!({"tuple_key": {"object": object, "relation": relation}});
        let path = format!("{store}/expand");
        let reply = api.post(&path, ask("doc:b", "viewer")).await;
        let leaf = |value: Value| json!({"name": "doc:b#viewer", "leaf": value});
        let through = json!({"tupleset": "doc:b#parent", "computed": []});
        let base = json!({"name": "doc:b#viewer", "union": {"nodes": [
            leaf(json!({"users": {"users": ["group:eng#member"]}})),
            leaf(json!({"tupleToUserset": through})),
        ]}});
        let subtract = leaf(json!({"computed": {"userset": "doc:b#banned"}}));
        assert_eq!(
            reply.body,
            json!({"tree": {"root": {"name": "doc:b#viewer", "difference": {"base": base, "subtract": subtract}}}})
        );
        let contextual = json!({"contextual_tuples": {"tuple_keys": keys(&[("user:new", "member", "group:eng")])}});
        let reply = api
            .post(&path, with(ask("group:eng", "member"), &contextual))
            .await;
        assert_eq!(
            reply.body["tree"]["root"]["leaf"]["users"]["users"],
            json!(["user:anne", "user:new"])
        );
        api.post(&path, ask("doc:b", ""))
            .await
            .is_error(400, "invalid_expand_input");
        api.post(&path, json!({}))
            .await
            .is_error(400, "invalid_expand_input");
        for (object, relation) in [("file:1", "viewer"), ("doc:b", "boss"), ("doc", "viewer")] {
            api.post(&path, ask(object, relation))
                .await
                .is_error(400, "validation_error");
        }
        let wrong = json!({"contextual_tuples": {"tuple_keys": keys(&[("user:new", "boss", "group:eng")])}});
        api.post(&path, with(ask("doc:b", "viewer"), &wrong))
            .await
            .is_error(400, "invalid_tuple");
        let wrong = json!({"contextual_tuples": {"tuple_keys": conditional()}});
        api.post(&path, with(ask("doc:b", "viewer"), &wrong))
            .await
            .is_error(400, "validation_error");
    }
}

#[tokio::test]
async fn what_a_list_does_not_understand_is_an_error_with_openfgas_code() {
    let (api, store) = filled(Engine::Sqlite).await;
    let wrong_tuple = keys(&[("user:new", "boss", "group:eng")]);
    for (more, code) in [
        (json!({"type": "file"}), "type_not_found"),
        (json!({"relation": "boss"}), "relation_not_found"),
        (json!({"type": ""}), "validation_error"),
        (json!({"relation": ""}), "validation_error"),
        (json!({"user": "anne"}), "validation_error"),
        (json!({"user": "robot:anne"}), "validation_error"),
        (json!({"page_size": 0}), "page_size_invalid"),
        (json!({"page_size": 1_001}), "page_size_invalid"),
        (json!({"consistency": "MAYBE"}), "validation_error"),
        (
            json!({"continuation_token": "x"}),
            "invalid_continuation_token",
        ),
        (
            json!({"contextual_tuples": {"tuple_keys": wrong_tuple}}),
            "invalid_tuple",
        ),
        (
            json!({"contextual_tuples": {"tuple_keys": conditional()}}),
            "validation_error",
        ),
    ] {
        let body = with(objects_of("user:anne"), &more);
        let reply = api
            .post(&format!("{store}/list-objects"), body.clone())
            .await;
        reply.is_error(400, code);
        if more.get("page_size").is_none() {
            let path = format!("{store}/streamed-list-objects");
            api.post(&path, body).await.is_error(400, code);
        }
    }
    let user = json!({"type": "user"});
    for (more, code) in [
        (
            json!({"object": {"type": "file", "id": "1"}}),
            "type_not_found",
        ),
        (
            json!({"object": {"type": "doc", "id": ""}}),
            "validation_error",
        ),
        (
            json!({"object": {"type": "doc", "id": "*"}}),
            "validation_error",
        ),
        (json!({"relation": "boss"}), "relation_not_found"),
        (json!({"relation": ""}), "validation_error"),
        (json!({"user_filters": []}), "validation_error"),
        (json!({"user_filters": [user, user]}), "validation_error"),
        (json!({"user_filters": [{"type": ""}]}), "validation_error"),
        (
            json!({"user_filters": [{"type": "robot"}]}),
            "type_not_found",
        ),
        (
            json!({"user_filters": [{"type": "group", "relation": "boss"}]}),
            "relation_not_found",
        ),
        (
            json!({"user_filters": [{"type": "group", "relation": "a b"}]}),
            "validation_error",
        ),
        (json!({"page_size": -1}), "page_size_invalid"),
        (json!({"contextual_tuples": wrong_tuple}), "invalid_tuple"),
        (
            json!({"contextual_tuples": conditional()}),
            "validation_error",
        ),
    ] {
        let body = with(users_of("c", &user), &more);
        let reply = api.post(&format!("{store}/list-users"), body).await;
        reply.is_error(400, code);
    }
}
