//! A load generator of little weight: each connection sends the same bytes again as soon as the answer has come.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How hard, how long, how many.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    pub seconds: u64,
    pub most_requests: usize,
}

/// One request, as its bytes.
#[derive(Clone, Debug)]
pub struct Request(String);

impl Request {
    pub fn json(path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        Self::new(path, headers, ("application/json", body))
    }

    pub fn form(path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        Self::new(path, headers, ("application/x-www-form-urlencoded", body))
    }

    fn new(path: &str, headers: &[(&str, &str)], (kind, body): (&str, &str)) -> Self {
        let headers: String = headers
            .iter()
            .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
            .collect();
        Self(format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        ))
    }
}

/// What a drive found.
#[derive(Debug)]
pub struct Outcome {
    /// Microseconds of each request, sorted.
    latencies: Vec<u128>,
    took: Duration,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        self.latencies[at] as f64 / 1_000.0
    }
}

impl Load {
    /// Drives one request; every answer must be 200.
    pub async fn drive(self, address: &str, request: &Request) -> Outcome {
        // Connections, caches and the keys of the server get warm.
        self.one(
            address,
            request,
            (Instant::now() + Duration::from_millis(200), 500),
        )
        .await;
        let begun = Instant::now();
        let bounds = (
            begun + Duration::from_secs(self.seconds),
            self.most_requests / self.connections,
        );
        let mut tasks = JoinSet::new();
        for _ in 0..self.connections {
            let (address, request) = (address.to_owned(), request.clone());
            tasks.spawn(async move { self.one(&address, &request, bounds).await });
        }
        let mut latencies = tasks.join_all().await.concat();
        let took = begun.elapsed();
        latencies.sort_unstable();
        assert!(!latencies.is_empty());
        Outcome { latencies, took }
    }

    /// One connection, until the end or so many requests.
    async fn one(
        self,
        address: &str,
        request: &Request,
        (end, most): (Instant, usize),
    ) -> Vec<u128> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut latencies = Vec::new();
        let mut buffer = Vec::with_capacity(16 * 1024);
        while latencies.len() < most && Instant::now() < end {
            let begun = Instant::now();
            stream.write_all(request.0.as_bytes()).await.unwrap();
            buffer.clear();
            answer(&mut stream, &mut buffer).await;
            latencies.push(begun.elapsed().as_micros());
        }
        latencies
    }
}

/// Sends one request on a connection of its own; the body of the answer, which must be a success.
pub async fn once(address: &str, request: &Request) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.0.as_bytes()).await.unwrap();
    let mut buffer = Vec::new();
    let head = answer(&mut stream, &mut buffer).await;
    String::from_utf8_lossy(&buffer[head..]).into_owned()
}

/// Reads one whole answer; the length of its head.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> usize {
    loop {
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(
            read > 0,
            "the server hung up: {}",
            String::from_utf8_lossy(buffer)
        );
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |text| text.trim().parse().unwrap());
        if buffer.len() >= end + 4 + length {
            assert!(
                head.starts_with("http/1.1 20"),
                "{}",
                String::from_utf8_lossy(buffer)
            );
            return end + 4;
        }
    }
}
