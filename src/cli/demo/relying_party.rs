//! The sample application: "Login with Tessera" on the `oauth2` crate, in one file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::resource::Document;
use super::verify::Verifier;
use super::{exchange, pages};
use crate::base::secret::TokenKind;
use crate::outbound::Outbound;

/// The application's settings and its visitors.
pub struct RelyingParty {
    /// Verifies ID tokens.
    pub verifier: Verifier,
    /// Reaches Tessera and the resource service.
    pub http: Outbound,
    /// Its client at Tessera.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// Where this application is.
    pub url: String,
    /// Where the resource service is.
    pub resource_url: String,
    /// Browser cookie -> where that visitor stands.
    pub visitors: Mutex<HashMap<String, Visitor>>,
}

/// Where a visitor stands.
pub enum Visitor {
    /// Sent to Tessera; what must come back.
    SigningIn {
        /// The `state` that the redirect must carry.
        state: String,
        /// The `nonce` that the ID token must carry.
        nonce: String,
        /// The verifier for the code.
        verifier: PkceCodeVerifier,
    },
    /// Back, with tokens.
    SignedIn(Box<SignedIn>),
}

/// What the application knows about a signed-in visitor.
#[derive(Clone)]
pub struct SignedIn {
    /// The verified ID token's claims.
    pub claims: Map<String, Value>,
    /// The ID token, to sign out with.
    pub id_token: String,
    /// The access token, for the resource service.
    pub access_token: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct IdTokenField {
    id_token: String,
}

impl ExtraTokenFields for IdTokenField {}

type Tokens = StandardTokenResponse<IdTokenField, BasicTokenType>;
type OidcClient = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

#[derive(Deserialize)]
struct Callback {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

const COOKIE: &str = "demo_app";

/// `/` shows who is signed in, `/login` begins, `/cb` ends, `/logout` forgets.
pub fn router(app: Arc<RelyingParty>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/cb", get(callback))
        .route("/logout", get(logout))
        .with_state(app)
}

async fn home(State(app): State<Arc<RelyingParty>>, headers: HeaderMap) -> Response {
    let visitor = cookie(&headers).and_then(|id| app.signed_in(id));
    match visitor {
        None => pages::welcome().into_response(),
        Some(visitor) => match app.documents(&visitor.access_token).await {
            Ok(documents) => pages::signed_in(&visitor, &documents).into_response(),
            Err(error) => failed(&error),
        },
    }
}

async fn login(State(app): State<Arc<RelyingParty>>) -> Response {
    let client = match app.client() {
        Ok(client) => client,
        Err(error) => return failed(&error),
    };
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = CsrfToken::new_random();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(
            ["openid", "profile", "email", "offline_access"]
                .map(|scope| Scope::new(scope.to_owned())),
        )
        .add_extra_param("nonce", nonce.secret())
        .set_pkce_challenge(challenge)
        .url();
    let id = TokenKind::Session.generate().expose().clone();
    let visitor = Visitor::SigningIn {
        state: state.secret().clone(),
        nonce: nonce.secret().clone(),
        verifier,
    };
    app.visitors().insert(id.clone(), visitor);
    let set_cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax");
    let headers = [
        (header::SET_COOKIE, set_cookie),
        (header::LOCATION, url.to_string()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

async fn callback(
    State(app): State<Arc<RelyingParty>>,
    headers: HeaderMap,
    Query(answer): Query<Callback>,
) -> Response {
    let begun = cookie(&headers).and_then(|id| app.visitors().remove_entry(id));
    let Some((
        id,
        Visitor::SigningIn {
            state,
            nonce,
            verifier,
        },
    )) = begun
    else {
        return pages::failed("this browser has not begun a sign-in; start again").into_response();
    };
    match app.finish(answer, &state, &nonce, verifier).await {
        Ok(signed_in) => {
            app.visitors()
                .insert(id, Visitor::SignedIn(Box::new(signed_in)));
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn logout(State(app): State<Arc<RelyingParty>>, headers: HeaderMap) -> Response {
    let known = cookie(&headers).and_then(|id| app.visitors().remove(id));
    let target = match known {
        Some(Visitor::SignedIn(visitor)) => app.end_session_url(&visitor.id_token),
        Some(Visitor::SigningIn { .. }) | None => "/".to_owned(),
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response()
}

impl RelyingParty {
    fn client(&self) -> anyhow::Result<OidcClient> {
        let discovery = self.verifier.discovery();
        Ok(Client::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.client_secret.clone()))
            .set_auth_uri(AuthUrl::new(discovery.authorization_endpoint.clone())?)
            .set_token_uri(TokenUrl::new(discovery.token_endpoint.clone())?)
            .set_redirect_uri(RedirectUrl::new(format!("{}/cb", self.url))?))
    }

    /// Checks what came back, redeems the code, verifies the ID token.
    async fn finish(
        &self,
        answer: Callback,
        state: &str,
        nonce: &str,
        verifier: PkceCodeVerifier,
    ) -> anyhow::Result<SignedIn> {
        if let Some(error) = answer.error {
            anyhow::bail!("{error}: {}", answer.error_description.unwrap_or_default());
        }
        anyhow::ensure!(
            answer.state.as_deref() == Some(state),
            "the answer's state is not ours"
        );
        let issuer = &self.verifier.discovery().issuer;
        anyhow::ensure!(
            answer.iss.as_ref() == Some(issuer),
            "the answer comes from another issuer (RFC 9207)"
        );
        let code = AuthorizationCode::new(answer.code.unwrap_or_default());
        let http = exchange(&self.http);
        let tokens = self
            .client()?
            .exchange_code(code)
            .set_pkce_verifier(verifier)
            .request_async(&http)
            .await?;
        let id_token = tokens.extra_fields().id_token.clone();
        let claims: Map<String, Value> = self
            .verifier
            .verify(&id_token, "JWT", &self.client_id)
            .await?;
        anyhow::ensure!(
            claims.get("nonce").and_then(Value::as_str) == Some(nonce),
            "the ID token's nonce is not ours"
        );
        Ok(SignedIn {
            claims,
            id_token,
            access_token: tokens.access_token().secret().clone(),
        })
    }

    /// Calls the resource service with the access token.
    async fn documents(&self, access_token: &str) -> anyhow::Result<Vec<Document>> {
        let request = http::Request::get(format!("{}/documents", self.resource_url))
            .header(header::AUTHORIZATION, format!("Bearer {access_token}"))
            .body(Vec::new())?;
        let answer = self.http.send(request).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        anyhow::ensure!(
            answer.status.is_success(),
            "the resource service answered {}: {text}",
            answer.status
        );
        Ok(serde_json::from_str(&text)?)
    }

    fn end_session_url(&self, id_token: &str) -> String {
        let endpoint = &self.verifier.discovery().end_session_endpoint;
        let parameters = [
            ("id_token_hint", id_token),
            ("post_logout_redirect_uri", &format!("{}/", self.url)),
        ];
        url::Url::parse_with_params(endpoint, parameters)
            .map_or_else(|_| "/".to_owned(), String::from)
    }

    fn signed_in(&self, id: &str) -> Option<SignedIn> {
        match self.visitors().get(id)? {
            Visitor::SignedIn(visitor) => Some(SignedIn::clone(visitor)),
            Visitor::SigningIn { .. } => None,
        }
    }

    fn visitors(&self) -> std::sync::MutexGuard<'_, HashMap<String, Visitor>> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get(header::COOKIE)?.to_str().ok()?;
    all.split("; ")
        .find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix('='))
}

fn failed(error: &anyhow::Error) -> Response {
    (
        StatusCode::BAD_GATEWAY,
        pages::failed(&format!("{error:#}")),
    )
        .into_response()
}
