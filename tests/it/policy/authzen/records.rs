//! The search demo and the identity provider of the AuthZEN working group's interoperability events: all subject, resource and
//! action searches over their six users and twenty records, and an evaluation of every question that they answer.

use serde_json::{Value, json};

use super::scenario::{Scenario, asked, entity};
use crate::harness::database::engines;
use crate::policy::key;

/// Name, whether a manager, department.
const USERS: &[(&str, bool, &str)] = &[
    ("alice", true, "Sales"),
    ("bob", false, "Legal"),
    ("carol", false, "Legal"),
    ("dan", true, "Finance"),
    ("erin", false, "Finance"),
    ("felix", false, "Accounting"),
];
/// The departments of the records from 101 on; the owners are the users in turn.
const DEPARTMENTS: &str = "Legal Legal Legal Accounting Legal Accounting Sales Legal Accounting Sales \
    Accounting Legal Sales Accounting Finance Legal Legal Accounting Legal Accounting";
const ACTIONS: [&str; 3] = ["delete", "edit", "view"];

struct Record {
    id: String,
    department: &'static str,
    owner: &'static str,
}

fn records() -> Vec<Record> {
    let owners = USERS.iter().cycle();
    let departments = DEPARTMENTS.split_whitespace().zip(owners);
    (101..)
        .zip(departments)
        .map(|(id, (department, owner))| Record {
            id: format!("{id}"),
            department,
            owner: owner.0,
        })
        .collect()
}

/// The scenario's policy, in its own words: owners may do everything; a department's members, and managers, may view; a manager
/// of the department may edit.
fn may(user: &(&str, bool, &str), action: &str, record: &Record) -> bool {
    let (name, is_manager, department) = *user;
    let is_colleague = department == record.department;
    record.owner == name
        || match action {
            "view" => is_colleague || is_manager,
            "edit" => is_colleague && is_manager,
            _ => false,
        }
}

fn tuples(records: &[Record]) -> Vec<Value> {
    let mut tuples = Vec::new();
    for (name, is_manager, department) in USERS {
        let user = format!("user:{name}");
        tuples.push(key((&user, "member", &format!("department:{department}"))));
        if *is_manager {
            tuples.push(key((&user, "manager", "company:demo")));
        }
    }
    for record in records {
        let object = format!("record:{}", record.id);
        tuples.push(key(("company:demo", "company", &object)));
        let department = format!("department:{}", record.department);
        tuples.push(key((&department, "department", &object)));
        tuples.push(key((&format!("user:{}", record.owner), "owner", &object)));
    }
    tuples
}

#[test]
fn the_records_are_those_of_the_scenario() {
    let all = records();
    assert_eq!(all.len(), 20);
    let facts = |id: &str| {
        let found = all.iter().find(|record| record.id == id).unwrap();
        (found.department, found.owner)
    };
    assert_eq!(facts("101"), ("Legal", "alice"));
    assert_eq!(facts("110"), ("Sales", "dan"));
    assert_eq!(facts("115"), ("Finance", "carol"));
    assert_eq!(facts("120"), ("Accounting", "bob"));
    // As published: who may edit 110 and 115, and who may view 112.
    for (action, id, expect) in [
        ("edit", "110", &["alice", "dan"][..]),
        ("edit", "115", &["carol", "dan"]),
        ("view", "112", &["alice", "bob", "carol", "dan", "felix"]),
        ("delete", "104", &["dan"]),
    ] {
        let record = all.iter().find(|record| record.id == id).unwrap();
        let users = USERS.iter().filter(|user| may(user, action, record));
        let names: Vec<&str> = users.map(|user| user.0).collect();
        assert_eq!(names, expect, "{action} {id}");
    }
}

#[tokio::test]
async fn the_search_demo() {
    let model = include_str!("../../../policies/authzen/search.fga");
    let records = records();
    for engine in engines() {
        let scenario = Scenario::start(engine, model, &tuples(&records)).await;
        for record in &records {
            for action in ACTIONS {
                let resource = entity("record", &record.id);
                let request = asked(json!({"type": "user"}), action, resource);
                let users = USERS.iter().filter(|user| may(user, action, record));
                let expect: Vec<&str> = users.map(|user| user.0).collect();
                let found = scenario.finds("subject", "id", &request).await;
                assert_eq!(found, expect, "{request}");
            }
        }
        for user in USERS {
            // `delete` is what the identity provider asks for the claims of a token.
            for action in ACTIONS {
                let request = asked(entity("user", user.0), action, json!({"type": "record"}));
                let found = scenario.finds("resource", "id", &request).await;
                let may = records.iter().filter(|record| may(user, action, record));
                let expect: Vec<&str> = may.map(|record| &*record.id).collect();
                assert_eq!(found, expect, "{request}");
            }
        }
    }
}

#[tokio::test]
async fn the_search_demo_by_actions_and_evaluations() {
    let model = include_str!("../../../policies/authzen/search.fga");
    let records = records();
    for engine in engines() {
        let scenario = Scenario::start(engine, model, &tuples(&records)).await;
        for user in USERS {
            let subject = entity("user", user.0);
            let mut items = Vec::new();
            let mut decisions = Vec::new();
            for record in &records {
                let resource = entity("record", &record.id);
                let request = json!({"subject": subject, "resource": resource});
                let expect: Vec<&str> = ACTIONS
                    .into_iter()
                    .filter(|action| may(user, action, record))
                    .collect();
                let found = scenario.finds("action", "name", &request).await;
                assert_eq!(found, expect, "{request}");
                for action in ACTIONS {
                    items.push(json!({"action": {"name": action}, "resource": resource}));
                    decisions.push(json!({"decision": may(user, action, record)}));
                }
            }
            let request = json!({"subject": subject, "evaluations": items});
            let reply = scenario.ask("evaluations", &request).await;
            assert_eq!(reply.body, json!({"evaluations": decisions}));
        }
        // Who and what is not known is no mistake.
        let nobody =
            json!({"subject": entity("user", "nobody"), "resource": entity("record", "101")});
        assert!(scenario.finds("action", "name", &nobody).await.is_empty());
        let nothing = asked(json!({"type": "user"}), "view", entity("record", "999"));
        assert!(scenario.finds("subject", "id", &nothing).await.is_empty());
        let no_action = asked(entity("user", "alice"), "print", json!({"type": "record"}));
        let found = scenario.finds("resource", "id", &no_action).await;
        assert!(found.is_empty());
    }
}
