//! Requests as bytes, and what must be true of every answer to one that is hostile.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a request must get.
#[derive(Clone, Debug)]
pub enum Expect {
    /// This status and this OAuth error.
    OAuth(u16, &'static str),
    /// One of these statuses, with a body that says why.
    Status(&'static [u16]),
    /// This error, sent back to the client's verified redirect URI.
    Back(&'static str),
    /// An error page of ours and no redirect.
    Page,
    /// Refused by the HTTP server itself, before anything of ours reads it.
    Protocol,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Case {
    pub what: String,
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub expect: Expect,
}

impl Case {
    pub fn new(
        what: impl Into<String>,
        method: &'static str,
        target: impl Into<String>,
        expect: Expect,
    ) -> Self {
        Self {
            what: what.into(),
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            expect,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        if content_type.is_empty() {
            return self;
        }
        self.header("Content-Type", content_type)
    }

    pub fn form(self, body: impl Into<Vec<u8>>) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

async fn send(address: &str, case: &Case) -> Answer {
    let mut request = format!(
        "{} {} HTTP/1.1\r\nConnection: close\r\n",
        case.method, case.target
    );
    let has = |wanted: &str| {
        case.headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    if !has("Host") {
        write!(request, "Host: {address}\r\n").unwrap();
    }
    if !has("Content-Length") && !has("Transfer-Encoding") {
        write!(request, "Content-Length: {}\r\n", case.body.len()).unwrap();
    }
    for (name, value) in &case.headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Who is refused early finds the connection closed: what came until then is the answer.
    drop(stream.write_all(request.as_bytes()).await);
    drop(stream.write_all(&case.body).await);
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes).await);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value.trim())
    }

    /// The member of a JSON body, or nothing.
    fn member(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        json[name].as_str().unwrap_or_default().to_owned()
    }

    fn says_what_to_do(&self) -> bool {
        ["error_description", "detail", "message"]
            .iter()
            .any(|name| !self.member(name).is_empty())
            || self.body.contains("<h1")
    }

    fn meets(&self, expect: &Expect) -> bool {
        let refused = (400..500).contains(&self.status) && self.header("location").is_empty();
        match expect {
            Expect::OAuth(status, error) => {
                self.status == *status
                    && refused
                    && self.member("error") == *error
                    && self.says_what_to_do()
            }
            Expect::Status(statuses) => {
                statuses.contains(&self.status) && refused && self.says_what_to_do()
            }
            Expect::Page => refused && self.body.contains("<h1"),
            Expect::Protocol => refused || self.status == 0,
            Expect::Back(error) => {
                let location = self.header("location");
                let to_client = ["https://app.example/cb?", "https://app.example/cb#"]
                    .iter()
                    .any(|start| location.starts_with(start));
                self.status == 303 && to_client && location.contains(&format!("error={error}&"))
            }
        }
    }
}

/// Sends a request; what is wrong with the answer.
pub async fn fault(address: &str, case: &Case) -> Option<String> {
    let answer = send(address, case).await;
    if answer.meets(&case.expect) {
        return None;
    }
    let start: String = answer.body.chars().take(200).collect();
    Some(format!(
        "{}: {} {:.80}\n    wanted {:?}\n    got {} location {:?} {start}",
        case.what,
        case.method,
        case.target,
        case.expect,
        answer.status,
        answer.header("location")
    ))
}
