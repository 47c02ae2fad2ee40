//! `tessera resource-server`, `authorization-details-type`, `trusted-issuer`: the admin API's rules at the command line.

use serde_json::{Value, json};

use super::process::Place;
use crate::harness::database::engines;

struct Declared {
    place: Place,
    command: &'static str,
}

impl Declared {
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.place.run(&[&[self.command], arguments].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], said: &str) {
        let all = [&[self.command], arguments].concat();
        let stderr = self.place.refused(&all, 2);
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }

    fn file(&self, value: &Value) -> &'static str {
        let path = self.place.path().join("one.json");
        std::fs::write(path, value.to_string()).unwrap();
        "one.json"
    }

    #[track_caller]
    fn shown(&self, name: &str) -> Value {
        serde_json::from_str(&self.run(&["show", name])).unwrap()
    }

    /// Creates one, changes it by what was shown of it, and forgets it.
    fn lives(&self, (new, name): (&Value, &str), (field, other): (&str, Value)) {
        let file = self.file(new);
        let made = self.run(&["create", file]);
        assert!(made.contains(name), "{made}");
        assert_eq!(self.run(&["list"]), made);
        self.refused(&["create", file], "exists already; update it");
        let mut shown = self.shown(name);
        for (key, value) in new.as_object().unwrap() {
            assert_eq!(&shown[key], value, "{key}");
        }
        let file = self.file(&shown);
        assert_eq!(self.run(&["update", name, file]), made, "nothing changes");
        assert_eq!(self.shown(name), shown);
        shown[field] = other.clone();
        self.run(&["update", name, self.file(&shown)]);
        assert_eq!(self.shown(name)[field], other);
        shown["no_such"] = json!(1);
        self.refused(&["update", name, self.file(&shown)], "`no_such`");
        assert_eq!(
            self.run(&["delete", name]),
            format!("{name} is forgotten\n")
        );
        assert_eq!(self.run(&["list"]), "");
        for arguments in [
            &["show", name][..],
            &["delete", name],
            &["update", name, file],
        ] {
            self.refused(arguments, &format!("`{name}`"));
        }
        self.refused(&["create", "absent.json"], "cannot read `absent.json`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_lives_at_the_command_line() {
    for engine in engines() {
        let place = Place::on(engine).await;
        let cli = Declared {
            place,
            command: "resource-server",
        };
        let new = json!({ "identifier": "https://api.example/", "name": "The API" });
        let renamed = ("name", json!("Another"));
        cli.lives((&new, "https://api.example/"), renamed);
        let wrong = json!({ "identifier": "not a uri" });
        cli.refused(&["create", cli.file(&wrong)], "identifier: must be");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_authorization_details_lives_at_the_command_line() {
    for engine in engines() {
        let place = Place::on(engine).await;
        let cli = Declared {
            place,
            command: "authorization-details-type",
        };
        let new = json!({ "type": "payment", "name": "Payments" });
        let renamed = ("name", json!("Another"));
        cli.lives((&new, "payment"), renamed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_issuer_lives_at_the_command_line() {
    for engine in engines() {
        let place = Place::on(engine).await;
        let cli = Declared {
            place,
            command: "trusted-issuer",
        };
        let new = json!({
            "name": "build",
            "issuer": "https://build.example",
            "jwks_uri": "https://build.example/keys",
            "clients": ["web"],
            "scope": "deploy",
            "subjects": "user_ids",
        });
        cli.lives((&new, "build"), ("scope", json!("deploy read")));
        let nameless = json!({ "issuer": "https://build.example" });
        cli.refused(&["create", cli.file(&nameless)], "`name` is missing");
    }
}
