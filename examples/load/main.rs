//! What the server does in a second over HTTP, beside a bare axum handler measured in the same run.
//!
//! ```sh
//! cargo build --release && cargo run --release --example load
//! ```
//!
//! Starts the release binary on a throw-away SQLite database and a free loopback port, gives it a client and a permission
//! store, and drives `POST /token` (client credentials, RS256), `POST /introspect` and `POST /stores/{id}/check` with a bounded
//! number of connections for a bounded time. Client and server share the machine: read the ratios, not the numbers alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement fails by panicking, and prints what it found"
)]

mod arrange;
mod drive;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::post;

use drive::{Load, Outcome, Request};

/// The argument with which this program is its own bare server.
const BARE: &str = "bare";

#[tokio::main]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some(BARE) {
        serve_bare().await;
        return;
    }
    let load = Load {
        connections: 16,
        seconds: 5,
        most_requests: 1_000_000,
    };
    println!(
        "{} connections, {} s each\n\n{:<22} {:>10} {:>10} {:>10} {:>14}",
        load.connections, load.seconds, "", "requests/s", "p50 ms", "p99 ms", "x bare axum"
    );
    let bare_server = arrange::Child::bare();
    let json = Request::json("/", &[], "{\"hello\":\"world\"}");
    let bare = load.drive(bare_server.address(), &json).await;
    row("bare axum (JSON POST)", &bare, &bare);
    drop(bare_server);

    let mut server = arrange::Server::start().await;
    for (name, request) in server.requests().await {
        let outcome = load.drive(server.address(), &request).await;
        row(name, &outcome, &bare);
    }
    println!(
        "\nresident memory of the server: {} MB",
        server.resident_mb()
    );
}

fn row(name: &str, outcome: &Outcome, bare: &Outcome) {
    println!(
        "{name:<22} {:>10.0} {:>10.2} {:>10.2} {:>14.3}",
        outcome.per_second(),
        outcome.percentile_ms(50),
        outcome.percentile_ms(99),
        outcome.per_second() / bare.per_second(),
    );
}

/// The least that axum can do with a JSON body.
async fn serve_bare() {
    let app = Router::new().route(
        "/",
        post(|body: axum::Json<serde_json::Value>| async { body }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    println!("{address}");
    axum::serve(listener, app).await.unwrap();
}
