//! `tessera client`: tokens that applications are registered with.

use serde_json::json;

use super::process::Place;
use crate::harness::server::client;

#[track_caller]
fn run(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(&[&["client"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_token_is_made_used_listed_and_ended_while_the_server_runs() {
    let place = Place::new().with("TESSERA_REGISTRATION_POLICY", "token");
    let server = place.serve(&[]);
    let token = run(
        &place,
        &["registration-token", "--name", "ci", "--uses", "1"],
    );
    let token = token.trim();
    assert!(token.starts_with("tsr_ia_"), "{token}");
    let register = async || {
        let request = client().post(format!("{}/register", server.url));
        let body = json!({ "redirect_uris": ["https://app.example/cb"] });
        let answer = request.bearer_auth(token).json(&body).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(register().await, 201);
    assert_eq!(register().await, 401, "its one use is over");
    let list = run(&place, &["registration-tokens"]);
    assert!(
        list.contains("\"ci\"  used 1 of 1") && !list.contains(token),
        "{list}"
    );
    let id = list.split_whitespace().next().unwrap();
    assert!(run(&place, &["end-registration-token", id]).contains("is ended"));
    assert_eq!(run(&place, &["registration-tokens"]), "");
    let wrong = place.run(&["client", "end-registration-token", id]);
    assert!(!wrong.status.success());
}
