//! What an OAuth operation can fail with: a fault of the request, or one of ours.

use super::keys::KeysError;
use super::protocol::error::{ErrorCode, Fault};
use crate::base::time::Seconds;
use crate::policy::PolicyError;
use crate::store::StoreError;
use crate::store::seal::SealError;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The request is at fault.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The client did not prove who it is.
    #[error("{fault}")]
    Client {
        /// What was wrong.
        fault: Fault,
        /// Whether it tried HTTP Basic: then the answer carries a challenge (RFC 6749 section 5.2).
        tried_basic: bool,
    },
    /// A client's secret was guessed too often; when to try again.
    #[error("the client's secret was wrong too often; wait, then send the right one")]
    Throttled(Seconds),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys failed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A sealed value failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The permissions could not be asked.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A rule of ours does not hold.
    #[error("a refresh family is not consistent: {0}")]
    Inconsistent(&'static str),
}

impl OAuthError {
    /// An `invalid_grant`.
    pub fn invalid_grant(description: impl std::fmt::Display) -> Self {
        Self::Fault(Fault::invalid_grant(description))
    }

    /// An `invalid_scope`.
    pub fn invalid_scope(description: impl std::fmt::Display) -> Self {
        Self::Fault(Fault::new(ErrorCode::InvalidScope, description))
    }
}
