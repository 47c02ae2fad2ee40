//! A server as `tessera serve` runs it, in this process: its own listener, its workers, its limits.

use std::path::Path;
use std::time::Duration;

use tessera::base::time::Clock;
use tessera::config::{Sources, load};
use tessera::serve::{Patience, Prepared, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than anything in these tests takes, shorter than anybody's patience.
pub const LONG: Duration = Duration::from_secs(20);

/// A patience that no test exhausts.
pub fn patience() -> Patience {
    Patience {
        head: LONG,
        idle: LONG,
        look: LONG,
    }
}

/// Serves from `data` on a free port; the server and its address.
pub async fn serve(
    data: &Path,
    keys: &[(&'static str, &str)],
    patience: Patience,
) -> (Server, String) {
    let mut flags = vec![
        ("data", data.display().to_string()),
        ("listen", "127.0.0.1:0".to_owned()),
    ];
    flags.extend(keys.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    let mut prepared = Prepared::new(load(&sources).unwrap(), Clock::System)
        .await
        .unwrap();
    prepared.patience = patience;
    let (_, address) = prepared.app.config.issuer.split_once("://").unwrap();
    let address = address.to_owned();
    (prepared.serve().unwrap(), address)
}

/// Asks on a connection that stays open; the answer's body, or `None` when there is none.
pub async fn ask(stream: &mut TcpStream, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let read = tokio::time::timeout(LONG, stream.read(&mut buffer)).await;
        let read = read.expect("an answer or an end").ok()?;
        if read == 0 {
            return None;
        }
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            return Some(body.to_owned());
        }
    }
}

/// The value of a metric without labels, as the connection is told.
pub async fn metric(stream: &mut TcpStream, name: &str) -> i64 {
    let text = ask(stream, "/metrics").await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}
