//! Another server, which writes down what it is sent and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use tokio::task::JoinHandle;

#[derive(Clone, Default)]
struct Book {
    got: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

/// A server on a loopback port.
pub struct Receiver {
    /// Where it takes posts.
    pub url: String,
    book: Book,
    task: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/out", listener.local_addr().unwrap());
        let book = Book::default();
        let router = Router::new()
            .route("/out", post(take))
            .with_state(book.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, book, task }
    }

    /// The bodies that came, in their order.
    pub fn got(&self) -> Vec<String> {
        self.book.got.lock().unwrap().clone()
    }

    /// The next answers; 200 after them.
    pub fn will_answer(&self, answers: impl IntoIterator<Item = StatusCode>) {
        self.book.answers.lock().unwrap().extend(answers);
    }
}

async fn take(State(book): State<Book>, body: String) -> StatusCode {
    book.got.lock().unwrap().push(body);
    let next = book.answers.lock().unwrap().pop_front();
    next.unwrap_or(StatusCode::OK)
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}
