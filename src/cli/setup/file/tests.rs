//! What is read of a setup file, and what is refused.

use super::*;

#[track_caller]
fn faults(text: &str) -> Vec<String> {
    let found = parse(text).1.into_sorted();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_full_file_is_read() {
    let (file, faults) = parse(
        r#"
[[clients]]
client_id = "web"
client_secret = "s"
redirect_uris = ["http://127.0.0.1:9000/cb"]
roles = ["admin"]
client_uri = "https://app.example/"

[[users]]
username = "alice"
password = "correct horse battery staple"

[[stores]]
name = "docs"
model = "docs.fga"
tuples = [ { user = "user:alice", relation = "owner", object = "doc:plan" } ]
"#,
    );
    assert_eq!(faults.into_sorted(), []);
    let client = file.clients.first().unwrap();
    assert_eq!(client.client_id.value, "web");
    assert_eq!(client.lines["redirect_uris"], 5);
    let metadata = &client.metadata;
    assert_eq!(metadata.redirect_uris, ["http://127.0.0.1:9000/cb"]);
    assert_eq!(metadata.client_id.as_deref(), Some("web"));
    assert_eq!(metadata.client_uri.as_deref(), Some("https://app.example/"));
    assert_eq!(metadata.token_endpoint_auth_method, None);
    assert!(matches!(
        file.users.first().unwrap().password,
        Some(PasswordEntry::Plain(_))
    ));
    let tuple = file.stores.first().unwrap().tuples.first().unwrap();
    assert_eq!(
        (tuple.line, tuple.key.as_str()),
        (16, "stores[0].tuples[0]")
    );
}

#[test]
fn every_fault_is_named_with_its_line() {
    let text = "\n[[clients]]\nclient_idd = \"web\"\nredirect_uris = \"x\"\nskip_consent = 1\n\n[[users]]\nusername = 3\n";
    let found = faults(text);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[0].starts_with("line 2: clients[0].client_id: is missing"));
    assert!(found[1].starts_with(
        "line 3: clients[0].client_idd: unknown field `client_idd`, expected one of `client_id`,"
    ));
    assert!(found[2].starts_with("line 4: clients[0].redirect_uris: invalid type: string"));
    assert!(found[3].starts_with("line 5: clients[0].skip_consent: invalid type: integer"));
    assert!(
        found[4].starts_with("line 8: users[0].username: must be a text in quotes; found integer")
    );
}

#[test]
fn broken_toml_is_a_fault_with_its_line() {
    let found = faults("[[users]]\nusername = \n");
    assert!(
        found.iter().any(|fault| fault.starts_with("line 2: ")),
        "{found:#?}"
    );
}

#[test]
fn twins_and_two_passwords_are_refused() {
    let found = faults(
        "[[users]]\nusername = \"a\"\npassword = \"x\"\npassword_hash = \"y\"\n[[users]]\nusername = \"a\"\n",
    );
    assert!(found[0].starts_with("line 3: users[0].password: `password` and `password_hash`"));
    assert_eq!(
        found[1],
        "line 6: username `a` stands on line 2 already; merge the two"
    );
}
