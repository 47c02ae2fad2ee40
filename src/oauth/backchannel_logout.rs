//! The back-channel logout request (OpenID Connect Back-Channel Logout 1.0 section 2.5): a logout token, signed when it is sent, so that a
//! letter that waited is as fresh as any.

use http::Request;
use http::header::CONTENT_TYPE;
use url::Url;

use super::error::OAuthError;
use super::protocol::claims::TokenType;
use super::protocol::client::{Client, ClientId};
use super::protocol::logout::LogoutClaims;
use super::subject::{sid_for, subject_for};
use crate::app::App;
use crate::base::id::{SessionId, UserId};
use crate::store::clients;

/// The request that tells a client of the end of a session; `None` when the client is gone or disabled.
pub async fn request(
    app: &App,
    client_id: &str,
    (user_id, session_id): (&UserId, &SessionId),
    destination: &str,
) -> Result<Option<Request<Vec<u8>>>, OAuthError> {
    let Ok(client_id) = ClientId::parse(client_id) else {
        return Ok(None);
    };
    let client = clients::find(&mut app.db.read().await?, &client_id).await?;
    let Some(client) = client.filter(Client::is_active) else {
        return Ok(None);
    };
    let now = app.clock.now();
    let named = (client.client_id.as_str(), &client.settings.metadata);
    let claims = LogoutClaims::new(
        (&app.config.issuer, client.client_id.as_str()),
        &subject_for(&app.sealer, &client, user_id),
        sid_for(&app.sealer, named, session_id),
        now,
    );
    // Section 2.6: validated like an ID token, so signed like one.
    let signing = client.settings.metadata.tokens.id_token().signing;
    let kind = TokenType::LogoutToken;
    let token = app.keys.sign_for(signing, kind, &claims, now).await?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", &token)
        .finish();
    let unusable = || OAuthError::Inconsistent("a stored address cannot be called");
    // A host in letters beyond ASCII is registered as it is written, and called as `Url` writes it.
    let destination = Url::parse(destination).map_err(|_| unusable())?;
    Request::post(destination.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into_bytes())
        .map(Some)
        .map_err(|_| unusable())
}
