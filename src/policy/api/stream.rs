//! Long answers: a task makes them part by part, and a client that stops taking them does not hold it up for ever.
//!
//! An answer whose task does not say that it is whole breaks off, so that no client takes a part for the whole.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use tokio::sync::mpsc;

/// Parts that wait for the client.
const PARTS: usize = 4;
/// How long a client may take for one part, in seconds.
const TAKE_SECONDS: u64 = 60;

/// Where the task puts the parts.
#[derive(Debug)]
pub(super) struct Parts {
    sender: mpsc::Sender<Part>,
    patience: Duration,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    End,
}

/// The client is gone or takes nothing.
#[derive(Debug)]
pub(super) struct Gone;

/// An answer, and where its parts go.
pub(super) fn answer() -> (Parts, Body) {
    answer_within(Duration::from_secs(TAKE_SECONDS))
}

fn answer_within(patience: Duration) -> (Parts, Body) {
    let (sender, receiver) = mpsc::channel(PARTS);
    let parts = futures_util::stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Part::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Part::End) => None,
            None => Some((Err(io::Error::other("the answer broke off")), None)),
        }
    });
    (Parts { sender, patience }, Body::from_stream(parts))
}

impl Parts {
    /// Hands a part over, as soon as the client takes it.
    pub(super) async fn send(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        let sent = self.sender.send(Part::Bytes(bytes.into()));
        match tokio::time::timeout(self.patience, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Hands a part over if there is room for it: nobody misses it otherwise.
    pub(super) fn offer(&self, bytes: impl Into<Bytes>) {
        drop(self.sender.try_send(Part::Bytes(bytes.into())));
    }

    /// Whether nobody takes parts any more.
    pub(super) fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    /// Says that the answer is whole.
    pub(super) async fn end(self) {
        drop(self.sender.send(Part::End).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_whole_only_when_its_maker_says_so() {
        let (parts, body) = answer();
        parts.send("a").await.unwrap();
        parts.offer("b");
        parts.end().await;
        assert_eq!(axum::body::to_bytes(body, 9).await.unwrap(), "ab");
        let (parts, body) = answer();
        parts.send("a").await.unwrap();
        drop(parts);
        assert!(axum::body::to_bytes(body, 9).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (parts, body) = answer_within(Duration::from_millis(10));
        for _ in 0..PARTS {
            parts.send("a").await.unwrap();
        }
        parts.offer("one too many is left out");
        assert!(parts.send("a").await.is_err());
        assert!(!parts.is_gone());
        drop(body);
        assert!(parts.is_gone() && parts.send("a").await.is_err());
    }
}
