//! `tessera api-key`: a script makes a key, uses it at a running server, lists it, and revokes it.

use super::process::Place;
use crate::harness::database::engines;
use crate::harness::server::client;

const SETUP: &str = r#"
[[clients]]
client_id = "job"
client_secret = "change-me-to-32-random-characters"
grant_types = ["client_credentials"]

[[users]]
username = "alice"

[[stores]]
name = "docs"
rights = [ { client = "job", right = "reader" }, { user = "alice", right = "reader" } ]

[[stores]]
name = "other"
"#;

#[track_caller]
fn run(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(&[&["api-key"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_used_listed_and_revoked_while_the_server_runs() {
    for engine in engines() {
        let place = Place::on(engine).await.with("TESSERA_LOG_FILTER", "trace");
        std::fs::write(place.path().join("setup.toml"), SETUP).unwrap();
        let mut server = place.serve(&["--apply", "setup.toml"]);
        let said = &server.banner;
        let line = said
            .lines()
            .find(|line| line.starts_with("+ store docs"))
            .unwrap();
        let id = line.split_once('(').unwrap().1.trim_end_matches(')');
        let url = format!("{}/stores/{id}", server.url);
        let create = ["create", "--owner", "client:job", "--name", "ci"];
        let limits = [
            "--store",
            "docs",
            "--permission",
            "can_check",
            "--days",
            "30",
        ];
        let key = run(&place, &[create.as_slice(), &limits].concat());
        let key = key.trim();
        assert!(key.starts_with("tsr_ak_") && key.len() == 77, "{key}");
        let get = async |key: &str| {
            let answer = client().get(&url).bearer_auth(key).send().await.unwrap();
            answer.status().as_u16()
        };
        assert_eq!(get(key).await, 200, "{engine:?}");
        let of_alice = run(
            &place,
            &["create", "--owner", "user:ALICE", "--name", "laptop"],
        );
        assert_eq!(get(of_alice.trim()).await, 200, "{engine:?}");

        let list = run(&place, &["list"]);
        assert_eq!(list.lines().count(), 2, "{list}");
        let list = run(&place, &["list", "--owner", "client:job"]);
        assert_eq!(list.lines().count(), 1, "{list}");
        for part in ["active", "client:job", "\"ci\"", "can_check in ", id] {
            assert!(list.contains(part), "{part}: {list}");
        }
        assert!(!list.contains("last used never"), "{list}");
        let key_id = list.split(' ').next().unwrap();
        for _ in 0..2 {
            let said = run(&place, &["revoke", key_id]);
            assert!(said.contains("revoked"), "{said}");
        }
        assert_eq!(get(key).await, 401, "{engine:?}");
        server.signal("TERM");
        server.wait();
        assert!(!place.log().contains("tsr_ak_"), "a key stands in the log");
    }
}

#[tokio::test]
async fn a_mistake_is_named_with_what_would_be_right() {
    let place = Place::new();
    std::fs::write(place.path().join("setup.toml"), SETUP).unwrap();
    assert!(place.run(&["apply", "setup.toml"]).status.success());
    let create = ["api-key", "create", "--name", "x", "--owner"];
    for (arguments, says) in [
        (
            ["job", "--store", "docs"].as_slice(),
            "there is no `job`; an owner is",
        ),
        (&["user:bob"], "there is no `user:bob`"),
        (&["client:none"], "there is no `client:none`"),
        (
            &["client:job", "--store", "none"],
            "`--store` is `none`, which is not the id or name",
        ),
        (
            &["client:job", "--permission", "can_fly"],
            "`can_fly` is not a permission; name some of",
        ),
        (
            &["client:job", "--expires-at", "soon"],
            "`--expires-at` is `soon`; write an instant",
        ),
        (
            &["client:job", "--expires-at", "2020-01-01T00:00:00Z"],
            "which is past",
        ),
    ] {
        let said = place.refused(&[create.as_slice(), arguments].concat(), 2);
        assert!(said.contains(says), "{says}: {said}");
    }
    let said = place.refused(&["api-key", "revoke", "nonsense"], 2);
    assert!(said.contains("`nonsense` is not an API key's id"), "{said}");
    let unknown = "key_01arz3ndektsv4rrffq69g5fav";
    let said = place.refused(&["api-key", "revoke", unknown], 2);
    assert!(said.contains("there is no API key `key_01arz"), "{said}");
}
