//! Client metadata as it is handed in (RFC 7591 section 2), and the check that finds ALL its faults at once.
//!
//! The setup file, the admin API and the web page that registers the first application share it.

mod fault;
pub mod request;

use serde::Deserialize;

pub use self::fault::{Faults, MetadataFault};
use super::client::{
    About, AuthMethod, Ciba, ClientId, ClientKeys, ClientMetadata, ClientSettings, DetailTypes,
    Exchange, GrantType, Logout, Profiled, Requests, Sender, Software, Subject, TokenFormats,
};
use super::profile;
use super::redirect_uri::RedirectUri;
use super::scope::ScopeSet;
use crate::base::limit::REDIRECT_URIS;

/// Longest client name, in characters.
const NAME_CHARS: usize = 100;
/// Shortest secret that an operator may choose, in bytes. Whoever takes one below 128 random bits (22 characters) is warned
/// where it is given; here only what is guessed in no time is refused.
const SECRET_BYTES_MIN: usize = 8;
/// Longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 512;

/// Metadata of a client to be registered or changed. Every field but the redirect URIs has a default.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the metadata of RFC 7591 and its kin are what they are"
)]
pub struct NewClient {
    /// Chosen by the server when absent.
    pub client_id: Option<String>,
    /// The client id when absent.
    pub client_name: Option<String>,
    /// Generated for a confidential client when absent; an update without it keeps the one there is.
    pub client_secret: Option<String>,
    /// `client_secret_basic` when absent (RFC 7591 section 2), `none` when there is neither a secret nor this.
    pub token_endpoint_auth_method: Option<String>,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// Where the browser may go after signing out.
    pub post_logout_redirect_uris: Vec<String>,
    /// `authorization_code` when absent.
    pub grant_types: Option<Vec<String>>,
    /// `openid` when absent.
    pub scope: Option<String>,
    /// Whether people are not asked.
    pub skip_consent: bool,
    /// True when absent.
    pub require_pkce: Option<bool>,
    /// The client's own page.
    pub client_uri: Option<String>,
    /// What it does with people's data.
    pub policy_uri: Option<String>,
    /// What people agree to who use it.
    pub tos_uri: Option<String>,
    /// Whom an administrator asks.
    pub contacts: Vec<String>,
    /// Where it is told from server to server that a session has ended.
    pub backchannel_logout_uri: Option<String>,
    /// Whether it needs `sid` there.
    pub backchannel_logout_session_required: bool,
    /// What the signed-out page loads in a frame.
    pub frontchannel_logout_uri: Option<String>,
    /// Whether it needs `iss` and `sid` there.
    pub frontchannel_logout_session_required: bool,
    /// Whether its offline access ends when somebody signs out, too.
    pub revoke_offline_access_at_logout: bool,
    /// `poll` or `ping`: how a client of the grant type ciba learns of decisions. `poll` when absent.
    pub backchannel_token_delivery_mode: Option<String>,
    /// Where a `ping` goes.
    pub backchannel_client_notification_endpoint: Option<String>,
    /// What signs its backchannel requests; they are not signed when absent.
    pub backchannel_authentication_request_signing_alg: Option<String>,
    /// Only `false` is supported.
    pub backchannel_user_code_parameter: bool,
    /// The client's public keys, a JWK set.
    pub jwks: Option<serde_json::Value>,
    /// Where it publishes them.
    pub jwks_uri: Option<String>,
    /// The one algorithm of its assertions.
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// The subject of its certificate, as RFC 4514 writes it.
    pub tls_client_auth_subject_dn: Option<String>,
    /// A host name in its certificate.
    pub tls_client_auth_san_dns: Option<String>,
    /// A URI in its certificate.
    pub tls_client_auth_san_uri: Option<String>,
    /// An address in its certificate.
    pub tls_client_auth_san_ip: Option<String>,
    /// An e-mail address in its certificate.
    pub tls_client_auth_san_email: Option<String>,
    /// Whether its access tokens are bound to the certificate it shows.
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whether a token request without a DPoP proof is refused.
    pub dpop_bound_access_tokens: bool,
    /// What signs its ID tokens; `RS256` when absent.
    pub id_token_signed_response_alg: Option<String>,
    /// How the key of an encrypted ID token reaches it; not encrypted when absent.
    pub id_token_encrypted_response_alg: Option<String>,
    /// What encrypts its ID tokens; `A128CBC-HS256` when absent.
    pub id_token_encrypted_response_enc: Option<String>,
    /// What signs its userinfo answers; plain JSON when absent.
    pub userinfo_signed_response_alg: Option<String>,
    /// How the key of an encrypted userinfo answer reaches it.
    pub userinfo_encrypted_response_alg: Option<String>,
    /// What encrypts its userinfo answers; `A128CBC-HS256` when absent.
    pub userinfo_encrypted_response_enc: Option<String>,
    /// What signs its introspection answers where it asks for a JWT; `RS256` when absent.
    pub introspection_signed_response_alg: Option<String>,
    /// How the key of an encrypted introspection answer reaches it.
    pub introspection_encrypted_response_alg: Option<String>,
    /// What encrypts its introspection answers; `A128CBC-HS256` when absent.
    pub introspection_encrypted_response_enc: Option<String>,
    /// What signs its authorization answers in the modes of JARM; `RS256` when absent.
    pub authorization_signed_response_alg: Option<String>,
    /// How the key of an encrypted authorization answer reaches it.
    pub authorization_encrypted_response_alg: Option<String>,
    /// What encrypts its authorization answers; `A128CBC-HS256` when absent.
    pub authorization_encrypted_response_enc: Option<String>,
    /// What it may ask the authorization endpoint for; `code` when absent.
    pub response_types: Vec<String>,
    /// How its answers may travel; every way when absent.
    pub response_modes: Vec<String>,
    /// What its request objects are signed with.
    pub request_object_signing_alg: Option<String>,
    /// Where its request objects may be fetched from.
    pub request_uris: Vec<String>,
    /// Whether a request without a signed object is refused.
    pub require_signed_request_object: bool,
    /// Whether a request that was not pushed is refused.
    pub require_pushed_authorization_requests: bool,
    /// `max_age` of a request that names none, in seconds.
    pub default_max_age: Option<u32>,
    /// Whether ID tokens must say when the person signed in.
    pub require_auth_time: bool,
    /// `acr_values` of a request that names none.
    pub default_acr_values: Vec<String>,
    /// Where a sign-in may be begun from outside.
    pub initiate_login_uri: Option<String>,
    /// The services that its tokens may be for.
    pub resources: Vec<String>,
    /// The services that it is: tokens for these it may exchange.
    pub subject_token_audiences: Vec<String>,
    /// `public` or `pairwise`; `public` when absent.
    pub subject_type: Option<String>,
    /// Where the redirect URIs of every client of its sector are listed.
    pub sector_identifier_uri: Option<String>,
    /// Whether that list was fetched and names this client's redirect URIs: never handed in, `oauth::sector` sets it.
    #[serde(skip)]
    pub sector_is_verified: bool,
    /// Its picture.
    pub logo_uri: Option<String>,
    /// `web` or `native`.
    pub application_type: Option<String>,
    /// The same for all instances of the software.
    pub software_id: Option<String>,
    /// The software's version.
    pub software_version: Option<String>,
    /// The verified statement that the client registered itself with. Nobody writes it by hand.
    #[serde(skip)]
    pub software_statement: Option<String>,
    /// `oauth21`, `fapi2` or `mcp`: a set of requirements that it is held to.
    pub profile: Option<String>,
    /// The types of authorization details that it may ask for.
    pub authorization_details_types: Vec<String>,
}

impl std::fmt::Debug for NewClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewClient")
            .field("client_id", &self.client_id)
            .field("client_name", &self.client_name)
            .field("has_secret", &self.client_secret.is_some())
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// Metadata that passed.
#[derive(Clone, Debug)]
pub struct CheckedClient {
    /// The wanted id.
    pub client_id: Option<ClientId>,
    /// The settings.
    pub settings: ClientSettings,
    /// The wanted secret.
    pub client_secret: Option<crate::base::secret::Secret<String>>,
}

impl NewClient {
    /// Checks everything; all faults, in the order of the fields.
    pub fn check(&self) -> Result<CheckedClient, Vec<MetadataFault>> {
        let mut faults = Faults::default();
        let client_id = self
            .client_id
            .as_deref()
            .and_then(|text| faults.keep("client_id", ClientId::parse(text)));
        if client_id.as_ref().is_some_and(ClientId::is_document) {
            faults.add(
                "client_id",
                "an address names a client that describes itself there; choose a word",
            );
        }
        let method = self.method(&mut faults);
        let grant_types = self.grant_types(&mut faults);
        let settings = ClientSettings {
            client_name: self.name(&mut faults),
            token_endpoint_auth_method: method,
            redirect_uris: uris(&self.redirect_uris, "redirect_uris", &mut faults),
            post_logout_redirect_uris: uris(
                &self.post_logout_redirect_uris,
                "post_logout_redirect_uris",
                &mut faults,
            ),
            grant_types,
            scope: faults
                .keep(
                    "scope",
                    ScopeSet::parse(self.scope.as_deref().unwrap_or(super::scope::OPENID)),
                )
                .unwrap_or_default(),
            skip_consent: self.skip_consent,
            require_pkce: self.require_pkce.unwrap_or(true),
            metadata: self.metadata(&mut faults),
        };
        self.check_secret(method, &mut faults);
        check_together(&settings, &mut faults);
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        Ok(CheckedClient {
            client_id,
            settings,
            client_secret: self
                .client_secret
                .clone()
                .map(crate::base::secret::Secret::new),
        })
    }

    fn metadata(&self, faults: &mut Faults) -> ClientMetadata {
        let about = About::check(self, faults);
        let requests = Requests::check(self, faults);
        let keys = ClientKeys::check(self, faults);
        let tokens = TokenFormats::check(self, &keys, faults);
        ClientMetadata {
            about,
            logout: Logout::check(self, faults),
            ciba: Ciba::check(self, faults),
            requests,
            details: DetailTypes::check(self, faults),
            keys,
            sender: Sender::check(self, faults),
            tokens,
            exchange: Exchange::check(self, faults),
            subject: Subject::check(self, faults),
            software: Software::check(self, faults),
            profile: Profiled::check(self, faults),
        }
    }

    fn name(&self, faults: &mut Faults) -> String {
        let name = self.client_name.as_deref().map(str::trim);
        match name.filter(|name| !name.is_empty()) {
            None => self
                .client_id
                .clone()
                .unwrap_or_else(|| "Unnamed application".to_owned()),
            Some(name) => {
                if name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
                    faults.add(
                        "client_name",
                        format!("must be at most {NAME_CHARS} characters on one line"),
                    );
                }
                name.to_owned()
            }
        }
    }

    fn method(&self, faults: &mut Faults) -> AuthMethod {
        match self.token_endpoint_auth_method.as_deref() {
            None => AuthMethod::ClientSecretBasic,
            Some(text) => AuthMethod::parse(text).unwrap_or_else(|| {
                faults.add(
                    "token_endpoint_auth_method",
                    format!("`{text}` is not supported; use {}", methods()),
                );
                AuthMethod::None
            }),
        }
    }

    fn grant_types(&self, faults: &mut Faults) -> Vec<GrantType> {
        let Some(texts) = &self.grant_types else {
            return vec![GrantType::AuthorizationCode];
        };
        let mut grant_types: Vec<GrantType> = texts
            .iter()
            .filter_map(|text| {
                let parsed = GrantType::parse(text);
                if parsed.is_none() {
                    faults.add(
                        "grant_types",
                        format!("`{text}` is not supported; use {}", all_grant_types()),
                    );
                }
                parsed
            })
            .collect();
        grant_types.sort_unstable();
        grant_types.dedup();
        if texts.is_empty() {
            faults.add("grant_types", "must name at least one grant type");
        }
        grant_types
    }

    fn check_secret(&self, method: AuthMethod, faults: &mut Faults) {
        let Some(secret) = &self.client_secret else {
            return;
        };
        if !method.has_secret() {
            faults.add(
                "client_secret",
                format!(
                    "a client whose token_endpoint_auth_method is {} has no secret; remove one of the two",
                    method.as_str()
                ),
            );
        }
        let graphic = secret.bytes().all(|byte| byte.is_ascii_graphic());
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()) || !graphic {
            faults.add(
                "client_secret",
                format!(
                    "must be {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} printable ASCII characters without spaces; leave it out to have one generated"
                ),
            );
        }
    }
}

fn all_grant_types() -> String {
    let names: Vec<&str> = GrantType::ALL.iter().map(|one| one.as_str()).collect();
    names.join(", ")
}

fn uris(texts: &[String], field: &'static str, faults: &mut Faults) -> Vec<RedirectUri> {
    if texts.len() > REDIRECT_URIS {
        faults.add(field, format!("must be at most {REDIRECT_URIS} URIs"));
    }
    let mut uris = Vec::with_capacity(texts.len());
    for text in texts {
        if let Some(uri) = faults.keep(field, RedirectUri::parse(text))
            && !uris.contains(&uri)
        {
            uris.push(uri);
        }
    }
    uris
}

/// The methods, as a message lists them.
fn methods() -> String {
    let words: Vec<&str> = AuthMethod::ALL.iter().map(|one| one.as_str()).collect();
    words.join(", ")
}

/// Rules between fields.
fn check_together(settings: &ClientSettings, faults: &mut Faults) {
    let public = settings.token_endpoint_auth_method == AuthMethod::None;
    let may = |grant_type| settings.grant_types.contains(&grant_type);
    if may(GrantType::AuthorizationCode) && settings.redirect_uris.is_empty() {
        // Faulty URIs were named already.
        if !faults.has("redirect_uris") {
            faults.add(
                "redirect_uris",
                "the grant type authorization_code needs at least one redirect URI",
            );
        }
    }
    let of_a_person = [
        GrantType::AuthorizationCode,
        GrantType::DeviceCode,
        GrantType::Ciba,
    ];
    if may(GrantType::RefreshToken) && !of_a_person.into_iter().any(may) {
        faults.add(
            "grant_types",
            "refresh_token needs authorization_code, or another grant of a person, beside it",
        );
    }
    if may(GrantType::Ciba) && public {
        // OpenID Connect CIBA Core 1.0 section 4: a client without credentials could ask anybody in another's name.
        faults.add(
            "grant_types",
            "urn:openid:params:grant-type:ciba needs a client that authenticates; set token_endpoint_auth_method",
        );
    }
    if may(GrantType::TokenExchange) && public {
        // Whoever found a person's token could exchange it in this client's name.
        faults.add(
            "grant_types",
            "urn:ietf:params:oauth:grant-type:token-exchange needs a client that authenticates; set token_endpoint_auth_method",
        );
    }
    if may(GrantType::ClientCredentials) && public {
        faults.add(
            "grant_types",
            "client_credentials needs a client with a secret; set token_endpoint_auth_method",
        );
    }
    faults.0.extend(profile::unmet(settings));
    if !settings.require_pkce && public {
        faults.add(
            "require_pkce",
            "only a client with a secret may do without PKCE (RFC 9700 section 2.1.1)",
        );
    }
}

#[cfg(test)]
mod tests;
