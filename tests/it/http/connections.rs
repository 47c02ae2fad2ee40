//! Connections: how many there may be, and how long one may be slow or still.

use std::time::{Duration, Instant};

use tessera::serve::Patience;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::serving::{LONG, ask, metric, patience, serve};

const SHORT: Duration = Duration::from_millis(400);

/// Waits until the server ends the connection; what it said before, and how long that took.
async fn ended(stream: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (begun, mut said) = (Instant::now(), Vec::new());
    let read = stream.read_to_end(&mut said);
    // A reset is an end too.
    drop(tokio::time::timeout(LONG, read).await.expect("an end"));
    (said, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_closed_at_once_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [("connections.max", "2")];
    let (server, address) = serve(dir.path(), &keys, patience()).await;
    let connect = || TcpStream::connect(address.clone());
    let (mut first, mut second) = (connect().await.unwrap(), connect().await.unwrap());
    for stream in [&mut first, &mut second] {
        assert_eq!(ask(stream, "/livez").await.as_deref(), Some("ok\n"));
    }
    for refused in 1..=3 {
        let mut third = connect().await.unwrap();
        let (said, took) = ended(&mut third).await;
        assert!(said.is_empty() && took < LONG / 2, "{took:?}");
        let counted = metric(&mut first, "tessera_connections_refused_total").await;
        assert_eq!(counted, refused);
        assert_eq!(metric(&mut first, "tessera_connections_open").await, 2);
    }
    drop(second);
    // The server learns of it in its own time.
    while metric(&mut first, "tessera_connections_open").await == 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut next = connect().await.unwrap();
    assert_eq!(ask(&mut next, "/livez").await.as_deref(), Some("ok\n"));
    drop((first, next));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_request_that_dribbles_in_or_does_not_come_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let short = Patience {
        head: SHORT,
        ..patience()
    };
    let (server, address) = serve(dir.path(), &[], short).await;
    let mut silent = TcpStream::connect(&address).await.unwrap();
    let (said, took) = ended(&mut silent).await;
    assert!(said.is_empty(), "{said:?}");
    assert!(took >= SHORT / 2 && took < LONG / 2, "{took:?}");

    let mut slow = TcpStream::connect(&address).await.unwrap();
    let begun = Instant::now();
    slow.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    // Each byte is progress, and yet there is no head in time.
    while slow.write_all(b"a").await.is_ok() {
        assert!(begun.elapsed() < LONG / 2, "still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_be_still_between_requests_but_not_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let short = Patience {
        head: SHORT,
        idle: 3 * SHORT,
        ..patience()
    };
    let (server, address) = serve(dir.path(), &[], short).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    for _ in 0..3 {
        assert!(ask(&mut stream, "/livez").await.is_some());
        // Longer than a first head may take: that bound is not for connections in use.
        tokio::time::sleep(3 * SHORT / 2).await;
    }
    assert!(ask(&mut stream, "/livez").await.is_some());
    let (said, took) = ended(&mut stream).await;
    assert!(said.is_empty(), "{said:?}");
    assert!(took >= SHORT && took < LONG / 2, "{took:?}");
    server.stop().await;
}

/// An HTTP/2 connection that asks for `/` once: the preface, empty SETTINGS, and a HEADERS frame of indexed fields (RFC 9113 section 6.2, RFC
/// 7541 appendix A).
const HTTP2_REQUEST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \x00\x00\x00\x04\x00\x00\x00\x00\x00\
    \x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x01x";

/// The frames of a stream of bytes: type, stream, payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u32, &[u8])> {
    let mut frames = Vec::new();
    while bytes.len() >= 9 {
        let (head, rest) = bytes.split_at(9);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let length = usize::try_from(length).unwrap();
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        frames.push((head[3], stream, &rest[..length]));
        bytes = &rest[length..];
    }
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_has_a_bound_on_streams_and_ends_when_it_is_still() {
    let dir = tempfile::tempdir().unwrap();
    let short = Patience {
        idle: SHORT,
        ..patience()
    };
    let (server, address) = serve(dir.path(), &[], short).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(HTTP2_REQUEST).await.unwrap();
    let (said, took) = ended(&mut stream).await;
    assert!(took < LONG / 2, "{took:?}");
    let frames = frames(&said);
    let (kind, _, settings) = frames[0];
    assert_eq!(kind, 4, "SETTINGS");
    let setting = |wanted: u8| {
        let mut entries = settings.chunks(6);
        let found = entries.find(|entry| entry[..2] == [0, wanted]);
        found.map(|entry| u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(setting(3), Some(128), "SETTINGS_MAX_CONCURRENT_STREAMS");
    assert_eq!(setting(6), Some(32 * 1024), "SETTINGS_MAX_HEADER_LIST_SIZE");
    // The answer came before the end.
    assert!(
        frames.iter().any(|(kind, id, _)| (*kind, *id) == (1, 1)),
        "{frames:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_of_the_answer_loses_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let short = Patience {
        idle: 2 * SHORT,
        ..patience()
    };
    let (server, address) = serve(dir.path(), &[], short).await;
    let mut watcher = TcpStream::connect(&address).await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stuck = socket.connect(address.parse().unwrap()).await.unwrap();
    // More answers than the buffers of both sides hold, and nobody who reads them.
    let requests = "GET /login HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let (begun, mut rest) = (Instant::now(), requests.as_bytes());
    loop {
        match tokio::time::timeout(SHORT / 4, stuck.write(rest)).await {
            Ok(Ok(written)) => rest = &rest[written..],
            Ok(Err(_)) => break,
            Err(_) => {
                let other = ask(&mut watcher, "/livez").await;
                assert!(other.is_some(), "others are served");
            }
        }
        if rest.is_empty() {
            rest = requests.as_bytes();
        }
        assert!(begun.elapsed() < 2 * LONG, "still open");
    }
    server.stop().await;
}
