//! The authorization request: what it asks (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1).
//!
//! Until client and redirect URI are verified, an error may only be shown on our own page; afterwards it goes back by
//! redirect. The two are different variants, so that an unverified URI cannot be used. What happens to a request that is in order is
//! decided in [`super::authorize_step`]. `display`, `ui_locales`, `acr_values`, `claims` and unknown parameters are ignored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::client::{AuthMethod, Client, ClientId, GrantType, words};
use super::dpop::{self, Thumbprint};
use super::error::{ErrorCode, Fault, quoted};
use super::params::Params;
use super::pkce::CodeChallenge;
use super::redirect_uri::with_query;
use super::scope::{OFFLINE_ACCESS, OPENID, ScopeSet};

/// The one response type.
pub const RESPONSE_TYPE: &str = "code";
/// The one response mode.
pub const RESPONSE_MODE: &str = "query";

words! {
    /// What the client wants the person to be asked.
    Prompt {
        /// Nothing: fail rather than show a page.
        None = "none",
        /// To sign in again.
        Login = "login",
        /// To agree again.
        Consent = "consent",
        /// To choose an account.
        SelectAccount = "select_account",
    }
}

/// A request whose client and redirect URI are verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// The client.
    pub client_id: String,
    /// Where the answer goes: registered for the client.
    pub redirect_uri: String,
    /// Whether the request named it: then the token request must too (RFC 6749 section 4.1.3).
    pub redirect_uri_sent: bool,
    /// Comes back with the answer.
    pub state: Option<String>,
    /// What is asked for, within what the client may ask for.
    pub scope: ScopeSet,
    /// Comes back in the ID token.
    pub nonce: Option<String>,
    /// PKCE.
    pub code_challenge: Option<CodeChallenge>,
    /// What the person must be asked.
    pub prompt: BTreeSet<Prompt>,
    /// How long ago the person may have signed in, in seconds.
    pub max_age: Option<i64>,
    /// Whom the client expects, in the person's own words.
    pub login_hint: Option<String>,
    /// Whom the client expects: an ID token, not verified yet.
    pub id_token_hint: Option<String>,
    /// The key that the code will be bound to (RFC 9449 section 10).
    #[serde(default)]
    pub dpop_jkt: Option<Thumbprint>,
}

/// A request that is not in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizeError {
    /// Client or redirect URI are not verified: the fault stays on our page (RFC 6749 section 4.1.2.1).
    ShowPage(Fault),
    /// The fault goes to the client.
    RedirectBack(Redirect),
}

/// An answer on its way to the client's verified redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    uri: String,
    state: Option<String>,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Code(String),
    Fault(Fault),
}

impl Redirect {
    /// The URL to send the browser to; `iss` stands in every answer (RFC 9207 section 2).
    pub fn url(&self, issuer: &str) -> String {
        let mut parameters = match &self.outcome {
            Outcome::Code(code) => vec![("code", code.as_str())],
            Outcome::Fault(fault) => vec![
                ("error", fault.code.as_str()),
                ("error_description", fault.description.as_str()),
            ],
        };
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        parameters.push(("iss", issuer));
        with_query(&self.uri, &parameters)
    }
}

impl AuthorizeRequest {
    /// The answer with a code.
    pub fn answer_code(&self, code: &str) -> Redirect {
        self.answer(Outcome::Code(code.to_owned()))
    }

    /// The answer with a fault.
    pub fn answer_fault(&self, fault: Fault) -> Redirect {
        self.answer(Outcome::Fault(fault))
    }

    fn answer(&self, outcome: Outcome) -> Redirect {
        Redirect {
            uri: self.redirect_uri.clone(),
            state: self.state.clone(),
            outcome,
        }
    }
}

/// The client id of the request, to look the client up.
pub fn client_id(params: &Params) -> Result<ClientId, Fault> {
    if params.is_repeated("client_id") {
        return Err(Fault::invalid_request(
            "the parameter `client_id` stands more than once; send it once",
        ));
    }
    let text = params.require("client_id")?;
    ClientId::parse(text)
        .map_err(|_| Fault::invalid_request(format!("no client is called {}", quoted(text))))
}

/// Reads the request of an active client.
pub fn parse(params: &Params, client: &Client) -> Result<AuthorizeRequest, AuthorizeError> {
    let (redirect_uri, sent) = redirect_uri(params, client).map_err(AuthorizeError::ShowPage)?;
    let back = |fault| {
        AuthorizeError::RedirectBack(Redirect {
            uri: redirect_uri.to_owned(),
            state: params.get("state").map(str::to_owned),
            outcome: Outcome::Fault(fault),
        })
    };
    check_supported(params, client).map_err(back)?;
    Ok(AuthorizeRequest {
        client_id: client.client_id.as_str().to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        redirect_uri_sent: sent,
        state: params.get("state").map(str::to_owned),
        scope: scope(params, client).map_err(back)?,
        nonce: params.get("nonce").map(str::to_owned),
        code_challenge: code_challenge(params, client).map_err(back)?,
        prompt: prompt(params).map_err(back)?,
        max_age: max_age(params).map_err(back)?,
        login_hint: params.get("login_hint").map(str::to_owned),
        id_token_hint: params.get("id_token_hint").map(str::to_owned),
        dpop_jkt: dpop::code_key(params, None).map_err(back)?,
    })
}

/// The verified redirect URI, and whether the request named it.
fn redirect_uri<'a>(params: &'a Params, client: &'a Client) -> Result<(&'a str, bool), Fault> {
    let registered = &client.settings.redirect_uris;
    if params.is_repeated("redirect_uri") {
        return Err(Fault::invalid_request(
            "the parameter `redirect_uri` stands more than once; send it once",
        ));
    }
    if let Some(presented) = params.get("redirect_uri") {
        return if registered.iter().any(|uri| uri.matches(presented)) {
            Ok((presented, true))
        } else {
            Err(Fault::invalid_request(format!(
                "the redirect URI {} is not registered for this client; register exactly this text",
                quoted(presented)
            )))
        };
    }
    // OpenID Connect Core 1.0 section 3.1.2.1 requires it; RFC 6749 section 3.1.2.3 where there is a choice.
    let is_openid = params
        .get("scope")
        .is_some_and(|scope| scope.split(' ').any(|scope| scope == OPENID));
    match registered.as_slice() {
        [only] if !is_openid => Ok((only.as_str(), false)),
        _ => Err(Fault::invalid_request(
            "the parameter `redirect_uri` is missing; send one that is registered",
        )),
    }
}

fn check_supported(params: &Params, client: &Client) -> Result<(), Fault> {
    params.check_unrepeated()?;
    for (name, code) in [
        ("request", ErrorCode::RequestNotSupported),
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            let description =
                format!("the parameter `{name}` is not supported; send its content as parameters");
            return Err(Fault::new(code, description));
        }
    }
    let response_type = params.require("response_type")?;
    if response_type != RESPONSE_TYPE {
        return Err(Fault::new(
            ErrorCode::UnsupportedResponseType,
            format!(
                "the response type {} is not supported; use `{RESPONSE_TYPE}`",
                quoted(response_type)
            ),
        ));
    }
    if let Some(mode) = params
        .get("response_mode")
        .filter(|mode| *mode != RESPONSE_MODE)
    {
        return Err(Fault::invalid_request(format!(
            "the response mode {} is not supported; use `{RESPONSE_MODE}`",
            quoted(mode)
        )));
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(Fault::new(
            ErrorCode::UnauthorizedClient,
            "this client is not registered for the grant type authorization_code",
        ));
    }
    Ok(())
}

/// Scopes beyond the client's are left out, as OpenID Connect Core 1.0 section 3.1.2.1 wants of unknown ones; nothing left is a
/// fault. Without the parameter the client gets what it is registered for, save what it must ask for: offline access.
pub(crate) fn scope(params: &Params, client: &Client) -> Result<ScopeSet, Fault> {
    let registered = &client.settings.scope;
    let Some(text) = params.get("scope") else {
        return Ok(registered.clone().without(OFFLINE_ACCESS));
    };
    let invalid = |description: String| Fault::new(ErrorCode::InvalidScope, description);
    let wanted = ScopeSet::parse(text).map_err(|error| invalid(error.to_string()))?;
    let mut scope = wanted.intersection(registered);
    if !client.may_use(GrantType::RefreshToken) {
        scope = scope.without(OFFLINE_ACCESS);
    }
    if scope.is_empty() {
        return Err(invalid(format!(
            "none of the scopes {} is registered for this client",
            quoted(text)
        )));
    }
    Ok(scope)
}

/// Mandatory, but for a confidential client that is registered otherwise (RFC 9700 section 2.1.1).
fn code_challenge(params: &Params, client: &Client) -> Result<Option<CodeChallenge>, Fault> {
    let challenge = CodeChallenge::of_request(params)?;
    let settings = &client.settings;
    let required = settings.require_pkce || settings.token_endpoint_auth_method == AuthMethod::None;
    if challenge.is_none() && required {
        return Err(Fault::invalid_request(
            "`code_challenge` is missing; send one made by S256 (RFC 7636)",
        ));
    }
    Ok(challenge)
}

fn prompt(params: &Params) -> Result<BTreeSet<Prompt>, Fault> {
    let mut prompts = BTreeSet::new();
    for word in params.get("prompt").unwrap_or_default().split(' ') {
        if word.is_empty() {
            continue;
        }
        let prompt = Prompt::parse(word).ok_or_else(|| {
            Fault::invalid_request(format!(
                "the prompt {} is unknown; use none, login, consent or select_account",
                quoted(word)
            ))
        })?;
        prompts.insert(prompt);
    }
    if prompts.contains(&Prompt::None) && prompts.len() > 1 {
        return Err(Fault::invalid_request(
            "prompt `none` cannot stand with another one",
        ));
    }
    Ok(prompts)
}

fn max_age(params: &Params) -> Result<Option<i64>, Fault> {
    let parse = |text: &str| {
        text.parse::<u32>().map(i64::from).map_err(|_| {
            Fault::invalid_request(format!(
                "max_age {} is not a number of seconds",
                quoted(text)
            ))
        })
    };
    params.get("max_age").map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::oauth::protocol::client::ClientState;
    use crate::oauth::protocol::registration::NewClient;

    const OK: &str = "response_type=code&client_id=web&redirect_uri=https://app.example/cb&scope=openid+email&state=s\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn client(change: impl FnOnce(&mut NewClient)) -> Client {
        let mut new = NewClient {
            client_id: Some("web".to_owned()),
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            scope: Some("openid email offline_access".to_owned()),
            ..NewClient::default()
        };
        change(&mut new);
        let checked = new.check().unwrap();
        Client {
            client_id: checked.client_id.unwrap(),
            settings: checked.settings,
            secret_mac: None,
            sealed_secret: None,
            former_secret: None,
            state: ClientState::Active,
            created_at: Timestamp::from_ms(0),
            updated_at: Timestamp::from_ms(0),
        }
    }

    /// `ok SCOPE`, `page CODE` or `back CODE`.
    fn outcome(raw: &str, client: &Client) -> String {
        let params = Params::parse(raw.as_bytes()).unwrap();
        match parse(&params, client) {
            Ok(request) => format!("ok {}", request.scope),
            Err(AuthorizeError::ShowPage(fault)) => format!("page {}", fault.code.as_str()),
            Err(AuthorizeError::RedirectBack(Redirect {
                outcome: Outcome::Fault(fault),
                ..
            })) => format!("back {}", fault.code.as_str()),
            Err(AuthorizeError::RedirectBack(_)) => "back code".to_owned(),
        }
    }

    #[track_caller]
    fn check(raw: &str, expect: &str) {
        assert_eq!(outcome(raw, &client(|_| {})), expect, "{raw}");
    }

    #[test]
    fn a_request_in_order_is_read() {
        check(OK, "ok email openid");
        for ignored in [
            "display=page",
            "ui_locales=de",
            "acr_values=1",
            "claims={}",
            "foo=bar",
            "response_mode=query",
        ] {
            check(&format!("{OK}&{ignored}"), "ok email openid");
        }
    }

    #[test]
    fn faults_of_the_redirect_uri_stay_on_the_page() {
        for uri in ["https://app.example/CB", "https://evil.example/", ""] {
            let raw = OK.replace("https://app.example/cb", uri);
            check(&raw, "page invalid_request");
        }
        check(
            &format!("{OK}&redirect_uri=https://app.example/cb"),
            "page invalid_request",
        );
        check("response_type=code&scope=openid", "page invalid_request");
    }

    #[test]
    fn other_faults_go_back_to_the_client() {
        for (from, to, expect) in [
            (
                "response_type=code",
                "response_type=token",
                "back unsupported_response_type",
            ),
            (
                "response_type=code",
                "response_type=code+id_token",
                "back unsupported_response_type",
            ),
            ("response_type=code", "", "back invalid_request"),
            ("S256", "plain", "back invalid_request"),
            (
                "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
                "",
                "back invalid_request",
            ),
            ("scope=openid+email", "scope=foo", "back invalid_scope"),
            (
                "scope=openid+email",
                "scope=openid+foo+offline_access",
                "ok openid",
            ),
            ("state=s", "state=s&state=t", "back invalid_request"),
            ("state=s", "request=x", "back request_not_supported"),
            ("state=s", "request_uri=x", "back request_uri_not_supported"),
            (
                "state=s",
                "registration=x",
                "back registration_not_supported",
            ),
            ("state=s", "response_mode=fragment", "back invalid_request"),
            ("state=s", "prompt=none+login", "back invalid_request"),
            ("state=s", "prompt=foo", "back invalid_request"),
            ("state=s", "max_age=-1", "back invalid_request"),
            ("state=s", "max_age=x", "back invalid_request"),
        ] {
            check(&OK.replace(from, to), expect);
        }
    }

    #[test]
    fn a_confidential_client_may_be_let_off_pkce() {
        let raw = OK.split("&code_challenge").next().unwrap();
        let relaxed = client(|new| new.require_pkce = Some(false));
        assert_eq!(outcome(raw, &relaxed), "ok email openid");
    }

    #[test]
    fn every_answer_names_the_issuer_and_encodes_the_state() {
        let request = AuthorizeRequest {
            state: Some("a&b=c#".to_owned()),
            ..parse(&Params::parse(OK.as_bytes()).unwrap(), &client(|_| {})).unwrap()
        };
        assert_eq!(
            request.answer_code("c").url("https://id.example"),
            "https://app.example/cb?code=c&state=a%26b%3Dc%23&iss=https%3A%2F%2Fid.example"
        );
        assert_eq!(
            request
                .answer_fault(Fault::new(ErrorCode::AccessDenied, "no"))
                .url("https://id.example"),
            "https://app.example/cb?error=access_denied&error_description=no&state=a%26b%3Dc%23&iss=https%3A%2F%2Fid.example"
        );
    }
}
