//! Polling for a person's decision: what one token request learns (RFC 8628 section 3.5, OpenID Connect CIBA Core 1.0
//! section 11). The device grant and CIBA share it.

use super::authorization_details::AuthorizationDetails;
use super::client::words;
use super::error::{ErrorCode, Fault};
use super::scope::ScopeSet;
use crate::base::id::{SessionId, UserId};
use crate::base::time::{Seconds, Timestamp};

/// How long a client waits between two polls at first (RFC 8628 section 3.2).
pub const INTERVAL: Seconds = Seconds::new(5);
/// How much longer after each poll that came too soon (section 3.5).
pub const INTERVAL_STEP: Seconds = Seconds::new(5);
/// The longest wait that this leads to, so that a client which once ran wild still gets its tokens.
pub const INTERVAL_LONGEST: Seconds = Seconds::new(60);
/// How much early is not yet too soon: networks are not clocks.
pub const LEEWAY: Seconds = Seconds::new(1);

words! {
    /// Where a request for a decision stands.
    State {
        /// Nobody decided.
        Pending = "pending",
        /// The person agreed.
        Approved = "approved",
        /// The person refused.
        Denied = "denied",
        /// The client has its tokens.
        Redeemed = "redeemed",
    }
}

/// What the person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

impl Decision {
    /// The state that it leads to.
    pub const fn state(self) -> State {
        match self {
            Self::Approve => State::Approved,
            Self::Deny => State::Denied,
        }
    }
}

/// Who agreed, in which sign-in, to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// To what.
    pub scope: ScopeSet,
    /// And to what beyond scopes.
    pub authorization_details: AuthorizationDetails,
    /// Who.
    pub user_id: UserId,
    /// In which sign-in.
    pub session_id: SessionId,
    /// When that was.
    pub auth_time: Timestamp,
    /// How.
    pub amr: Vec<String>,
}

/// A request as one poll found it, the poll itself noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Where it stands.
    pub state: State,
    /// Whether the poll came before its time.
    pub too_soon: bool,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What the poll learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The person agreed: hand out tokens, once.
    Redeem,
    /// Ask again later.
    Pending,
    /// Ask again later, and less often.
    SlowDown,
    /// The person refused.
    Denied,
    /// Nobody decided in time, or the client did not ask in time.
    Expired,
    /// The tokens were handed out already.
    Spent,
}

/// Decides what a poll learns. An approved request is redeemed however soon the poll came: there is nothing left to wait for.
pub fn decide(poll: Poll, now: Timestamp) -> Answer {
    let expired = poll.expires_at <= now;
    match poll.state {
        State::Redeemed => Answer::Spent,
        State::Denied if !expired => Answer::Denied,
        State::Approved if !expired => Answer::Redeem,
        State::Pending if !expired && poll.too_soon => Answer::SlowDown,
        State::Pending if !expired => Answer::Pending,
        State::Denied | State::Approved | State::Pending => Answer::Expired,
    }
}

impl Answer {
    /// The error that the client gets; `None` when it gets tokens. `what` is the name of the parameter that it polls with.
    pub fn fault(self, what: &str) -> Option<Fault> {
        let (code, description) = match self {
            Self::Redeem => return None,
            Self::Pending => (
                ErrorCode::AuthorizationPending,
                "nobody has decided yet; ask again after the interval".to_owned(),
            ),
            Self::SlowDown => (
                ErrorCode::SlowDown,
                format!(
                    "nobody has decided yet, and this came too soon; wait {} seconds longer each time from now on",
                    INTERVAL_STEP.get()
                ),
            ),
            Self::Denied => (ErrorCode::AccessDenied, "the person refused".to_owned()),
            Self::Expired => (
                ErrorCode::ExpiredToken,
                format!("`{what}` has expired; begin again"),
            ),
            Self::Spent => (
                ErrorCode::InvalidGrant,
                format!("`{what}` was used already; begin again"),
            ),
        };
        Some(Fault::new(code, description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: State, too_soon: bool, seconds_left: i64, expect: &str) {
        let now = Timestamp::from_seconds(1_000);
        let poll = Poll {
            state,
            too_soon,
            expires_at: now.plus(Seconds::new(seconds_left)),
        };
        let answer = decide(poll, now).fault("device_code");
        let code = answer.map_or("ok", |fault| fault.code.as_str());
        assert_eq!(code, expect, "{poll:?}");
    }

    #[test]
    fn a_poll_learns_what_rfc_8628_says() {
        for (state, too_soon, seconds_left, expect) in [
            (State::Pending, false, 1, "authorization_pending"),
            (State::Pending, true, 1, "slow_down"),
            (State::Approved, false, 1, "ok"),
            (State::Approved, true, 1, "ok"),
            (State::Denied, false, 1, "access_denied"),
            (State::Denied, true, 1, "access_denied"),
            (State::Redeemed, false, 1, "invalid_grant"),
            (State::Redeemed, true, -1, "invalid_grant"),
            (State::Pending, false, 0, "expired_token"),
            (State::Pending, true, 0, "expired_token"),
            (State::Approved, false, 0, "expired_token"),
            (State::Denied, false, 0, "expired_token"),
        ] {
            check(state, too_soon, seconds_left, expect);
        }
    }
}
