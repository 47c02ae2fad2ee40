//! The keys of clients: as registered, or as published at their `jwks_uri`.
//!
//! What is fetched is kept for a while, for a bounded number of addresses. However many requests wait for the same keys, one fetches them. Keys
//! that do not hold what is sought are fetched again, but not more often than the pause; a fetch that fails leaves the keys as they were,
//! until they are too old to be trusted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::ACCEPT;

use super::client_documents::said;
use super::protocol::client::ClientKeys;
use super::protocol::freshness::{Bounds, fresh_for};
use super::protocol::key_set::KeySet;
use super::protocol::web_uri::WebUri;
use crate::base::time::{Seconds, Timestamp};
use crate::outbound::Outbound;

/// How long fetched keys are used without looking again: a key that the client withdraws works as long as its own server says, an hour at most.
const FRESH_SECONDS: Bounds = Bounds {
    least: 60,
    otherwise: 300,
    most: 3_600,
};
/// How long fetched keys are used while the address does not answer.
const STALE_SECONDS: Seconds = Seconds::new(86_400);
/// Shortest time between two fetches of one address: requests with invented key ids must not become requests to others.
const PAUSE_SECONDS: Seconds = Seconds::new(10);
/// Addresses that are remembered.
const ADDRESSES: usize = 1_000;

/// Finds the keys of clients. Shared by all requests.
#[derive(Debug)]
pub struct RemoteKeys {
    outbound: Outbound,
    places: Mutex<HashMap<WebUri, Arc<Place>>>,
}

/// One address.
#[derive(Debug, Default)]
struct Place {
    known: Mutex<Known>,
    /// Whose turn it is to fetch.
    turn: tokio::sync::Mutex<()>,
}

/// What is known of one address.
#[derive(Clone, Debug, Default)]
struct Known {
    keys: Option<Arc<KeySet>>,
    fetched_at: Option<Timestamp>,
    fresh_until: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl RemoteKeys {
    /// Nothing is known yet.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            places: Mutex::default(),
        }
    }

    /// The client's keys, fetched again if none has this id.
    pub async fn of(
        &self,
        registered: &ClientKeys,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Option<Arc<KeySet>> {
        self.find(registered, now, |set| kid.is_none_or(|kid| set.has(kid)))
            .await
    }

    /// The client's keys, fetched again if they do not hold what is sought. They need not hold it all the same.
    pub async fn find(
        &self,
        registered: &ClientKeys,
        now: Timestamp,
        holds: impl Fn(&KeySet) -> bool,
    ) -> Option<Arc<KeySet>> {
        if let Some(keys) = &registered.jwks {
            return Some(Arc::new(keys.clone()));
        }
        let uri = registered.jwks_uri.as_ref()?;
        let place = self.place(uri, now);
        let suffices = |known: &Known| {
            let fresh = known.fresh_until.is_some_and(|until| now < until);
            known.keys.clone().filter(|set| fresh && holds(set))
        };
        if let Some(keys) = suffices(&lock(&place.known)) {
            return Some(keys);
        }
        let _turn = place.turn.lock().await;
        let known = lock(&place.known).clone();
        if let Some(keys) = suffices(&known) {
            return Some(keys);
        }
        let due = known
            .tried_at
            .is_none_or(|tried_at| tried_at.plus(PAUSE_SECONDS) <= now);
        if due {
            lock(&place.known).tried_at = Some(now);
            match self.fetch(uri, now).await {
                Ok((keys, fresh_for)) => {
                    let mut known = lock(&place.known);
                    known.keys = Some(Arc::new(keys));
                    known.fetched_at = Some(now);
                    known.fresh_until = Some(now.plus(fresh_for));
                }
                Err(reason) => {
                    tracing::warn!(
                        uri = uri.as_str(),
                        reason,
                        "a client's keys could not be fetched"
                    );
                }
            }
        }
        let known = lock(&place.known);
        let usable = known.is_younger(STALE_SECONDS, now);
        known.keys.clone().filter(|_| usable)
    }

    /// The place of an address; a full table forgets the one that was tried the longest ago.
    fn place(&self, uri: &WebUri, now: Timestamp) -> Arc<Place> {
        let mut places = lock(&self.places);
        if places.len() >= ADDRESSES && !places.contains_key(uri) {
            let tried_at = |place: &Arc<Place>| lock(&place.known).tried_at.unwrap_or(now);
            let oldest = places
                .iter()
                .min_by_key(|(_, place)| tried_at(place))
                .map(|(uri, _)| uri.clone());
            if let Some(oldest) = oldest {
                places.remove(&oldest);
            }
        }
        Arc::clone(places.entry(uri.clone()).or_default())
    }

    async fn fetch(&self, uri: &WebUri, now: Timestamp) -> Result<(KeySet, Seconds), String> {
        let request = http::Request::get(uri.as_str())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        let answer = self
            .outbound
            .send(request)
            .await
            .map_err(|error| error.to_string())?;
        if answer.status != http::StatusCode::OK {
            return Err(format!("the answer was {}", answer.status));
        }
        let value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let keys = KeySet::usable(&value).map_err(|error| error.to_string())?;
        Ok((keys, fresh_for(&said(&answer), FRESH_SECONDS, now)))
    }
}

impl Known {
    fn is_younger(&self, age: Seconds, now: Timestamp) -> bool {
        self.fetched_at
            .is_some_and(|fetched_at| now < fetched_at.plus(age))
    }
}

/// A lock that is never held across an `await`; what it guards is whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
