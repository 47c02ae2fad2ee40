//! `POST /introspect` (RFC 7662): what a resource server may know about a token.
//!
//! Any confidential client may ask about an access token, but for one whose services name the clients that ask for them; about a refresh token only the client it was issued to. A token that is not good
//! is `{"active": false}` and nothing else: neither why, nor whose (section 2.2). Whoever asks for a JWT gets the answer signed (RFC 9701), as
//! evidence for later, and encrypted where they registered for it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::ACCEPT;
use serde::Serialize;

use super::access_token::may_be_told;
use super::bearer;
use super::client_auth;
use super::error::OAuthError;
use super::form::Form;
use super::protocol::claims::{AccessClaims, IntrospectionJwt, TokenType};
use super::protocol::client::{AuthMethod, Client};
use super::protocol::confirmation::Confirmation;
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::media_type::accepts;
use super::protocol::profile;
use super::protocol::refresh_token::{RefreshToken, TAG_KEY_PURPOSE};
use super::respond::{jwt_no_store, no_store};
use super::sealed;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::store::grants::{self, Standing};
use crate::store::refresh_families;

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Inactive {
        active: bool,
    },
    Access {
        active: bool,
        token_type: &'static str,
        #[serde(flatten)]
        claims: Box<AccessClaims>,
    },
    Refresh {
        active: bool,
        token_use: &'static str,
        iss: String,
        sub: String,
        client_id: String,
        scope: String,
        iat: i64,
        exp: i64,
    },
}

/// The media type of a signed answer (RFC 9701 section 5).
const JWT_MEDIA_TYPE: &str = "application/token-introspection+jwt";

const INACTIVE: Answer = Answer::Inactive { active: false };

/// Answers an introspection request.
pub async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    params.check_unrepeated()?;
    let client = client_auth::authenticate(&app, &headers, &params).await?;
    if client.settings.token_endpoint_auth_method == AuthMethod::None {
        return Err(OAuthError::Client {
            fault: Fault::new(
                ErrorCode::InvalidClient,
                "introspection is for clients that authenticate",
            ),
            tried_basic: false,
        });
    }
    let token = params.require("token")?;
    // `token_type_hint` is not needed: the two kinds cannot be taken for one another.
    let now = app.clock.now();
    let answer = match refresh_token(&app, &client, token, now).await? {
        Some(answer) => answer,
        None => access_token(&app, &client, token, now).await?,
    };
    let accept = headers.get_all(ACCEPT).iter();
    if accepts(accept.filter_map(|it| it.to_str().ok()), JWT_MEDIA_TYPE) {
        return signed(&app, &client, answer, now).await;
    }
    Ok(no_store(&answer))
}

async fn signed(
    app: &App,
    client: &Client,
    answer: Answer,
    now: Timestamp,
) -> Result<Response, OAuthError> {
    let protection = profile::introspection(client);
    let claims = IntrospectionJwt {
        iss: app.config.issuer.clone(),
        aud: client.client_id.as_str().to_owned(),
        iat: now.seconds(),
        token_introspection: answer,
    };
    let signed = (TokenType::Introspection, &claims);
    let jwt = sealed::jwt(app, (client, protection), signed, now).await?;
    Ok(jwt_no_store(JWT_MEDIA_TYPE, jwt))
}

async fn access_token(
    app: &App,
    client: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Answer, OAuthError> {
    let Some(verified) = bearer::verify(app, token, now).await? else {
        return Ok(INACTIVE);
    };
    if !may_be_told(app, &client.client_id, &verified.claims.aud).await? {
        return Ok(INACTIVE);
    }
    Ok(Answer::Access {
        active: true,
        token_type: Confirmation::token_type(verified.claims.cnf.as_ref()),
        claims: Box::new(verified.claims),
    })
}

/// The answer about a refresh token; `None` when the text is none.
async fn refresh_token(
    app: &App,
    client: &Client,
    text: &str,
    now: Timestamp,
) -> Result<Option<Answer>, OAuthError> {
    let tag_key = app.sealer.derive_mac_key(TAG_KEY_PURPOSE);
    let Some(token) = RefreshToken::parse(text, &tag_key) else {
        return Ok(None);
    };
    let mut conn = app.db.snapshot().await?;
    let grant = grants::find(&mut conn, token.family(), now)
        .await?
        .filter(|found| found.standing == Standing::Live)
        .filter(|found| found.grant.client_id == client.client_id.as_str());
    let row = refresh_families::find(&mut conn, token.family())
        .await?
        .filter(|row| row.expires_at > now)
        .filter(|row| row.family.head_hash == token.hash());
    let (Some(found), Some(row)) = (grant, row) else {
        return Ok(Some(INACTIVE));
    };
    Ok(Some(Answer::Refresh {
        active: true,
        token_use: "refresh_token",
        iss: app.config.issuer.clone(),
        sub: found.grant.subject().to_owned(),
        client_id: found.grant.client_id,
        scope: found.grant.scope.to_string(),
        iat: row.family.head_issued_at.seconds(),
        exp: row.expires_at.seconds(),
    }))
}
