//! What the commands print.

use super::process::Place;

#[track_caller]
fn stdout(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn config_prints_what_is_in_force_and_where_it_comes_from() {
    let place = Place::new()
        .with("TESSERA_DATABASE_URL", "postgres://me:hunter2@db/t")
        .with("TESSERA_MASTER_KEY", super::process::MASTER_KEY);
    let text = stdout(&place, &["config", "--listen", "127.0.0.1:4711"]);
    for line in [
        "listen = \"127.0.0.1:4711\"  # flag --listen",
        "issuer = \"http://127.0.0.1:4711\"  # default",
        "# url = \"postgres://me:hidden@db/t\"  # environment TESSERA_DATABASE_URL",
        "# master_key = \"hidden\"  # environment TESSERA_MASTER_KEY",
        "code_ttl_seconds = 60  # default",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(
        !text.contains("hunter2") && !text.contains("AAAA"),
        "{text}"
    );
}

#[tokio::test]
async fn the_reference_needs_no_valid_configuration() {
    let place = Place::new().with("TESSERA_LISTEN", "nonsense");
    let text = stdout(&place, &["config", "--reference"]);
    assert!(text.contains("# TESSERA_LISTEN, --listen\n"), "{text}");
    assert_eq!(place.run(&["config"]).status.code(), Some(2));
}

#[tokio::test]
async fn help_tells_the_exit_codes_and_usage_errors_are_2() {
    let place = Place::new();
    let text = stdout(&place, &["--help"]);
    assert!(
        text.contains("  7  another tessera uses the data directory"),
        "{text}"
    );
    assert!(stdout(&place, &["--version"]).starts_with("tessera "));
    assert_eq!(place.run(&["--no-such-flag"]).status.code(), Some(2));
    assert_eq!(place.run(&["no-such-command"]).status.code(), Some(2));
}

#[tokio::test]
async fn a_generated_master_key_starts_a_server() {
    let place = Place::new();
    let key = stdout(&place, &["keys", "generate-master"]);
    assert_ne!(key, stdout(&place, &["keys", "generate-master"]));
    let place = Place::new().with("TESSERA_MASTER_KEY", key.trim());
    place.serve(&[]);
    assert!(!place.path().join("tessera-data/master.key").exists());
}
