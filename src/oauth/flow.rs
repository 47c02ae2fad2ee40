//! Authorization flows: a request on its way through login and consent, bound to the browser that began it.
//!
//! The URL carries only the flow's id, which is worth nothing without the browser's cookie (SECURITY rows 5 and 6). One binding cookie serves
//! all flows of a browser, so that two tabs do not disturb each other. Pages [`load`] a flow, then
//! [`grant_consent`] or [`deny`], and go on at `/authorize/continue`, where the next step is decided again.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::authorization_details::{ShownDetail, agree, shown};
use super::duration::Duration;
use super::protocol::authorize::AuthorizeRequest;
use super::protocol::client::{About, Client, ClientId};
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::response::Redirect;
use super::resource_server::{self, ShownResource};
use crate::app::App;
use crate::base::id::{FlowId, UserId};
use crate::base::secret::{Secret, TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::events::{self, Event};
use crate::store::authorization_flows::{self, FlowRow};
use crate::store::{StoreError, Tx, clients, consents};

/// A flow, for the pages.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its id, for the page's form.
    pub id: FlowId,
    /// The client's id.
    pub client_id: String,
    /// The client's name.
    pub client_name: String,
    /// Where people learn more of the client.
    pub about: About,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// And what beyond scopes.
    pub details: Vec<ShownDetail>,
    /// For which services; none when for this server alone.
    pub resources: Vec<ShownResource>,
    /// How long access lasts.
    pub duration: Duration,
    /// Where the browser goes in the end: for `form-action`.
    pub redirect_uri: String,
    /// Whom the client expects, to fill in the form.
    pub login_hint: Option<String>,
    pub(super) row: FlowRow,
    pub(super) client: Client,
}

impl Flow {
    /// The client, whose algorithms protect the answer.
    pub const fn client(&self) -> &Client {
        &self.client
    }
}

/// Why a flow could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// It does not exist, has ended, or has expired.
    #[error("this sign-in has ended or expired; go back to the application and start again")]
    Gone,
    /// Another browser began it.
    #[error(
        "this sign-in was started in another browser; go back to the application and start again here"
    )]
    WrongBrowser,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The flow, if it is live and this browser began it.
pub async fn load(
    app: &App,
    flow_id: &str,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Flow, FlowError> {
    let id = FlowId::parse(flow_id).map_err(|_| FlowError::Gone)?;
    let mut conn = app.db.read().await?;
    let row = authorization_flows::find_live(&mut conn, &id, now)
        .await?
        .ok_or(FlowError::Gone)?;
    let binding = binding_cookie(&app.config, headers).ok_or(FlowError::WrongBrowser)?;
    if !row.binding_hash.matches(binding) {
        return Err(FlowError::WrongBrowser);
    }
    let client_id = ClientId::parse(&row.request.client_id).map_err(|_| FlowError::Gone)?;
    let client = clients::find(&mut conn, &client_id)
        .await?
        .filter(Client::is_active)
        .ok_or(FlowError::Gone)?;
    let details = shown(&mut conn, &row.request.authorization_details).await?;
    let resources = resource_server::shown(&mut conn, &row.request.resources).await?;
    Ok(Flow {
        id: row.id.clone(),
        client_id: row.request.client_id.clone(),
        client_name: client.settings.client_name.clone(),
        about: client.settings.metadata.about.clone(),
        scopes: row
            .request
            .consent_scope(&client.settings.scope)
            .iter()
            .map(str::to_owned)
            .collect(),
        details,
        resources,
        duration: Duration::of(&client, &row.request.scope, &app.config.tokens),
        redirect_uri: row.request.redirect_uri.clone(),
        login_hint: row.request.login_hint.clone(),
        row,
        client,
    })
}

/// Notes that the person agreed to everything the flow asks for. The browser then goes on at `/authorize/continue`.
pub async fn grant_consent(
    app: &App,
    flow: &Flow,
    user_id: &UserId,
    now: Timestamp,
) -> Result<(), FlowError> {
    let mut tx = app.db.write().await?;
    if !authorization_flows::set_consented(&mut tx, &flow.id, user_id, now).await? {
        return Err(FlowError::Gone);
    }
    let scope = flow.row.request.consent_scope(&flow.client.settings.scope);
    if flow.client.origin.is_verified() {
        consents::add(&mut tx, user_id, &flow.client_id, &scope, now).await?;
        let details = &flow.row.request.authorization_details;
        agree(&mut tx, (user_id, &flow.client_id), details, now).await?;
    }
    let event = Event::ConsentGranted {
        user_id: user_id.clone(),
        client_id: flow.client_id.clone(),
        scope: scope.to_string(),
    };
    events::record(&mut tx, &event, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the flow because the person refused; the answer that tells the client so.
pub async fn deny(app: &App, flow: &Flow) -> Result<Redirect, FlowError> {
    end(app, flow).await?;
    let fault = Fault::new(ErrorCode::AccessDenied, "the person refused");
    Ok(flow.row.request.answer_fault(fault))
}

/// Ends the flow without a code.
pub(super) async fn end(app: &App, flow: &Flow) -> Result<(), FlowError> {
    let mut tx = app.db.write().await?;
    take(&mut tx, flow).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the flow in a transaction that answers it: of two that try, one does.
pub(super) async fn take(tx: &mut Tx, flow: &Flow) -> Result<(), FlowError> {
    if authorization_flows::delete(tx, &flow.id).await? {
        Ok(())
    } else {
        Err(FlowError::Gone)
    }
}

/// A flow that has just begun, and the cookie to set if the browser has none.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) id: FlowId,
    pub(super) cookie: Option<HeaderValue>,
}

/// Keeps a request that needs a page.
pub(super) async fn begin(
    app: &App,
    request: AuthorizeRequest,
    hinted_subject: Option<String>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Begun, StoreError> {
    let sent = binding_cookie(&app.config, headers)
        .and_then(|binding| TokenKind::FlowBinding.hash(binding));
    let (binding_hash, cookie) = if let Some(hash) = sent {
        (hash, None)
    } else {
        let binding = TokenKind::FlowBinding.generate();
        let cookie = set_cookie(&app.config, &binding);
        (TokenHash::of(binding.expose()), Some(cookie))
    };
    let row = FlowRow {
        id: FlowId::new(now),
        binding_hash,
        request,
        hinted_subject,
        consented_by: None,
        created_at: now,
        expires_at: now.plus(app.config.tokens.flow_ttl_seconds),
    };
    let mut tx = app.db.write().await?;
    authorization_flows::insert(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(Begun { id: row.id, cookie })
}

/// The binding cookie's name.
fn cookie_name(config: &Config) -> String {
    config.cookie_name("tessera_flow")
}

fn binding_cookie<'a>(config: &Config, headers: &'a HeaderMap) -> Option<&'a str> {
    let name = cookie_name(config);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// For the browser's lifetime: the flow itself expires on the server.
fn set_cookie(config: &Config, binding: &Secret<String>) -> HeaderValue {
    let secure = if config.is_https() { "; Secure" } else { "" };
    let text = format!(
        "{}={}; Path={}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(config),
        binding.expose(),
        config.cookie_path()
    );
    // Name and secret are plain ASCII; an empty value would only make the browser start again.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
