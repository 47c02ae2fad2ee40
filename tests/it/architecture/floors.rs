//! Imports point down: a file names only its own floor and those below. `sqlx` lives in the store, `axum` at the edge and above.

use super::source::{Source, sources};

/// The floors, from the ground up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    Words,
    Rules,
    Store,
    Services,
    State,
    Edge,
    Wiring,
}

/// Which floor a module is on: the longest prefix decides.
const FLOORS: &[(&str, Floor)] = &[
    ("", Floor::Wiring),
    ("cli", Floor::Wiring),
    ("serve", Floor::Wiring),
    ("telemetry", Floor::Wiring),
    ("http", Floor::Edge),
    ("web", Floor::Edge),
    ("admin", Floor::Edge),
    ("oauth", Floor::Edge),
    ("policy/api", Floor::Edge),
    ("app", Floor::State),
    ("events", Floor::Services),
    ("identity", Floor::Services),
    ("oauth/client_ca", Floor::Services),
    ("oauth/client_documents", Floor::Services),
    ("oauth/client_guesses", Floor::Services),
    ("oauth/keys", Floor::Services),
    ("oauth/remote_keys", Floor::Services),
    ("outbound", Floor::Services),
    ("policy", Floor::Services),
    ("config", Floor::Store),
    ("metrics", Floor::Store),
    ("store", Floor::Store),
    ("identity/identifier", Floor::Rules),
    ("identity/password", Floor::Rules),
    ("identity/profile", Floor::Rules),
    ("identity/user", Floor::Rules),
    ("oauth/protocol", Floor::Rules),
    ("policy/engine", Floor::Rules),
    // Tests that write what they find as store tests.
    ("policy/engine/oracle", Floor::Services),
    ("base", Floor::Words),
];

/// Rooms of one floor that must not know each other: the first never imports the second.
const STRANGERS: &[(&str, &str)] = &[
    ("events", "policy"),
    ("events", "identity"),
    ("events", "oauth"),
    ("policy", "identity"),
    ("policy", "oauth"),
    ("policy", "orgs"),
    ("identity", "oauth"),
    ("identity", "orgs"),
    ("oauth/protocol", "policy/engine"),
    ("policy/engine", "oauth/protocol"),
    ("store", "events"),
];

/// Edges of one room that may look into another against [`STRANGERS`]: a face that asks who is calling.
const FACES: &[&str] = &["policy/api"];

fn is_below(path: &str, room: &str) -> bool {
    room.is_empty()
        || path == room
        || path
            .strip_prefix(room)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn floor(path: &str) -> Floor {
    FLOORS
        .iter()
        .filter(|(room, _)| is_below(path, room))
        .max_by_key(|(room, _)| room.len())
        .map(|(_, floor)| *floor)
        .unwrap()
}

fn module(source: &Source) -> String {
    source.module().join("/")
}

#[test]
fn no_import_points_up() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = floor(&module(&source));
        for import in source.imports() {
            if floor(&import) > own {
                wrong.push(format!(
                    "{} ({own:?}) names {import} ({:?})",
                    source.path,
                    floor(&import)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_that_must_not_know_each_other_do_not() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = module(&source);
        if FACES.iter().any(|face| is_below(&own, face)) {
            continue;
        }
        for import in source.imports() {
            for (room, stranger) in STRANGERS {
                if is_below(&own, room) && is_below(&import, stranger) {
                    wrong.push(format!("{} names {import}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sqlx_lives_in_the_store_and_axum_at_the_edge() {
    for source in sources() {
        let (own, code) = (module(&source), source.code());
        assert!(
            !code.contains("sqlx::") || is_below(&own, "store"),
            "{} names sqlx; go through store::Db",
            source.path
        );
        assert!(
            !code.contains("axum::") || floor(&own) >= Floor::Edge,
            "{} names axum; only the edge speaks HTTP",
            source.path
        );
    }
}

#[test]
fn every_room_of_the_table_exists() {
    let modules: Vec<String> = sources().iter().map(module).collect();
    for (room, _) in FLOORS {
        assert!(
            modules.iter().any(|module| is_below(module, room)),
            "no room `{room}`"
        );
    }
}
