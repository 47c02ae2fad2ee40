//! How long access lasts that a person gives to a client: what consent pages say (SECURITY R58).

use super::protocol::client::{Client, GrantType};
use super::protocol::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::base::time::Seconds;
use crate::config::Tokens;

/// How long access lasts, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// So long, and no longer: the client cannot renew it.
    Short(Seconds),
    /// While the person is signed in, and at most so long.
    SignIn(Seconds),
    /// So long, whether the person is signed in or not.
    Offline(Seconds),
}

impl Duration {
    /// How long a client may use what a person gives it now.
    pub fn of(client: &Client, scope: &ScopeSet, tokens: &Tokens) -> Self {
        if !client.may_use(GrantType::RefreshToken) {
            Self::Short(tokens.access_token_ttl_seconds)
        } else if scope.contains(OFFLINE_ACCESS) {
            Self::Offline(tokens.refresh_token_ttl_seconds)
        } else {
            Self::SignIn(tokens.refresh_token_ttl_seconds)
        }
    }
}
