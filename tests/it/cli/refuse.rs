//! Starts that are refused: one clear line, a code of their own, nothing half-written.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use tessera::store::{Db, DbOptions, q};

use super::process::{MASTER_KEY, Place};
use crate::harness::database::{Engine, engines};

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let place = Place::new();
    let first = place.serve(&[]);
    let line = place.refused(&["serve", "--listen", "127.0.0.1:0"], 7);
    assert!(line.contains("tessera-data"), "{line}");
    assert!(
        line.contains(&format!("(process {})", first.id())),
        "{line}"
    );
    // Also when it would take the same port: the data is the reason, not the port.
    place.refused(&["serve", "--listen", first.address()], 7);
    first.kill();
    // A killed server leaves the file, but not the lock.
    place.serve(&[]);
}

#[tokio::test]
async fn a_port_in_use_is_refused_before_anything_is_written() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new();
    let line = place.refused(&["--listen", &address], 6);
    assert!(
        line.contains(&format!("cannot listen on {address}")),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused() {
    let place = Place::new();
    let proxies = place.with("TESSERA_TRUSTED_PROXIES", "10.0.0.0/8");
    let arguments = ["--listen", "192.0.2.1:80", "--issuer", "https://id.example"];
    proxies.refused(&arguments, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_refused() {
    for engine in engines() {
        let mut place = Place::on(engine).await;
        place.serve(&[]).kill();
        place = match engine {
            Engine::Sqlite => {
                let file = place.path().join("tessera-data/master.key");
                std::fs::write(file, MASTER_KEY).unwrap();
                place
            }
            Engine::Postgres => place.with("TESSERA_MASTER_KEY", &MASTER_KEY.replace("AA", "BA")),
        };
        let line = place.refused(&["--listen", "127.0.0.1:0"], 5);
        assert!(line.contains("does not belong to this database"), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[tokio::test]
async fn a_lost_master_key_is_never_replaced() {
    let place = Place::new();
    place.serve(&[]).kill();
    let file = place.path().join("tessera-data/master.key");
    std::fs::remove_file(&file).unwrap();
    let line = place.refused(&["--listen", "127.0.0.1:0"], 5);
    assert!(line.contains("is missing"), "{line}");
    assert!(!file.exists());
    std::fs::write(&file, "not a key").unwrap();
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    let line = place.refused(&["--listen", "127.0.0.1:0"], 5);
    assert!(line.contains("does not hold a master key"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_and_left_alone() {
    for engine in engines() {
        let place = Place::on(engine).await;
        place.serve(&[]).kill();
        let options = match engine {
            Engine::Sqlite => DbOptions::Sqlite {
                path: place.path().join("tessera-data/tessera.db"),
            },
            Engine::Postgres => DbOptions::Postgres {
                url: place.variable("TESSERA_DATABASE_URL"),
                max_connections: 2,
            },
        };
        let db = Db::open(&options).await.unwrap();
        let mut tx = db.write().await.unwrap();
        tx.exec(q(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 9999, 'from the future', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
        ))
        .await
        .unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        let line = place.refused(&["--listen", "127.0.0.1:0"], 4);
        assert!(line.contains("schema version 9999"), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[tokio::test]
async fn an_unreachable_database_is_refused_without_its_password() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let place = Place::new()
        .with(
            "TESSERA_DATABASE_URL",
            &format!("postgres://me:hunter2@127.0.0.1:{port}/t"),
        )
        .with("TESSERA_MASTER_KEY", MASTER_KEY);
    let line = place.refused(&["--listen", "127.0.0.1:0"], 3);
    assert!(line.contains("the database is unavailable"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_database_that_does_not_exist_on_the_server_is_refused() {
    if !engines().contains(&Engine::Postgres) {
        return;
    }
    let place = Place::on(Engine::Postgres).await;
    let url = place.variable("TESSERA_DATABASE_URL");
    let place = place.with("TESSERA_DATABASE_URL", &format!("{url}_missing"));
    let line = place.refused(&["--listen", "127.0.0.1:0"], 3);
    assert!(line.contains("does not exist"), "{line}");
}

#[tokio::test]
async fn every_mistake_of_the_configuration_is_told_at_once() {
    let place = Place::new().with("TESSERA_KEYS_RSA_BITS", "1024");
    std::fs::write(
        place.path().join("t.toml"),
        "lisen = \"x\"\n[tokens]\ncode_ttl_seconds = 600\n",
    )
    .unwrap();
    let arguments = ["--config", "t.toml", "--issuer", "http://id.example.com"];
    let text = place.refused(&arguments, 2);
    for part in [
        "4 mistakes",
        "lisen (t.toml line 1): no such key; did you mean `listen`?",
        "tokens.code_ttl_seconds (t.toml line 3): `600` is not",
        "keys.rsa_bits (environment TESSERA_KEYS_RSA_BITS): `1024` is not one of",
        "issuer (flag --issuer): `http://id.example.com` is plain http",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let names: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing but the file: {names:?}");
}

#[tokio::test]
async fn plain_http_beyond_loopback_is_refused() {
    let text = Place::new().refused(
        &["--listen", "0.0.0.0:0", "--issuer", "https://id.example"],
        2,
    );
    assert!(text.contains("tls.cert and tls.key"), "{text}");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_refused() {
    let place = Place::new();
    std::fs::write(place.path().join("file"), "").unwrap();
    let line = place.refused(&["--data", "file/data", "--listen", "127.0.0.1:0"], 1);
    assert!(line.contains("cannot use `file/data`"), "{line}");
}
