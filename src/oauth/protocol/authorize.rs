//! The authorization request: what it asks (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1).
//!
//! Until client and redirect URI are verified, an error may only be shown on our own page; afterwards it goes back by
//! redirect. The two are different variants, so that an unverified URI cannot be used. What happens to a request that is in order is
//! decided in [`super::authorize_step`]. `display`, `ui_locales`, `claims_locales` and unknown parameters are ignored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::authorization_details::AuthorizationDetails;
use super::claims_request::ClaimsRequest;
use super::client::{AuthMethod, Client, ClientId, GrantType, words};
use super::dpop::{self, Thumbprint};
use super::error::{ErrorCode, Fault, quoted};
use super::params::Params;
use super::pkce::CodeChallenge;
use super::resource::{self, Allowed};
use super::response::{self, Channel, Outcome, Parts, Redirect, ResponseType};
use super::scope::{OFFLINE_ACCESS, OPENID, ScopeSet};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Which parts the answer has.
    #[serde(default)]
    pub response_type: ResponseType,
    /// How the answer travels.
    #[serde(default)]
    pub channel: Channel,
    /// The audiences that were named, within what the client may name.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Claims asked for by name.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// How strongly the client wishes the person to be authenticated; a wish, never a condition.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// The hash of the name under which it was pushed, which the answer uses up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<String>,
    /// What is asked for beyond scopes, of types that the client is registered for.
    #[serde(default)]
    pub authorization_details: AuthorizationDetails,
}

/// A request that is not in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizeError {
    /// Client or redirect URI are not verified: the fault stays on our page (RFC 6749 section 4.1.2.1).
    ShowPage(Fault),
    /// The fault goes to the client.
    RedirectBack(Box<Redirect>),
}

impl AuthorizeRequest {
    /// The answer with what was asked for.
    pub fn answer_parts(&self, parts: Parts) -> Redirect {
        self.answer(Outcome::Granted(parts))
    }

    /// The answer with a fault.
    pub fn answer_fault(&self, fault: Fault) -> Redirect {
        self.answer(Outcome::Fault(fault))
    }

    fn answer(&self, outcome: Outcome) -> Redirect {
        Redirect {
            uri: self.redirect_uri.clone(),
            client_id: self.client_id.clone(),
            channel: self.channel,
            state: self.state.clone(),
            outcome,
        }
    }
}

impl AuthorizeRequest {
    /// What the person is asked to agree to: the scopes, and those that cover the claims asked for by name, as far as the client is
    /// registered for them.
    pub fn consent_scope(&self, registered: &ScopeSet) -> ScopeSet {
        let covering = self.claims.covering_scopes().intersection(registered);
        self.scope.union(&covering)
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

/// Reads the request of an active client of this issuer.
pub fn parse(
    params: &Params,
    client: &Client,
    issuer: &str,
) -> Result<AuthorizeRequest, AuthorizeError> {
    let (redirect_uri, sent) = redirect_uri(params, client).map_err(AuthorizeError::ShowPage)?;
    let request = AuthorizeRequest {
        client_id: client.client_id.as_str().to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        redirect_uri_sent: sent,
        state: params.get("state").map(str::to_owned),
        ..AuthorizeRequest::default()
    };
    let back =
        |fault| AuthorizeError::RedirectBack(Box::new(error_channel(params, &request, fault)));
    read_rest(params, (client, issuer), request.clone()).map_err(back)
}

/// A fault that was found before the parameters were read: back to the client, if it named a redirect URI that is its own.
pub fn refuse(params: &Params, client: &Client, fault: Fault) -> AuthorizeError {
    match redirect_uri(params, client) {
        // A URI that only the registration names is not used: what else the request says was not read.
        Err(_) | Ok((_, false)) => AuthorizeError::ShowPage(fault),
        Ok((uri, true)) => {
            let request = AuthorizeRequest {
                client_id: client.client_id.as_str().to_owned(),
                redirect_uri: uri.to_owned(),
                state: params.get("state").map(str::to_owned),
                ..AuthorizeRequest::default()
            };
            AuthorizeError::RedirectBack(Box::new(error_channel(params, &request, fault)))
        }
    }
}

/// The answer with a fault, on the way that the request names as far as it can be told.
fn error_channel(params: &Params, request: &AuthorizeRequest, fault: Fault) -> Redirect {
    let channel = Channel::of_error(params.get("response_type"), params.get("response_mode"));
    Redirect {
        channel,
        ..request.answer_fault(fault)
    }
}

fn read_rest(
    params: &Params,
    (client, issuer): (&Client, &str),
    begun: AuthorizeRequest,
) -> Result<AuthorizeRequest, Fault> {
    params.check_unrepeated()?;
    let response_type = response_type(params, client)?;
    let channel = channel(params, client, response_type)?;
    check_supported(params, client, response_type)?;
    let rules = &client.settings.metadata.requests;
    let allowed = Allowed {
        registered: &rules.resources,
        issuer,
    };
    let mut scope = scope(params, client)?;
    if !response_type.has_code() {
        // OpenID Connect Core 1.0 section 11: without a code there is nothing that could last.
        scope = scope.without(OFFLINE_ACCESS);
    }
    let nonce = params.get("nonce").map(str::to_owned);
    check_id_token(response_type, &scope, nonce.as_deref())?;
    let acr_values = params
        .get("acr_values")
        .map(|text| text.split(' ').map(str::to_owned).collect());
    Ok(AuthorizeRequest {
        scope,
        nonce,
        code_challenge: code_challenge(params, client, response_type)?,
        prompt: prompt(params)?,
        max_age: max_age(params)?.or(rules.default_max_age.map(i64::from)),
        login_hint: params.get("login_hint").map(str::to_owned),
        id_token_hint: params.get("id_token_hint").map(str::to_owned),
        dpop_jkt: dpop::named_key(params)?,
        response_type,
        channel,
        resources: resource::wanted(params, allowed)?,
        claims: params
            .get("claims")
            .map(ClaimsRequest::parse)
            .transpose()?
            .unwrap_or_default(),
        acr_values: acr_values.unwrap_or_else(|| rules.default_acr_values.clone()),
        authorization_details: AuthorizationDetails::of_request(
            params,
            &client.settings.metadata.details.authorization_details_types,
        )?,
        ..begun
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

fn response_type(params: &Params, client: &Client) -> Result<ResponseType, Fault> {
    let text = params.require("response_type")?;
    let response_type = ResponseType::read(text).ok_or_else(|| {
        Fault::new(
            ErrorCode::UnsupportedResponseType,
            format!(
                "the response type {} is not supported; use `code`",
                quoted(text)
            ),
        )
    })?;
    if client.settings.metadata.requests.may_ask_for(response_type) {
        return Ok(response_type);
    }
    // The same code as for what the server does not know at all: to this client it does not exist.
    Err(Fault::new(
        ErrorCode::UnsupportedResponseType,
        format!(
            "the response type {} is not registered for this client; add it to its `response_types`",
            quoted(text)
        ),
    ))
}

fn channel(
    params: &Params,
    client: &Client,
    response_type: ResponseType,
) -> Result<Channel, Fault> {
    let mode = response::mode(params.get("response_mode"))?;
    let channel = Channel::of(response_type, mode)?;
    let rules = &client.settings.metadata.requests;
    if rules.may_answer_by(channel.mode()) || mode.is_some_and(|mode| rules.may_answer_by(mode)) {
        return Ok(channel);
    }
    Err(Fault::invalid_request(format!(
        "the response mode `{}` is not registered for this client; name one of its `response_modes`",
        channel.mode().as_str()
    )))
}

fn check_supported(
    params: &Params,
    client: &Client,
    response_type: ResponseType,
) -> Result<(), Fault> {
    for (name, code) in [
        ("request", ErrorCode::RequestNotSupported),
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            let description = format!(
                "the parameter `{name}` is not supported here; send its content as parameters"
            );
            return Err(Fault::new(code, description));
        }
    }
    if response_type.has_code() && !client.may_use(GrantType::AuthorizationCode) {
        return Err(Fault::new(
            ErrorCode::UnauthorizedClient,
            "this client is not registered for the grant type authorization_code",
        ));
    }
    Ok(())
}

/// An ID token from this endpoint needs the scope that asks for one and a nonce that binds it to the request (OpenID Connect Core 1.0
/// sections 3.2.2.1 and 3.3.2.11). `code token` has no ID token here and needs none.
fn check_id_token(
    response_type: ResponseType,
    scope: &ScopeSet,
    nonce: Option<&str>,
) -> Result<(), Fault> {
    if !response_type.has_id_token() {
        return Ok(());
    }
    if !scope.contains(OPENID) {
        return Err(Fault::new(
            ErrorCode::InvalidScope,
            "an ID token needs the scope `openid`; ask for it",
        ));
    }
    if nonce.is_none() {
        return Err(Fault::invalid_request(
            "the parameter `nonce` is missing; an ID token from this endpoint needs it",
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
fn code_challenge(
    params: &Params,
    client: &Client,
    response_type: ResponseType,
) -> Result<Option<CodeChallenge>, Fault> {
    let challenge = CodeChallenge::of_request(params)?;
    let settings = &client.settings;
    let required = settings.require_pkce || settings.token_endpoint_auth_method == AuthMethod::None;
    if challenge.is_none() && required && response_type.has_code() {
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
mod tests;
