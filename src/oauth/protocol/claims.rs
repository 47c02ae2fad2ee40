//! The claims of what we sign: access tokens (RFC 9068) and ID tokens (OpenID Connect Core 1.0 section 2); and a person's own claims.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::actor::{Actor, MayAct};
use super::audience::Audience;
use super::authorization_details::AuthorizationDetails;
use super::confirmation::Confirmation;
use super::scope::{ADDRESS, EMAIL, PHONE, PROFILE, ScopeSet};
use crate::base::encoding::base64url;
use crate::base::id::{GrantId, SessionId};
use crate::base::secret::random;
use crate::base::time::Timestamp;

/// What a JWT of ours is, by its header's `typ`: no kind passes for another (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token (RFC 9068 section 2.1).
    AccessToken,
    /// An ID token.
    IdToken,
    /// A logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    LogoutToken,
    /// An answer of the userinfo endpoint. It lacks what every ID token has, so that it is never taken for one.
    UserInfo,
    /// An answer of the introspection endpoint (RFC 9701 section 5).
    Introspection,
    /// A signed authorization response (JARM section 2.1).
    AuthorizationResponse,
    /// A metadata document (RFC 8414 section 2.1, RFC 9728 section 2.2).
    Metadata,
}

impl TokenType {
    /// The header's `typ`.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken | Self::UserInfo => "JWT",
            Self::LogoutToken => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
            Self::AuthorizationResponse => "oauth-authz-resp+jwt",
            Self::Metadata => "oauth-metadata+jwt",
        }
    }
}

/// An access token's claims (RFC 9068 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// The person, or the client when it acts as itself.
    pub sub: String,
    /// The resource servers: the issuer itself unless the request named others.
    pub aud: Audience,
    /// The client it was issued to.
    pub client_id: String,
    /// Issued at, in seconds.
    pub iat: i64,
    /// Expires at, in seconds.
    pub exp: i64,
    /// `<grant id>.<random>`, or random alone when the client acts as itself: a grant's revocation reaches its tokens.
    pub jti: String,
    /// The granted scopes.
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scope: ScopeSet,
    /// The sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// When the person signed in, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How strongly the person was authenticated (RFC 9068 section 2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The key that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Who acts in the subject's name (RFC 8693 section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// Who may come to act in the subject's name (section 4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_act: Option<MayAct>,
    /// What it allows beyond scopes (RFC 9396 section 9.1).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
}

impl AccessClaims {
    /// The grant that the token came from; none when the client acts as itself.
    pub fn grant_id(&self) -> Option<GrantId> {
        let (grant, _) = self.jti.split_once('.')?;
        GrantId::parse(grant).ok()
    }

    /// When the token expires.
    pub const fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.exp)
    }
}

/// A new `jti`, of a grant or of a client's own token.
pub fn new_jti(grant: Option<&GrantId>) -> String {
    let random = base64url(&random::<16>());
    match grant {
        Some(grant) => format!("{grant}.{random}"),
        None => random,
    }
}

/// An ID token's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdClaims {
    /// The issuer.
    pub iss: String,
    /// The person.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Issued at, in seconds.
    pub iat: i64,
    /// Expires at, in seconds.
    pub exp: i64,
    /// When the person signed in, in seconds.
    pub auth_time: i64,
    /// From the authorization request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The sign-in.
    pub sid: SessionId,
    /// Hash of the access token beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// Hash of the code beside it (OpenID Connect Core 1.0 section 3.3.2.11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_hash: Option<String>,
    /// Hash of the state beside it (FAPI 1.0 Part 2 section 5.2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s_hash: Option<String>,
    /// How strongly the person was authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How the person signed in (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The person's own claims, where the request asked for them here.
    #[serde(flatten)]
    pub person: Map<String, Value>,
}

/// A person's claims as a JWT (OpenID Connect Core 1.0 section 5.3.2). It does not expire: it is an answer, not a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserInfoJwt<T> {
    /// The issuer.
    pub iss: String,
    /// The client.
    pub aud: String,
    /// The claims.
    #[serde(flatten)]
    pub claims: T,
}

/// An introspection answer as a JWT (RFC 9701 section 5). The answer stands apart, so that it is never taken for the token it tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntrospectionJwt<T> {
    /// The issuer.
    pub iss: String,
    /// Who asked.
    pub aud: String,
    /// When, in seconds.
    pub iat: i64,
    /// The answer.
    pub token_introspection: T,
}

/// The scopes that ask for claims, and which (OpenID Connect Core 1.0 section 5.4). Every claim that a person may have stands
/// here once, and nowhere else: discovery announces them, and what no scope names is given to nobody.
pub const CLAIMS_BY_SCOPE: [(&str, &[&str]); 4] = [
    (
        PROFILE,
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    (EMAIL, &["email", "email_verified"]),
    (ADDRESS, &["address"]),
    (PHONE, &["phone_number", "phone_number_verified"]),
];

/// What the server knows about a person: claims by name. What is not known is not there.
pub type Person = Map<String, Value>;

/// A person's claims that the scopes allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserClaims {
    /// Who.
    pub sub: String,
    /// The claims by name.
    #[serde(flatten)]
    pub claims: Person,
}

impl UserClaims {
    /// As members of a JSON object.
    pub fn into_members(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            Ok(_) | Err(_) => Map::new(),
        }
    }

    /// The claims of `person` that `scope` allows.
    pub fn of(sub: String, person: &Person, scope: &ScopeSet) -> Self {
        let claims = CLAIMS_BY_SCOPE
            .iter()
            .filter(|(asked, _)| scope.contains(asked))
            .flat_map(|(_, names)| *names)
            .filter_map(|name| person.get_key_value(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self { sub, claims }
    }

    /// Names of the claims that a person may have, as discovery announces them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let of_scopes = CLAIMS_BY_SCOPE.iter().flat_map(|(_, names)| *names);
        std::iter::once("sub").chain(of_scopes.copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_follow_the_scopes() {
        let person = serde_json::json!({
            "name": "Alice",
            "preferred_username": "alice",
            "updated_at": 7,
            "email": "alice@example.com",
            "email_verified": true,
            "address": {"country": "UK"},
            "phone_number": "+123",
            // No scope names it.
            "tokens_valid_from": 3,
        });
        let person = person.as_object().unwrap();
        for (scope, expect) in [
            ("openid", r#"{"sub":"u"}"#),
            (
                "openid profile",
                r#"{"sub":"u","name":"Alice","preferred_username":"alice","updated_at":7}"#,
            ),
            (
                "openid email",
                r#"{"sub":"u","email":"alice@example.com","email_verified":true}"#,
            ),
            (
                "openid address phone",
                r#"{"sub":"u","address":{"country":"UK"},"phone_number":"+123"}"#,
            ),
        ] {
            let scope = ScopeSet::parse(scope).unwrap();
            let claims = UserClaims::of("u".to_owned(), person, &scope);
            let expect: Value = serde_json::from_str(expect).unwrap();
            assert_eq!(serde_json::to_value(&claims).unwrap(), expect);
        }
    }

    #[test]
    fn a_jti_names_its_grant() {
        let grant = GrantId::new(Timestamp::from_ms(0));
        let claims = |jti| AccessClaims {
            iss: String::new(),
            sub: String::new(),
            aud: String::new().into(),
            client_id: String::new(),
            iat: 0,
            exp: 0,
            jti,
            scope: ScopeSet::default(),
            sid: None,
            auth_time: None,
            acr: None,
            cnf: None,
            act: None,
            may_act: None,
            authorization_details: AuthorizationDetails::default(),
        };
        assert_eq!(claims(new_jti(Some(&grant))).grant_id(), Some(grant));
        assert_eq!(claims(new_jti(None)).grant_id(), None);
    }
}
