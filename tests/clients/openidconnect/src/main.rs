//! Tessera through the crate `openidconnect`, as a relying party uses it.
//!
//! Environment: as in `../../oidc/openid_client.mjs`. Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.

mod browser;

use std::env;
use std::error::Error;

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreIdToken, CoreIdTokenClaims, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::reqwest::blocking::Client as Http;
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthenticationFlow,
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndSessionUrl, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IntrospectionUrl, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, ProviderMetadata, RedirectUrl, Scope,
    TokenIntrospectionResponse as _, TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use crate::browser::Browser;

type Failure = Box<dyn Error>;

/// What discovery names beside OpenID Connect Core's own.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    introspection_endpoint: String,
    end_session_endpoint: String,
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A relying party and its person's browser.
struct Party {
    client: Client,
    more: More,
    issuer: String,
    http: Http,
    browser: Browser,
}

struct Session {
    tokens: CoreTokenResponse,
    id_token: CoreIdToken,
    claims: CoreIdTokenClaims,
}

fn var(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

fn demand(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(what.into()) }
}

impl Party {
    fn discover() -> Result<Self, Failure> {
        let issuer = env::var("TESSERA_URL")?;
        let http = browser::http()?;
        let metadata = Metadata::discover(&IssuerUrl::new(issuer.clone())?, &http)?;
        let more = metadata.additional_metadata().clone();
        let id = ClientId::new(var("TESSERA_CLIENT_ID", "web"));
        let secret = var("TESSERA_CLIENT_SECRET", "web-secret-for-tests-only");
        let client =
            CoreClient::from_provider_metadata(metadata, id, Some(ClientSecret::new(secret)))
                .set_redirect_uri(RedirectUrl::new(var(
                    "TESSERA_REDIRECT_URI",
                    "http://127.0.0.1:9000/cb",
                ))?)
                .set_introspection_url(IntrospectionUrl::new(more.introspection_endpoint.clone())?);
        Ok(Self {
            client,
            more,
            issuer,
            http,
            browser: Browser::new()?,
        })
    }

    /// Signs in with the browser and redeems the code; the library verifies the ID token, its nonce and `at_hash`.
    fn sign_in(
        &mut self,
        prompt: Option<openidconnect::core::CoreAuthPrompt>,
    ) -> Result<Session, Failure> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut request = self
            .client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge);
        for scope in ["profile", "email", "offline_access"] {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        if let Some(prompt) = prompt {
            request = request.add_prompt(prompt);
        }
        let (url, state, nonce) = request.url();
        let arrived = self.browser.walk(&url)?;
        let answer = |name: &str| {
            let found = arrived.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        if let Some(error) = answer("error") {
            return Err(error.into());
        }
        demand(answer("state").as_ref() == Some(state.secret()), "state")?;
        demand(answer("iss").as_ref() == Some(&self.issuer), "iss")?;
        let code = AuthorizationCode::new(answer("code").ok_or("no code")?);
        let tokens = self
            .client
            .exchange_code(code)?
            .set_pkce_verifier(verifier)
            .request(&self.http)?;
        let id_token = tokens.id_token().ok_or("no ID token")?.clone();
        let verifier = self.client.id_token_verifier();
        let claims = id_token.claims(&verifier, &nonce)?.clone();
        let expected = claims.access_token_hash().ok_or("no at_hash")?;
        let algorithm = id_token.signing_alg()?;
        let key = id_token.signing_key(&verifier)?;
        let found = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
        demand(found == *expected, "at_hash is another token's")?;
        Ok(Session {
            tokens,
            id_token,
            claims,
        })
    }

    fn userinfo(&self, session: &Session) -> Result<(), Failure> {
        let subject = Some(session.claims.subject().clone());
        let token = session.tokens.access_token().clone();
        let info: CoreUserInfoClaims =
            self.client.user_info(token, subject)?.request(&self.http)?;
        let name = info.preferred_username().map(|name| name.as_str());
        demand(
            name == Some(&var("TESSERA_USERNAME", "alice")),
            "preferred_username",
        )
    }

    /// Refreshes after the server's grace, so that the token rotates.
    fn refresh(&self, session: &Session) -> Result<CoreTokenResponse, Failure> {
        let grace: u64 = var("TESSERA_GRACE_SECONDS", "10").parse()?;
        std::thread::sleep(std::time::Duration::from_millis(grace * 1_000 + 1_500));
        let token = session.tokens.refresh_token().ok_or("no refresh token")?;
        let new = self
            .client
            .exchange_refresh_token(token)?
            .request(&self.http)?;
        let next = new.refresh_token().ok_or("no new refresh token")?;
        demand(
            next.secret() != token.secret(),
            "the refresh token did not rotate",
        )?;
        demand(
            new.access_token().secret() != session.tokens.access_token().secret(),
            "the access token is the same",
        )?;
        Ok(new)
    }

    /// The library revokes over https only, so that introspection shows what a token is worth.
    fn introspect(&self, tokens: &CoreTokenResponse, subject: &str) -> Result<(), Failure> {
        let told = self
            .client
            .introspect(tokens.access_token())
            .request(&self.http)?;
        demand(
            told.active() && told.sub() == Some(subject),
            "not active, or another's",
        )?;
        let unknown = AccessToken::new("unknown".to_owned());
        let told = self.client.introspect(&unknown).request(&self.http)?;
        demand(!told.active(), "an unknown token is active")
    }

    fn sign_out(&mut self) -> Result<(), Failure> {
        let session = self.sign_in(Some(openidconnect::core::CoreAuthPrompt::None))?;
        let url = EndSessionUrl::new(self.more.end_session_endpoint.clone())?;
        let url = LogoutRequest::from(url)
            .set_id_token_hint(&session.id_token)
            .http_get_url();
        self.browser.walk(&url)?;
        match self.sign_in(Some(openidconnect::core::CoreAuthPrompt::None)) {
            Err(error) if error.to_string() == "login_required" => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err("still signed in".into()),
        }
    }
}

/// Counts what went well and what did not.
#[derive(Default)]
struct Count {
    passed: u32,
    failed: u32,
}

impl Count {
    fn check<T>(&mut self, name: &str, outcome: Result<T, Failure>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.passed += 1;
                println!("ok      {name}");
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED  {name}: {error}");
                None
            }
        }
    }
}

fn main() {
    let mut count = Count::default();
    if let Some(mut party) = count.check("discovery and keys", Party::discover()) {
        let announced = party.more.authorization_response_iss_parameter_supported;
        count.check(
            "iss in answers is announced",
            demand(announced, "it is not"),
        );
        let session = party.sign_in(None);
        if let Some(session) = count.check("code flow with PKCE; the ID token holds", session) {
            count.check("userinfo", party.userinfo(&session));
            let refreshed = party.refresh(&session);
            if let Some(tokens) = count.check("refresh with rotation", refreshed) {
                let subject = session.claims.subject();
                count.check("introspection", party.introspect(&tokens, subject));
            }
            let out = party.sign_out();
            count.check("sign-out with the ID token", out);
        }
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    std::process::exit(i32::from(count.failed > 0));
}
