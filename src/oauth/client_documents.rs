//! Fetches the metadata documents of clients, through the guarded client (SECURITY row 47).
//!
//! However many requests wait for the same document, one fetches it; a fetch that failed is not tried again within the pause; few fetches run at a
//! time, since strangers cause them. What was fetched is kept in the database, not here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{ACCEPT, AGE, CACHE_CONTROL, CONTENT_TYPE, DATE, EXPIRES};
use http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::protocol::client::ClientId;
use super::protocol::client_document::{DOCUMENT_BYTES, FRESH_SECONDS};
use super::protocol::freshness::{Said, fresh_for};
use crate::base::time::{Seconds, Timestamp};
use crate::outbound::{Answer, Outbound};

/// Shortest time between two fetches of one document of which the first failed.
const PAUSE_SECONDS: Seconds = Seconds::new(10);
/// Fetches at the same time.
const FETCHES: usize = 16;
/// Addresses that are remembered.
const ADDRESSES: usize = 1_000;

/// The fetching of documents. Shared by all requests.
#[derive(Debug)]
pub struct ClientDocuments {
    outbound: Outbound,
    fetches: Semaphore,
    turns: Mutex<HashMap<ClientId, Arc<tokio::sync::Mutex<Tried>>>>,
}

/// What came of the latest try.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    failed: Option<(Timestamp, String)>,
}

impl Tried {
    /// Why the latest try failed, as long as there is to be no other.
    pub fn recent_failure(&self, now: Timestamp) -> Option<&str> {
        self.failed
            .as_ref()
            .filter(|(at, _)| now < at.plus(PAUSE_SECONDS))
            .map(|(_, reason)| reason.as_str())
    }

    /// Notes what came of a try.
    pub fn note(&mut self, outcome: Result<(), String>, now: Timestamp) {
        self.failed = outcome.err().map(|reason| (now, reason));
    }
}

/// A document as it was served.
#[derive(Debug)]
pub struct Served {
    /// Its text.
    pub body: Vec<u8>,
    /// For how long it is good.
    pub fresh_for: Seconds,
}

impl ClientDocuments {
    /// Nothing was fetched yet.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            fetches: Semaphore::new(FETCHES),
            turns: Mutex::default(),
        }
    }

    /// Waits for the turn to fetch this document. Whoever has it looks first whether the one before fetched it.
    pub async fn turn(&self, client_id: &ClientId) -> OwnedMutexGuard<Tried> {
        let turn = {
            let mut turns = lock(&self.turns);
            if turns.len() >= ADDRESSES && !turns.contains_key(client_id) {
                // Those that somebody waits for stay.
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(turns.entry(client_id.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// Fetches the document. The reason of a failure does not tell what stands at the address, only that it is no document.
    pub async fn fetch(&self, client_id: &ClientId, now: Timestamp) -> Result<Served, String> {
        let _place = self.fetches.try_acquire().map_err(|_| {
            "too many documents are being fetched; try again in a moment".to_owned()
        })?;
        let request = http::Request::get(client_id.as_str())
            .header(ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        let answer = self.outbound.send(request).await.map_err(|error| {
            // Why exactly would tell a stranger what lies behind this server.
            tracing::info!(%error, client_id = client_id.as_str(), "a client's metadata document could not be fetched");
            "it could not be fetched".to_owned()
        })?;
        if answer.status != StatusCode::OK
            || !is_json(&answer.headers)
            || answer.body.len() > DOCUMENT_BYTES
        {
            return Err(format!(
                "the answer must be 200 with application/json of at most {DOCUMENT_BYTES} bytes; redirects are not followed"
            ));
        }
        Ok(Served {
            fresh_for: fresh_for(&said(&answer), FRESH_SECONDS, now),
            body: answer.body,
        })
    }
}

/// What an answer says of how long it is good.
pub(super) fn said(answer: &Answer) -> Said<'_> {
    let first = |name| answer.texts(name).first().copied();
    Said {
        cache_control: answer.texts(CACHE_CONTROL),
        age: first(AGE),
        date: first(DATE),
        expires: first(EXPIRES),
    }
}

/// `application/json`, or a type that is JSON by its suffix.
fn is_json(headers: &HeaderMap) -> bool {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A lock that is never held across an `await`; what it guards is whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
