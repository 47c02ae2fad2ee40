//! What logout says to clients: the logout token, the front-channel request, and the state that an application's frame compares.
//!
//! OpenID Connect Back-Channel Logout 1.0 section 2.4, Front-Channel Logout 1.0 section 3, Session Management 1.0 section 3.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::claims::new_jti;
use super::redirect_uri::with_query;
use crate::base::id::SessionId;
use crate::base::secret::sha256;
use crate::base::time::{Seconds, Timestamp};

/// What a logout token's one event is called.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a logout token is good: it is signed when it is sent (section 2.4 recommends two minutes at most).
const TTL_SECONDS: Seconds = Seconds::new(120);

/// A logout token's claims. There is never a `nonce`, so that none passes for an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutClaims {
    /// The issuer.
    pub iss: String,
    /// Who is signed out, as the client knows them.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Issued at, in seconds.
    pub iat: i64,
    /// Expires at, in seconds.
    pub exp: i64,
    /// Random.
    pub jti: String,
    /// The event, with nothing more to say about it.
    pub events: BTreeMap<String, BTreeMap<String, String>>,
    /// The sign-in that ended.
    pub sid: SessionId,
}

impl LogoutClaims {
    /// Tells the client `aud` at `now` that the session `sid` of `sub` has ended.
    pub fn new((iss, aud): (&str, &str), sub: &str, sid: SessionId, now: Timestamp) -> Self {
        Self {
            iss: iss.to_owned(),
            sub: sub.to_owned(),
            aud: aud.to_owned(),
            iat: now.seconds(),
            exp: now.plus(TTL_SECONDS).seconds(),
            jti: new_jti(None),
            events: BTreeMap::from([(EVENT.to_owned(), BTreeMap::new())]),
            sid,
        }
    }
}

/// What the signed-out page loads in a frame.
pub fn frontchannel_request(uri: &str, iss: &str, sid: &SessionId) -> String {
    with_query(uri, &[("iss", iss), ("sid", sid.as_str())])
}

/// The `session_state` of an authorization answer: the check-session frame computes it again from the cookie `browser_state`.
pub fn session_state(client_id: &str, origin: &str, browser_state: &str, salt: &str) -> String {
    let digest = sha256(format!("{client_id} {origin} {browser_state} {salt}").as_bytes());
    let mut text = String::with_capacity(64 + 1 + salt.len());
    for byte in digest.as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('.');
    text.push_str(salt);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_token_has_its_event_and_no_nonce() {
        let sid = SessionId::new(Timestamp::from_ms(0));
        let now = Timestamp::from_seconds(100);
        let claims = LogoutClaims::new(("https://id.example", "web"), "usr", sid.clone(), now);
        let json = serde_json::to_value(&claims).unwrap();
        assert_eq!(
            json["events"],
            serde_json::json!({ "http://schemas.openid.net/event/backchannel-logout": {} })
        );
        assert_eq!(
            (json["iat"].as_i64(), json["exp"].as_i64()),
            (Some(100), Some(220))
        );
        assert_eq!(json["sid"], sid.as_str());
        assert!(json.get("nonce").is_none());
        let other = LogoutClaims::new(("https://id.example", "web"), "usr", sid, now);
        assert_ne!(claims.jti, other.jti);
    }

    #[test]
    fn the_frame_gets_issuer_and_session_beside_its_own_query() {
        let sid = SessionId::new(Timestamp::from_ms(0));
        assert_eq!(
            frontchannel_request("https://app.example/out?x=1", "https://id.example", &sid),
            format!("https://app.example/out?x=1&iss=https%3A%2F%2Fid.example&sid={sid}")
        );
    }

    #[test]
    fn the_state_is_the_hash_of_all_four_with_the_salt_behind() {
        // printf 'web https://app.example b s' | sha256sum
        let state = session_state("web", "https://app.example", "b", "s");
        let digest = "68e176bdcfd0fe6149eac330e33fac5fdfdb7eaf307b2653f2717d4960481b9c";
        assert_eq!(state, format!("{digest}.s"));
        for other in [
            session_state("web2", "https://app.example", "b", "s"),
            session_state("web", "https://app2.example", "b", "s"),
            session_state("web", "https://app.example", "c", "s"),
            session_state("web", "https://app.example", "b", "t"),
        ] {
            assert_ne!(state, other);
        }
    }
}
