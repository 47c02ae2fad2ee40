//! The scenarios of the AuthZEN working group's interoperability events (openid/authzen, `interop`): every published request
//! gets the published answer. The requests and answers are made here from each scenario's policy, as the scenarios state it.

use serde_json::{Value, json};

use super::scenario::{Scenario, asked, entity};
use crate::harness::database::engines;
use crate::policy::key;

/// A user of the todo application: mail address, identifier at the identity provider, roles, and the end of the id of the todo
/// that is theirs.
struct Person {
    mail: &'static str,
    pid: &'static str,
    roles: &'static [&'static str],
    todo: &'static str,
}

const PEOPLE: &[Person] = &[
    Person {
        mail: "rick@the-citadel.com",
        pid: "CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
        roles: &["admin", "evil_genius"],
        todo: "92",
    },
    Person {
        mail: "morty@the-citadel.com",
        pid: "CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
        roles: &["editor"],
        todo: "91",
    },
    Person {
        mail: "summer@the-smiths.com",
        pid: "CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
        roles: &["editor"],
        todo: "93",
    },
    Person {
        mail: "beth@the-smiths.com",
        pid: "CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
        roles: &["viewer"],
        todo: "94",
    },
    Person {
        mail: "jerry@the-smiths.com",
        pid: "CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs",
        roles: &["viewer"],
        todo: "95",
    },
];

/// The id of every todo but for its end.
const TODO: &str = "7240d0db-8ff0-41ec-98b2-34a096273b";
/// The end of the id under which all todos are asked about, where the request says whose it is.
const ANY_TODO: &str = "9f";
const TODO_MODEL: &str = include_str!("../../../policies/authzen/todo.fga");

impl Person {
    fn has(&self, role: &str) -> bool {
        self.roles.contains(&role)
    }

    fn edits(&self) -> bool {
        !self.has("viewer")
    }

    /// Whether this person may do that to a todo of that owner's, by the scenario's words.
    fn may(&self, action: &str, owner: &Self) -> bool {
        let own = self.has("editor") && self.mail == owner.mail;
        match action {
            "can_update_todo" => self.has("evil_genius") || own,
            "can_delete_todo" => self.has("admin") || own,
            "can_create_todo" => self.edits(),
            _ => true,
        }
    }

    /// Each user is asked about their own todo, and about that of the first other in the list.
    fn owners(&self) -> [&'static Self; 2] {
        let own = PEOPLE.iter().find(|one| one.mail == self.mail).unwrap();
        let other = PEOPLE.iter().find(|one| one.mail != own.mail).unwrap();
        [own, other]
    }
}

/// The tuples of the todo application for users that are called so.
fn todo_tuples(called: impl Fn(&Person) -> String) -> Vec<Value> {
    let mut tuples = vec![key(("list:all", "list", "todo:todo-1"))];
    for end in PEOPLE.iter().map(|one| one.todo).chain([ANY_TODO]) {
        tuples.push(key(("list:all", "list", &format!("todo:{TODO}{end}"))));
    }
    for person in PEOPLE {
        let user = format!("user:{}", called(person));
        for role in person.roles {
            tuples.push(key((&user, role, "list:all")));
        }
        for id in [person.mail, person.pid] {
            tuples.push(key(("user:*", "can_read_user", &format!("user:{id}"))));
        }
    }
    tuples
}

/// What every edition of the scenario asks of a user beside the todos of owners.
async fn reads_and_creates(scenario: &Scenario, subject: &Value, person: &Person) {
    for id in [PEOPLE[3].mail, person.mail, person.pid] {
        let request = asked(subject.clone(), "can_read_user", entity("user", id));
        assert!(scenario.permits(&request).await, "{request}");
    }
    for action in ["can_read_todos", "can_create_todo"] {
        let request = asked(subject.clone(), action, entity("todo", "todo-1"));
        let expect = person.may(action, person);
        assert_eq!(scenario.permits(&request).await, expect, "{request}");
    }
}

#[tokio::test]
async fn the_todo_application_with_mail_addresses_and_owners_in_tuples() {
    for engine in engines() {
        let mut tuples = todo_tuples(|person| person.mail.to_owned());
        for person in PEOPLE {
            let todo = format!("todo:{TODO}{}", person.todo);
            tuples.push(key((&format!("user:{}", person.mail), "owner", &todo)));
        }
        let scenario = Scenario::start(engine, TODO_MODEL, &tuples).await;
        for person in PEOPLE {
            let mut subject = entity("user", person.mail);
            // Fields that the API does not know.
            subject["identity"] = json!(person.pid);
            reads_and_creates(&scenario, &subject, person).await;
            for owner in person.owners() {
                for action in ["can_update_todo", "can_delete_todo"] {
                    let mut resource = entity("todo", &format!("{TODO}{}", owner.todo));
                    resource["ownerID"] = json!(owner.mail);
                    let request = asked(subject.clone(), action, resource);
                    let expect = person.may(action, owner);
                    assert_eq!(scenario.permits(&request).await, expect, "{request}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_todo_application_with_a_user_who_is_an_evil_genius_only() {
    // Not asked at the events; OpenFGA's tests of its own model for them do.
    for engine in engines() {
        let mut tuples = todo_tuples(|person| person.pid.to_owned());
        tuples.push(key(("user:peter", "evil_genius", "list:all")));
        let scenario = Scenario::start(engine, TODO_MODEL, &tuples).await;
        for (action, id, expect) in [
            ("can_read_todos", "todo-1".to_owned(), true),
            ("can_create_todo", "todo-1".to_owned(), true),
        ]
        .into_iter()
        .chain(PEOPLE.iter().flat_map(|person| {
            let id = format!("{TODO}{}", person.todo);
            [
                ("can_update_todo", id.clone(), true),
                ("can_delete_todo", id, false),
            ]
        })) {
            let request = asked(entity("user", "peter"), action, entity("todo", &id));
            assert_eq!(scenario.permits(&request).await, expect, "{request}");
        }
    }
}

/// A todo of which the request says whose it is.
fn named(owner: &Person) -> Value {
    let mut resource = entity("todo", &format!("{TODO}{ANY_TODO}"));
    resource["properties"] = json!({"ownerID": owner.mail});
    resource
}

#[tokio::test]
async fn the_todo_application_with_owners_in_the_request_one_by_one_and_boxcarred() {
    for engine in engines() {
        let mut tuples = todo_tuples(|person| person.pid.to_owned());
        for person in PEOPLE {
            let mut tuple = key((&format!("user:{}", person.pid), "named_owner", "list:all"));
            tuple["condition"] = json!({"name": "is_named", "context": {"email": person.mail}});
            tuples.push(tuple);
        }
        let scenario = Scenario::start(engine, TODO_MODEL, &tuples).await;
        for person in PEOPLE {
            let subject = entity("user", person.pid);
            reads_and_creates(&scenario, &subject, person).await;
            for action in ["can_update_todo", "can_delete_todo"] {
                let mut items = Vec::new();
                let mut expect = Vec::new();
                for owner in PEOPLE {
                    let permitted = person.may(action, owner);
                    let request = asked(subject.clone(), action, named(owner));
                    assert_eq!(scenario.permits(&request).await, permitted, "{request}");
                    items.push(json!({"resource": named(owner)}));
                    expect.push(json!({"decision": permitted}));
                }
                let request =
                    json!({"subject": subject, "action": {"name": action}, "evaluations": items});
                let reply = scenario.ask("evaluations", &request).await;
                assert_eq!(reply.body, json!({"evaluations": expect}), "{request}");
            }
        }
    }
}

#[tokio::test]
async fn the_api_gateway() {
    let routes = [
        ("GET", "/users/{userId}"),
        ("GET", "/todos"),
        ("POST", "/todos"),
        ("PUT", "/todos/{todoId}"),
        ("DELETE", "/todos/{todoId}"),
    ];
    let model = include_str!("../../../policies/authzen/gateway.fga");
    for engine in engines() {
        let mut tuples = Vec::new();
        for person in PEOPLE {
            let user = format!("identity:{}", person.pid);
            for route in ["/users/{userId}", "/todos", "/todos/{todoId}"] {
                let route = format!("route:{route}");
                tuples.push(key((&user, "reader", &route)));
                if person.edits() {
                    tuples.push(key((&user, "writer", &route)));
                }
            }
        }
        let scenario = Scenario::start(engine, model, &tuples).await;
        for person in PEOPLE {
            for (method, route) in routes {
                let subject = entity("identity", person.pid);
                let request = asked(subject, method, entity("route", route));
                let expect = method == "GET" || person.edits();
                assert_eq!(scenario.permits(&request).await, expect, "{request}");
            }
        }
    }
}

#[tokio::test]
async fn the_identity_provider_issues_tokens_by_role() {
    let model = include_str!("../../../policies/authzen/issuance.fga");
    let mut tuple = key(("user:*", "audience", "application:DemoApp"));
    tuple["condition"] = json!({"name": "is_staff"});
    for engine in engines() {
        let scenario = Scenario::start(engine, model, std::slice::from_ref(&tuple)).await;
        for (user, role, balance, expect) in [
            ("alice", "manager", 110, true),
            ("bob", "editor", 60, true),
            ("carol", "contractor", 0, false),
            ("dan", "manager", 60, true),
            ("erin", "editor", 110, true),
            ("felix", "contractor", 100, false),
        ] {
            let mut subject = entity("user", user);
            subject["properties"] = json!({"role": role, "balance": balance});
            let request = asked(subject, "issue", entity("application", "DemoApp"));
            assert_eq!(scenario.permits(&request).await, expect, "{request}");
        }
    }
}
