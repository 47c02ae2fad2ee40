//! Profiles: sets of requirements that a client is held to, at registration and whenever it is used.
//!
//! | Profile | Source |
//! |---|---|
//! | `oauth21` | OAuth 2.1 (draft-ietf-oauth-v2-1), as far as a server's client may be registered otherwise |
//! | `fapi2` | FAPI 2.0 Security Profile section 5.3.2 |
//! | `mcp` | Model Context Protocol, Authorization |
//!
//! What this server asks of every client (exact redirect URIs, S256 alone, codes of at most 60 seconds that are good once, no implicit and no
//! password grant, `iss` in every answer) is no row here.

use super::authorize::AuthorizeRequest;
use super::client::{AuthMethod, Client, ClientSettings, Protection, words};
use super::error::{ErrorCode, Fault};
use super::registration::MetadataFault;
use super::resource_server::Form;
use super::response::ResponseType;
use super::signing::SigningAlgorithm;

words! {
    /// A set of requirements.
    Profile {
        /// OAuth 2.1.
        OAuth21 = "oauth21",
        /// FAPI 2.0 Security Profile.
        Fapi2 = "fapi2",
        /// What the Model Context Protocol asks of its clients.
        Mcp = "mcp",
    }
}

/// One thing that a profile asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Every request for a code has a challenge.
    Pkce,
    /// No tokens from the authorization endpoint.
    CodeOnly,
    /// Every request is pushed.
    Pushed,
    /// Every access token is bound to a key.
    SenderConstrained,
    /// The client proves itself with a key of its own, never with a shared secret.
    KeyOfItsOwn,
    /// Nothing is signed with RS256 or a shared secret.
    Algorithms,
    /// Answers go to https alone.
    SecureRedirects,
    /// Every request says where its answer goes.
    NamedRedirect,
    /// Assertions are for the issuer, by its identifier alone.
    IssuerAudience,
    /// Every request names the service that its tokens are for.
    Resource,
}

impl Profile {
    /// What it asks.
    pub const fn requirements(self) -> &'static [Requirement] {
        match self {
            Self::OAuth21 => &[Requirement::Pkce, Requirement::CodeOnly],
            Self::Fapi2 => &[
                Requirement::Pkce,
                Requirement::CodeOnly,
                Requirement::Pushed,
                Requirement::SenderConstrained,
                Requirement::KeyOfItsOwn,
                Requirement::Algorithms,
                Requirement::SecureRedirects,
                Requirement::NamedRedirect,
                Requirement::IssuerAudience,
            ],
            Self::Mcp => &[
                Requirement::Pkce,
                Requirement::CodeOnly,
                Requirement::Resource,
            ],
        }
    }

    /// Whether it asks this.
    pub fn requires(self, requirement: Requirement) -> bool {
        self.requirements().contains(&requirement)
    }
}

impl Requirement {
    /// The member of the metadata that decides it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Pkce => "require_pkce",
            Self::CodeOnly => "response_types",
            Self::Pushed => "require_pushed_authorization_requests",
            Self::SenderConstrained => "dpop_bound_access_tokens",
            Self::KeyOfItsOwn => "token_endpoint_auth_method",
            Self::Algorithms => "id_token_signed_response_alg",
            Self::SecureRedirects => "redirect_uris",
            Self::NamedRedirect | Self::IssuerAudience | Self::Resource => "profile",
        }
    }

    /// What is asked, as the end of a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Pkce => {
                "PKCE in every request (RFC 7636); send code_challenge, and leave require_pkce true"
            }
            Self::CodeOnly => "the response type code alone",
            Self::Pushed => "pushed requests (RFC 9126); set require_pushed_authorization_requests",
            Self::SenderConstrained => {
                "access tokens that are bound to a key; set dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens"
            }
            Self::KeyOfItsOwn => "private_key_jwt, tls_client_auth or self_signed_tls_client_auth",
            Self::Algorithms => {
                "PS256, ES256 or EdDSA, by name, for id_token_signed_response_alg, authorization_signed_response_alg, request_object_signing_alg and, with private_key_jwt, token_endpoint_auth_signing_alg; and for userinfo_signed_response_alg, introspection_signed_response_alg and backchannel_authentication_request_signing_alg where they are given"
            }
            Self::SecureRedirects => "redirect URIs that begin with https://",
            Self::NamedRedirect => "the parameter redirect_uri in every authorization request",
            Self::IssuerAudience => "assertions whose only audience is the issuer identifier",
            Self::Resource => "the parameter resource in every authorization request (RFC 8707)",
        }
    }

    /// Whether a registration meets it. What only a request shows is met by every registration.
    fn is_met_by(self, settings: &ClientSettings) -> bool {
        let metadata = &settings.metadata;
        let is_code = |one: &ResponseType| *one == ResponseType::Code;
        match self {
            Self::Pkce => settings.require_pkce,
            Self::CodeOnly => metadata.requests.response_types.iter().all(is_code),
            Self::Pushed => metadata.requests.require_pushed_authorization_requests,
            Self::SenderConstrained => {
                metadata.sender.dpop_bound_access_tokens
                    || metadata.keys.tls_client_certificate_bound_access_tokens
            }
            Self::KeyOfItsOwn => match settings.token_endpoint_auth_method {
                AuthMethod::PrivateKeyJwt
                | AuthMethod::TlsClientAuth
                | AuthMethod::SelfSignedTlsClientAuth => true,
                AuthMethod::ClientSecretBasic
                | AuthMethod::ClientSecretPost
                | AuthMethod::ClientSecretJwt
                | AuthMethod::None => false,
            },
            Self::Algorithms => has_strong_algorithms(settings),
            Self::SecureRedirects => {
                let uris = &settings.redirect_uris;
                uris.iter().all(|uri| uri.as_str().starts_with("https://"))
            }
            Self::NamedRedirect | Self::IssuerAudience | Self::Resource => true,
        }
    }
}

/// FAPI 2.0 Security Profile section 5.4.1. An algorithm that is not named may be any, RS256 among them.
fn has_strong_algorithms(settings: &ClientSettings) -> bool {
    let metadata = &settings.metadata;
    let tokens = &metadata.tokens;
    let asserts = settings.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt;
    let asserted = metadata.keys.token_endpoint_auth_signing_alg;
    let requested = metadata.requests.request_object_signing_alg;
    let answered = [
        tokens.id_token_signed_response_alg,
        tokens.authorization_signed_response_alg,
    ];
    let where_given = [
        tokens.userinfo_signed_response_alg,
        tokens.introspection_signed_response_alg,
    ];
    let asked = metadata.ciba.backchannel_authentication_request_signing_alg;
    answered
        .iter()
        .all(|alg| alg.is_some_and(|alg| is_strong(alg.as_str())))
        && where_given
            .iter()
            .all(|alg| alg.is_none_or(|alg| is_strong(alg.as_str())))
        && asked.is_none_or(|alg| is_strong(alg.as_str()))
        && requested.is_some_and(|alg| is_strong(alg.as_str()))
        && (!asserts || asserted.is_some_and(|alg| is_strong(alg.as_str())))
}

fn is_strong(name: &str) -> bool {
    matches!(name, "PS256" | "ES256" | "EdDSA")
}

/// The requirements of its profile that a registration does not meet.
pub fn unmet(settings: &ClientSettings) -> Vec<MetadataFault> {
    let Some(profile) = settings.metadata.profile.profile else {
        return Vec::new();
    };
    profile
        .requirements()
        .iter()
        .filter(|requirement| !requirement.is_met_by(settings))
        .map(|requirement| MetadataFault {
            field: requirement.field(),
            message: asks(profile, *requirement),
        })
        .collect()
}

/// Whether a client that is used still meets its profile: the registration may have been changed by other ways than those that check it
/// (SECURITY row 9).
pub fn check_client(client: &Client) -> Result<(), Fault> {
    match unmet(&client.settings).first() {
        None => Ok(()),
        Some(fault) => Err(Fault::invalid_request(format!(
            "the client's registration does not meet its profile: {}",
            fault.message
        ))),
    }
}

/// Whether a request meets the profile of its client.
pub fn check_request(client: &Client, request: &AuthorizeRequest) -> Result<(), Fault> {
    check_client(client)?;
    let Some(profile) = client.settings.metadata.profile.profile else {
        return Ok(());
    };
    let unmet = profile.requirements().iter().find(|one| match one {
        Requirement::Pkce => request.code_challenge.is_none(),
        Requirement::CodeOnly => request.response_type != ResponseType::Code,
        Requirement::NamedRedirect => !request.redirect_uri_sent,
        Requirement::Resource => request.resources.is_empty(),
        // Held against the registration, or where they show.
        Requirement::Pushed
        | Requirement::SenderConstrained
        | Requirement::KeyOfItsOwn
        | Requirement::Algorithms
        | Requirement::SecureRedirects
        | Requirement::IssuerAudience => false,
    });
    unmet.map_or(Ok(()), |requirement| {
        // RFC 8707 section 2: also of a resource that is missing.
        let code = if *requirement == Requirement::Resource {
            ErrorCode::InvalidTarget
        } else {
            ErrorCode::InvalidRequest
        };
        Err(Fault::new(code, asks(profile, *requirement)))
    })
}

/// Whether the profile of a client asks this of it.
pub fn requires(client: &Client, requirement: Requirement) -> bool {
    let profile = client.settings.metadata.profile.profile;
    profile.is_some_and(|profile| profile.requires(requirement))
}

/// What signs for this client where nobody chose: what signs its ID tokens, if its profile asks for certain algorithms.
pub fn signing(client: &Client) -> SigningAlgorithm {
    if requires(client, Requirement::Algorithms) {
        client.settings.metadata.tokens.id_token().signing
    } else {
        SigningAlgorithm::DEFAULT
    }
}

/// How introspection answers are protected where the client asks for a JWT.
pub fn introspection(client: &Client) -> Protection {
    let tokens = &client.settings.metadata.tokens;
    let protection = tokens.introspection();
    Protection {
        signing: tokens
            .introspection_signed_response_alg
            .unwrap_or_else(|| signing(client)),
        ..protection
    }
}

/// Whether the client may have an access token like this: its services may have chosen what its profile rules out.
pub fn check_access_token(client: &Client, form: Form) -> Result<(), Fault> {
    match form {
        Form::Jwt(alg) if requires(client, Requirement::Algorithms) && !is_strong(alg.as_str()) => {
            Err(Fault::new(
                ErrorCode::InvalidTarget,
                format!(
                    "the resource takes access tokens signed with {} alone, which the client's profile rules out; let its `access_token_signing_alg` be another",
                    alg.as_str()
                ),
            ))
        }
        Form::Jwt(_) | Form::Opaque => Ok(()),
    }
}

/// The refusal that names the profile, where it asks this of the client.
pub fn refusal(client: &Client, requirement: Requirement) -> Option<Fault> {
    let profile = client.settings.metadata.profile.profile;
    let profile = profile.filter(|profile| profile.requires(requirement))?;
    Some(Fault::invalid_request(asks(profile, requirement)))
}

fn asks(profile: Profile, requirement: Requirement) -> String {
    format!(
        "the profile {} asks for {}",
        profile.as_str(),
        requirement.text()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::encoding::base64url;
    use crate::oauth::protocol::registration::NewClient;

    /// A client that meets every profile.
    fn model(profile: Profile) -> NewClient {
        let number = base64url(&[1; 32]);
        let text = |text: &str| Some(text.to_owned());
        NewClient {
            profile: text(profile.as_str()),
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            token_endpoint_auth_method: text("private_key_jwt"),
            token_endpoint_auth_signing_alg: text("ES256"),
            jwks: Some(
                json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": number, "y": number }] }),
            ),
            dpop_bound_access_tokens: true,
            require_pushed_authorization_requests: true,
            id_token_signed_response_alg: text("PS256"),
            authorization_signed_response_alg: text("ES256"),
            request_object_signing_alg: text("EdDSA"),
            ..NewClient::default()
        }
    }

    /// Which profiles refuse the model after a change, naming themselves and this field.
    #[track_caller]
    fn check(change: impl Fn(&mut NewClient), field: &str, refusing: &[Profile]) {
        for profile in Profile::ALL {
            let mut new = model(*profile);
            change(&mut new);
            let faults = new.check().map_or_else(|faults| faults, |_| Vec::new());
            let refused = faults.iter().any(|fault| fault.field == field);
            assert_eq!(
                refused,
                refusing.contains(profile),
                "{profile:?} {faults:?}"
            );
            let names_it = |fault: &MetadataFault| fault.message.contains(profile.as_str());
            assert!(faults.iter().all(names_it), "{faults:?}");
        }
    }

    #[test]
    fn a_registration_is_held_to_every_requirement_of_its_profile() {
        use Profile::{Fapi2, Mcp, OAuth21};

        let text = |text: &str| Some(text.to_owned());
        check(|_| {}, "none", &[]);
        check(
            |new| new.require_pkce = Some(false),
            "require_pkce",
            Profile::ALL,
        );
        check(
            |new| new.response_types = vec!["code".to_owned(), "code id_token".to_owned()],
            "response_types",
            &[OAuth21, Fapi2, Mcp],
        );
        check(
            |new| new.require_pushed_authorization_requests = false,
            "require_pushed_authorization_requests",
            &[Fapi2],
        );
        check(
            |new| new.dpop_bound_access_tokens = false,
            "dpop_bound_access_tokens",
            &[Fapi2],
        );
        for method in ["client_secret_basic", "none"] {
            check(
                |new| {
                    new.token_endpoint_auth_method = text(method);
                    new.token_endpoint_auth_signing_alg = None;
                },
                "token_endpoint_auth_method",
                &[Fapi2],
            );
        }
        check(
            |new| new.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()],
            "redirect_uris",
            &[Fapi2],
        );
    }

    #[test]
    fn fapi2_leaves_no_algorithm_to_chance() {
        type Member = fn(&mut NewClient) -> &mut Option<String>;

        let named: [Member; 4] = [
            |new| &mut new.id_token_signed_response_alg,
            |new| &mut new.authorization_signed_response_alg,
            |new| &mut new.request_object_signing_alg,
            |new| &mut new.token_endpoint_auth_signing_alg,
        ];
        let field = "id_token_signed_response_alg";
        for member in named {
            for weak in [None, Some("RS256")] {
                let weak = weak.map(str::to_owned);
                check(|new| *member(new) = weak.clone(), field, &[Profile::Fapi2]);
            }
        }
        let userinfo = |alg: &'static str| {
            move |new: &mut NewClient| new.userinfo_signed_response_alg = Some(alg.to_owned())
        };
        check(userinfo("RS256"), field, &[Profile::Fapi2]);
        check(userinfo("PS256"), field, &[]);
        let introspection = |alg: &'static str| {
            move |new: &mut NewClient| new.introspection_signed_response_alg = Some(alg.to_owned())
        };
        check(introspection("RS256"), field, &[Profile::Fapi2]);
        check(introspection("EdDSA"), field, &[]);
        let asked = |alg: &'static str| {
            move |new: &mut NewClient| {
                new.backchannel_authentication_request_signing_alg = Some(alg.to_owned());
            }
        };
        check(asked("RS256"), field, &[Profile::Fapi2]);
        check(asked("ES256"), field, &[]);
    }

    #[test]
    fn an_unknown_profile_is_named() {
        let new = NewClient {
            profile: Some("fapi1".to_owned()),
            ..model(Profile::OAuth21)
        };
        let faults = new.check().unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].field, "profile");
    }
}
