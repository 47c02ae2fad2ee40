//! What the tables have in common that clients poll: `device_authorizations` and `backchannel_requests`.

use super::{FromRow, Row, StoreError};
use crate::base::id::{SessionId, UserId};
use crate::base::time::Timestamp;
use crate::oauth::protocol::authorization_details::AuthorizationDetails;
use crate::oauth::protocol::polling::{Approval, Poll, State};
use crate::oauth::protocol::scope::ScopeSet;

/// Who decides.
#[derive(Clone, Debug)]
pub struct Decider {
    /// Who.
    pub user_id: UserId,
    /// In which sign-in.
    pub session_id: SessionId,
    /// When that was.
    pub auth_time: Timestamp,
    /// How.
    pub amr: Vec<&'static str>,
}

/// A poll, noted, with the row that it belongs to.
#[derive(Clone, Debug)]
pub struct Polled {
    /// The row.
    pub id: String,
    /// What the poll found.
    pub poll: Poll,
}

impl FromRow for Polled {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let state: String = row.get("state")?;
        Ok(Self {
            id: row.get("id")?,
            poll: Poll {
                state: State::parse(&state)
                    .ok_or_else(|| StoreError::corrupt("state", "no such state"))?,
                too_soon: row.get("too_soon")?,
                expires_at: row.time("expires_at")?,
            },
        })
    }
}

impl FromRow for Approval {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let text = |column: &'static str| row.get::<String, _>(column);
        Ok(Self {
            scope: scope(row)?,
            authorization_details: details(row)?,
            user_id: UserId::parse(&text("user_id")?)
                .map_err(|error| StoreError::corrupt("user_id", &error))?,
            session_id: SessionId::parse(&text("session_id")?)
                .map_err(|error| StoreError::corrupt("session_id", &error))?,
            auth_time: row.time("auth_time")?,
            amr: text("amr")?.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// The row's authorization details.
pub(super) fn details(row: Row<'_>) -> Result<AuthorizationDetails, StoreError> {
    serde_json::from_str(&row.get::<String, _>("authorization_details")?)
        .map_err(|error| StoreError::corrupt("authorization_details", &error))
}

/// Authorization details as they are kept.
pub(super) fn details_text(details: &AuthorizationDetails) -> Result<String, StoreError> {
    serde_json::to_string(details)
        .map_err(|error| StoreError::corrupt("authorization_details", &error))
}

/// The row's scopes.
pub(super) fn scope(row: Row<'_>) -> Result<ScopeSet, StoreError> {
    ScopeSet::parse(&row.get::<String, _>("scope")?)
        .map_err(|error| StoreError::corrupt("scope", &error))
}
