//! The change log as a live stream of server-sent events: `GET /stores/{store}/changes` with `Accept: text/event-stream`.
//!
//! Every change arrives at least once and in order. The id of an event is the continuation token to go on with, so a reader
//! that comes back with `Last-Event-ID` misses nothing. Who may read is asked again while the stream lasts.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::access::ReadGate;
use super::error::ApiError;
use super::tuples::shown_change;
use crate::app::App;
use crate::policy::{ChangePage, ChangesFrom};

/// Changes that are read at once.
const PAGE: u32 = 100;
/// How often a quiet log is looked at, in milliseconds.
const POLL_MS: u64 = 250;
/// How often a quiet stream says that it lives, in seconds.
const KEEP_ALIVE_SECONDS: u64 = 15;

/// Whether a request asks for a stream.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| {
            accept
                .split(',')
                .any(|one| one.trim().starts_with("text/event-stream"))
        })
}

/// The token that a reader comes back with.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

/// A stream that has been let in.
struct Watch {
    gate: ReadGate,
    object_type: String,
    token: String,
    pending: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

/// Opens the stream; faults of the request are answered before it begins.
pub(super) async fn open(
    app: Arc<App>,
    headers: HeaderMap,
    (store, object_type): (&str, &str),
    from: ChangesFrom<'_>,
) -> Result<Response, ApiError> {
    let place = Arc::clone(&app.watchers).try_acquire_owned().map_err(|_| {
        ApiError::busy("too many change streams are open; close some or try again later")
    })?;
    let first = app.policy.changes(store, object_type, PAGE, from).await?;
    let now = app.clock.now();
    let mut watch = Watch {
        gate: ReadGate::of(app, headers, store.to_owned(), now),
        object_type: object_type.to_owned(),
        token: String::new(),
        pending: VecDeque::new(),
        _place: place,
    };
    watch.take(first);
    let alive = KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
    Ok(Sse::new(events(watch)).keep_alive(alive).into_response())
}

fn events(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(event) = watch.pending.pop_front() {
                return Some((Ok(event), watch));
            }
            watch.more().await?;
        }
    })
}

impl Watch {
    /// Reads on, or waits a moment; `None` ends the stream: the reader comes back with its last id.
    async fn more(&mut self) -> Option<()> {
        self.gate.ask_again().await.ok()?;
        let app = Arc::clone(self.gate.app());
        let from = ChangesFrom::Token(&self.token);
        let page = app
            .policy
            .changes(self.gate.store(), &self.object_type, PAGE, from)
            .await
            .inspect_err(|error| tracing::debug!(%error, "a change stream ends"))
            .ok()?;
        if page.changes.is_empty() {
            self.token = page.token;
            let pause = tokio::time::sleep(Duration::from_millis(POLL_MS));
            return app.stopping.run_until_cancelled(pause).await;
        }
        self.take(page);
        Some(())
    }

    /// Only the last event of a page has an id: to go on after an earlier one is to see a few again.
    fn take(&mut self, page: ChangePage) {
        self.token = page.token;
        let shown: Vec<Value> = page
            .changes
            .iter()
            .filter_map(|(change, at)| shown_change(change, *at))
            .collect();
        let last = shown.len().saturating_sub(1);
        for (at, change) in shown.iter().enumerate() {
            let event = Event::default().event("change").data(change.to_string());
            self.pending.push_back(if at == last {
                event.id(&self.token)
            } else {
                event
            });
        }
    }
}
