//! The authentication request without a browser (OpenID Connect CIBA Core 1.0 section 7.1), read from its parameters.
//!
//! `acr_values` is a wish, as it is in a browser, and fails no request: the ID token says what was proven ([`super::acr`]).
//!
//! Does not decide whom a hint names: that is asked of the database, and a name that nobody has is no error (SECURITY row 39).

use super::authorization_details::AuthorizationDetails;
use super::authorize;
use super::client::Client;
use super::error::{ErrorCode, Fault};
use super::params::Params;
use super::resource::{self, Allowed};
use super::scope::{OPENID, ScopeSet};
use crate::base::secret::Secret;
use crate::base::time::Seconds;

/// How long a request waits for the person unless the client says otherwise.
const EXPIRES_IN: Seconds = Seconds::new(300);
/// The longest that it may wait.
const EXPIRES_IN_LONGEST: Seconds = Seconds::new(600);
/// Longest binding message, in characters: it must fit on a small screen beside the client's own.
const BINDING_MESSAGE_CHARS: usize = 128;
/// Longest notification token, in bytes (section 7.1).
const NOTIFICATION_TOKEN_BYTES: usize = 1_024;

/// Whom the client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// What the person signs in with.
    Login(String),
    /// An ID token of the person's.
    IdToken(String),
}

/// A request that is well formed and within the client's registration.
#[derive(Clone, Debug)]
pub struct BackchannelRequest {
    /// What is asked for.
    pub scope: ScopeSet,
    /// The services that the tokens are for (RFC 8707); none for the issuer's own.
    pub resources: Vec<String>,
    /// And what beyond scopes.
    pub authorization_details: AuthorizationDetails,
    /// Whom.
    pub hint: Hint,
    /// What the person compares with the client's screen.
    pub binding_message: Option<String>,
    /// How long the request waits.
    pub expires_in: Seconds,
    /// What the ping carries, of a client that wants one.
    pub notification_token: Option<Secret<String>>,
}

/// Reads a request.
pub fn parse(params: &Params, client: &Client, issuer: &str) -> Result<BackchannelRequest, Fault> {
    params.require("scope")?;
    let scope = authorize::scope(params, client)?;
    if !scope.contains(OPENID) {
        return Err(Fault::new(
            ErrorCode::InvalidScope,
            "`scope` must name openid, and the client must be registered for it",
        ));
    }
    let types = &client.settings.metadata.details.authorization_details_types;
    Ok(BackchannelRequest {
        scope,
        resources: resource::wanted(params, Allowed::of(client, issuer))?,
        authorization_details: AuthorizationDetails::of_request(params, types)?,
        hint: hint(params)?,
        binding_message: binding_message(params)?,
        expires_in: expires_in(params)?,
        notification_token: notification_token(params, client)?,
    })
}

/// One hint and only one (section 7.1).
fn hint(params: &Params) -> Result<Hint, Fault> {
    let login = params.get("login_hint");
    let id_token = params.get("id_token_hint");
    match (login, id_token, params.get("login_hint_token")) {
        (Some(login), None, None) => Ok(Hint::Login(login.to_owned())),
        (None, Some(id_token), None) => Ok(Hint::IdToken(id_token.to_owned())),
        (None, None, Some(_)) => Err(Fault::invalid_request(
            "`login_hint_token` is not supported; send `login_hint` or `id_token_hint`",
        )),
        _ => Err(Fault::invalid_request(
            "send `login_hint` or `id_token_hint`, and only one of them",
        )),
    }
}

fn binding_message(params: &Params) -> Result<Option<String>, Fault> {
    let Some(text) = params.get("binding_message") else {
        return Ok(None);
    };
    let unfit = text.chars().count() > BINDING_MESSAGE_CHARS || text.chars().any(char::is_control);
    if unfit {
        return Err(Fault::new(
            ErrorCode::InvalidBindingMessage,
            format!(
                "`binding_message` must be at most {BINDING_MESSAGE_CHARS} characters on one line"
            ),
        ));
    }
    Ok(Some(text.to_owned()))
}

/// As long as the client asks for, but not for ever.
fn expires_in(params: &Params) -> Result<Seconds, Fault> {
    let Some(text) = params.get("requested_expiry") else {
        return Ok(EXPIRES_IN);
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(seconds) if digits && seconds > 0 => Ok(Seconds::new(seconds).min(EXPIRES_IN_LONGEST)),
        Err(_) if digits => Ok(EXPIRES_IN_LONGEST),
        _ => Err(Fault::invalid_request(
            "`requested_expiry` must be a positive number of seconds",
        )),
    }
}

/// Required of a client that wants pings, and of no use to another.
fn notification_token(params: &Params, client: &Client) -> Result<Option<Secret<String>>, Fault> {
    if client.settings.metadata.ciba.pinged_at().is_none() {
        return Ok(None);
    }
    let token = params.require("client_notification_token")?;
    // RFC 6750 section 2.1: it becomes a bearer token.
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.len() > NOTIFICATION_TOKEN_BYTES || !token.bytes().all(known) {
        return Err(Fault::invalid_request(format!(
            "`client_notification_token` must be a bearer token of at most {NOTIFICATION_TOKEN_BYTES} bytes"
        )));
    }
    Ok(Some(Secret::new(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::oauth::protocol::client::{ClientId, ClientState};
    use crate::oauth::protocol::registration::NewClient;

    fn client(mode: &str) -> Client {
        let new = NewClient {
            client_id: Some("till".to_owned()),
            grant_types: Some(vec!["urn:openid:params:grant-type:ciba".to_owned()]),
            scope: Some("openid profile".to_owned()),
            backchannel_token_delivery_mode: Some(mode.to_owned()),
            backchannel_client_notification_endpoint: Some("https://till.example/ping".to_owned()),
            ..NewClient::default()
        };
        Client {
            client_id: ClientId::parse("till").unwrap(),
            settings: new.check().unwrap().settings,
            secret_mac: None,
            sealed_secret: None,
            former_secret: None,
            origin: crate::oauth::protocol::client::Origin::Operator,
            state: ClientState::Active,
            created_at: Timestamp::from_ms(0),
            updated_at: Timestamp::from_ms(0),
        }
    }

    #[track_caller]
    fn check(mode: &str, raw: &str, expect: &str) {
        let params = Params::parse(raw.as_bytes()).unwrap();
        let found = match parse(&params, &client(mode), "https://id.example") {
            Ok(request) => format!("{} {}", request.scope, request.expires_in.get()),
            Err(fault) => fault.code.as_str().to_owned(),
        };
        assert_eq!(found, expect, "{raw}");
    }

    #[test]
    fn a_request_has_openid_one_hint_and_a_bounded_life() {
        for (raw, expect) in [
            ("scope=openid&login_hint=alice", "openid 300"),
            ("scope=openid+more&id_token_hint=x", "openid 300"),
            ("scope=openid&login_hint=a&requested_expiry=60", "openid 60"),
            (
                "scope=openid&login_hint=a&requested_expiry=601",
                "openid 600",
            ),
            (
                "scope=openid&login_hint=a&requested_expiry=99999999999999999999",
                "openid 600",
            ),
            (
                "scope=openid&login_hint=a&requested_expiry=0",
                "invalid_request",
            ),
            (
                "scope=openid&login_hint=a&requested_expiry=-1",
                "invalid_request",
            ),
            (
                "scope=openid&login_hint=a&requested_expiry=%2B5",
                "invalid_request",
            ),
            (
                "scope=openid&login_hint=a&requested_expiry=soon",
                "invalid_request",
            ),
            ("login_hint=alice", "invalid_request"),
            ("scope=profile&login_hint=alice", "invalid_scope"),
            ("scope=other&login_hint=alice", "invalid_scope"),
            ("scope=openid", "invalid_request"),
            (
                "scope=openid&login_hint=a&id_token_hint=b",
                "invalid_request",
            ),
            ("scope=openid&login_hint_token=a", "invalid_request"),
            (
                "scope=openid&login_hint=a&acr_values=phr+urn:x",
                "openid 300",
            ),
            (
                "scope=openid&login_hint=a&resource=https://id.example",
                "openid 300",
            ),
            (
                "scope=openid&login_hint=a&resource=https://api.example",
                "invalid_target",
            ),
            (
                "scope=openid&login_hint=a&binding_message=W4SCT",
                "openid 300",
            ),
            (
                "scope=openid&login_hint=a&binding_message=a%0Ab",
                "invalid_binding_message",
            ),
        ] {
            check("poll", raw, expect);
        }
        let long = format!(
            "scope=openid&login_hint=a&binding_message={}",
            "x".repeat(129)
        );
        check("poll", &long, "invalid_binding_message");
    }

    #[test]
    fn a_client_that_wants_pings_sends_a_token_for_them() {
        let with =
            |token: &str| format!("scope=openid&login_hint=a&client_notification_token={token}");
        check("ping", &with("8d67dc78-7faa"), "openid 300");
        check("ping", &with(""), "invalid_request");
        check("ping", &with("a%20b"), "invalid_request");
        check("ping", &with(&"x".repeat(1_025)), "invalid_request");
        check("poll", &with("a%20b"), "openid 300");
    }
}
