//! A start in an empty directory, what it leaves, and how it stops.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::process::Place;
use crate::harness::database::engines;
use crate::harness::server::client;

#[track_caller]
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_serves_and_a_second_keeps_what_the_first_made() {
    for engine in engines() {
        let place = Place::on(engine).await;
        let mut first = place.serve(&[]);
        let ready = client().get(format!("{}/readyz", first.url)).send();
        assert_eq!(ready.await.unwrap().status(), 200, "{}", place.log());
        first.signal("TERM");
        assert_eq!(first.wait().code(), Some(0), "{}", place.log());
        let mut second = place.serve(&[]);
        let ready = client().get(format!("{}/readyz", second.url)).send();
        assert_eq!(ready.await.unwrap().status(), 200, "{}", place.log());
        second.signal("INT");
        assert_eq!(second.wait().code(), Some(0), "{}", place.log());
    }
}

#[tokio::test]
async fn the_first_start_makes_a_data_directory_that_only_its_owner_can_enter() {
    let place = Place::new();
    let server = place.serve(&[]);
    let data = place.path().join("tessera-data");
    assert!(server.banner.contains("tessera-data/tessera.db (SQLite)"));
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("master.key")), 0o600);
    let names: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("tessera.db"))
        .collect();
    assert_eq!(names, ["master.key"], "nothing half-written");
}

#[tokio::test]
async fn no_argument_means_serve() {
    let place = Place::new().with("TESSERA_LISTEN", "127.0.0.1:0");
    let mut child = place
        .command(&[])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut banner = [0; 8];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut banner)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(&banner, b"tessera ");
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let silent = TcpStream::connect(server.address()).unwrap();
    // A connection kept alive after its first answer.
    let keeping = client();
    let answer = keeping.get(format!("{}/livez", server.url)).send();
    assert_eq!(answer.await.unwrap().status(), 200);
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", place.log());
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    drop((silent, keeping));
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_nothing_new_is_accepted() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"a=b&").unwrap();
    // The server has the head and waits for the rest of the body.
    std::thread::sleep(Duration::from_millis(200));
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        TcpStream::connect(server.address()).is_err(),
        "still accepting"
    );
    stream.write_all(b"c=d&").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(answer.contains("\r\nx-request-id: "), "{answer}");
    assert_eq!(server.wait().code(), Some(0), "{}", place.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_banner_and_setup_url_print_links_that_open_the_setup_page() {
    for engine in engines() {
        let place = Place::on(engine).await;
        let mut server = place.serve(&[]);
        let mut links = vec![server.next_link()];
        let listen = ["setup-url", "--listen", server.address()];
        let output = place.run(&listen);
        assert!(output.status.success(), "{output:?}");
        links.push(String::from_utf8(output.stdout).unwrap().trim().to_owned());
        assert_ne!(links[0], links[1]);
        for link in links {
            let (_, secret) = link.rsplit_once('/').unwrap();
            assert!(link.starts_with(&format!("{}/setup/", server.url)));
            let page = client().get(&link).send().await.unwrap();
            assert_eq!(page.status(), 200, "{link}");
            assert!(!place.log().contains(secret), "a link stands in the log");
        }
    }
}

#[tokio::test]
async fn the_log_can_be_json_and_never_holds_a_query() {
    let place = Place::new().with("TESSERA_LOG_FORMAT", "json");
    let mut server = place.serve(&[]);
    let url = format!("{}/livez?code=tsr_ac_canary", server.url);
    let answer = client().get(url).send().await.unwrap();
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    server.signal("TERM");
    server.wait();
    let log = place.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["route"], "/livez");
    assert_eq!(line["status"], 200);
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(line["span"]["id"], id.as_str());
    assert!(!log.contains("canary"), "{log}");
}
