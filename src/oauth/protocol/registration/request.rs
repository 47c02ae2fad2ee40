//! A client that registers itself (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2): from the members of its
//! request to metadata under the terms of this server.
//!
//! Members that are not known are left out, and so is what only an administrator decides. Where RFC 7591 section 3.2.1 lets the server choose, what
//! such a client may not have is replaced by what it may: its grant types, its response types and its scopes. The answer tells what was
//! registered. Everything else that is not in order is refused by [`NewClient::check`].

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};

use super::{MetadataFault, NewClient};
use crate::oauth::protocol::client::{GrantType, Origin};
use crate::oauth::protocol::error::{ErrorCode, Fault};
use crate::oauth::protocol::response::ResponseType;
use crate::oauth::protocol::scope::ScopeSet;

/// Known members that are not a registering client's to decide: the server names it and makes its secret, and only an administrator spares
/// people the question or names services.
const NOT_ITS_OWN: [&str; 6] = [
    "client_id",
    "client_secret",
    "skip_consent",
    "require_pkce",
    "resources",
    "subject_token_audiences",
];

/// On what terms a client is registered.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Who vouches for it.
    pub origin: Origin,
    /// The scopes that it may have.
    pub scopes: &'a ScopeSet,
    /// Whether it must use PKCE although it authenticates.
    pub require_pkce: bool,
}

/// The metadata that a client asks for, under these terms.
pub fn read(members: Map<String, Value>, terms: &Terms<'_>) -> Result<NewClient, Fault> {
    check_unknown(&members)?;
    let known = member_names::<NewClient>();
    let members: Map<String, Value> = members
        .into_iter()
        // A null is an absent member (RFC 7592 section 2.2).
        .filter(|(name, value)| known.contains(&name.as_str()) && !value.is_null())
        .filter(|(name, _)| !NOT_ITS_OWN.contains(&name.as_str()))
        .collect();
    if let Some(uris) = members.get("redirect_uris")
        && Vec::<String>::deserialize(uris).is_err()
    {
        return Err(Fault::new(
            ErrorCode::InvalidRedirectUri,
            "redirect_uris: must be a list of texts",
        ));
    }
    let mut new = NewClient::deserialize(Value::Object(members)).map_err(|error| {
        Fault::new(
            ErrorCode::InvalidClientMetadata,
            format!("a member has the wrong type: {error}"),
        )
    })?;
    new.grant_types = Some(grant_types(new.grant_types, terms)?);
    new.response_types = response_types(&new)?;
    new.scope = Some(scope(new.scope.as_deref(), terms)?);
    let is_public = new.token_endpoint_auth_method.as_deref() == Some("none");
    new.require_pkce = Some(terms.require_pkce || is_public);
    // What is not named is told by its name in the answer.
    new.id_token_signed_response_alg
        .get_or_insert_with(|| "RS256".to_owned());
    Ok(new)
}

/// The fault of metadata that did not pass (RFC 7591 section 3.2.2).
pub fn fault_of(faults: &[MetadataFault]) -> Fault {
    let is_redirect = |fault: &MetadataFault| fault.field == "redirect_uris";
    let code = if faults.iter().any(is_redirect) {
        ErrorCode::InvalidRedirectUri
    } else {
        ErrorCode::InvalidClientMetadata
    };
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Fault::new(code, texts.join("; "))
}

/// Members that ask for what this server has not, and that a client must not believe to have.
fn check_unknown(members: &Map<String, Value>) -> Result<(), Fault> {
    let known = member_names::<NewClient>();
    let subject_type = members.get("subject_type").and_then(Value::as_str);
    if !known.contains(&"subject_type") && subject_type.is_some_and(|kind| kind != "public") {
        return Err(Fault::new(
            ErrorCode::InvalidClientMetadata,
            "subject_type: only public is supported",
        ));
    }
    Ok(())
}

/// Those that it may have: real clients name every grant that any server could have, `implicit` among them.
fn grant_types(given: Option<Vec<String>>, terms: &Terms<'_>) -> Result<Vec<String>, Fault> {
    let Some(given) = given else {
        return Ok(vec![GrantType::AuthorizationCode.as_str().to_owned()]);
    };
    let is_kept =
        |text: &String| GrantType::parse(text).is_some_and(|one| terms.origin.may_have(one));
    let kept: Vec<String> = given.into_iter().filter(is_kept).collect();
    if kept.is_empty() {
        return Err(Fault::new(
            ErrorCode::InvalidClientMetadata,
            "grant_types: none of them can be had by registering; name authorization_code",
        ));
    }
    Ok(kept)
}

/// Those that this server has, and `code` where none is named.
fn response_types(new: &NewClient) -> Result<Vec<String>, Fault> {
    let may_have_codes = new.grant_types.as_ref().is_none_or(|grant_types| {
        grant_types
            .iter()
            .any(|one| one == GrantType::AuthorizationCode.as_str())
    });
    if new.response_types.is_empty() {
        let code = ResponseType::Code.as_str().to_owned();
        return Ok(if may_have_codes {
            vec![code]
        } else {
            Vec::new()
        });
    }
    let kept: Vec<String> = new
        .response_types
        .iter()
        .filter(|text| ResponseType::read(text).is_some())
        .cloned()
        .collect();
    if kept.is_empty() {
        return Err(Fault::new(
            ErrorCode::InvalidClientMetadata,
            "response_types: none of them is supported; name code",
        ));
    }
    let needs_codes = |text: &String| ResponseType::read(text).is_some_and(ResponseType::has_code);
    if !may_have_codes && kept.iter().any(needs_codes) {
        // RFC 7591 section 2.1.
        return Err(Fault::new(
            ErrorCode::InvalidClientMetadata,
            "response_types: code needs the grant type authorization_code; name both or neither",
        ));
    }
    Ok(kept)
}

/// The scopes that it asks for within those that it may have; all of those when it names none.
fn scope(given: Option<&str>, terms: &Terms<'_>) -> Result<String, Fault> {
    let Some(text) = given else {
        return Ok(terms.scopes.to_string());
    };
    let refused = |description: String| Fault::new(ErrorCode::InvalidClientMetadata, description);
    let wanted = ScopeSet::parse(text).map_err(|error| refused(format!("scope: {error}")))?;
    let kept = wanted.intersection(terms.scopes);
    if kept.is_empty() && !wanted.is_empty() {
        return Err(refused(format!(
            "scope: none of these can be had by registering; name some of `{}`",
            terms.scopes
        )));
    }
    Ok(if wanted.is_empty() {
        terms.scopes.to_string()
    } else {
        kept.to_string()
    })
}

/// The names of a struct's members, as its derived `Deserialize` knows them.
fn member_names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // Asks for its members, and is told nothing.
    drop(T::deserialize(Names(&mut names)));
    names
}

/// Writes down which members are asked for.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("there is nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oauth::protocol::client::AuthMethod;

    fn read_as(origin: Origin, request: &Value) -> Result<NewClient, Fault> {
        let scopes = ScopeSet::parse("openid email offline_access").unwrap();
        let terms = Terms {
            origin,
            scopes: &scopes,
            require_pkce: true,
        };
        read(request.as_object().unwrap().clone(), &terms)
    }

    fn open(request: &Value) -> Result<NewClient, Fault> {
        read_as(Origin::Open, request)
    }

    fn refused(request: &Value) -> ErrorCode {
        match open(request) {
            Err(fault) => fault.code,
            Ok(new) => fault_of(&new.check().unwrap_err()).code,
        }
    }

    #[test]
    fn the_names_of_members_are_those_that_are_read() {
        let names = member_names::<NewClient>();
        for name in ["client_id", "redirect_uris", "software_version", "logo_uri"] {
            assert!(names.contains(&name), "{name}");
        }
        for name in NOT_ITS_OWN {
            assert!(names.contains(&name), "{name}");
        }
        assert!(!names.contains(&"software_statement"));
    }

    #[test]
    fn what_a_real_client_sends_is_registered_as_far_as_it_may_be() {
        let new = open(&json!({
            "client_name": "Example MCP client",
            "client_name#de": "Beispiel",
            "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
            "grant_types": ["authorization_code", "refresh_token", "implicit", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code", "token"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "software_statement": null,
            "policy_uri": null,
            "x": { "y": 1 }
        }))
        .unwrap();
        let settings = new.check().unwrap().settings;
        assert_eq!(
            settings.grant_types,
            [GrantType::AuthorizationCode, GrantType::RefreshToken]
        );
        assert_eq!(
            settings.metadata.requests.response_types,
            [ResponseType::Code]
        );
        assert_eq!(
            settings.scope,
            ScopeSet::parse("openid email offline_access").unwrap()
        );
        assert_eq!(settings.token_endpoint_auth_method, AuthMethod::None);
        assert!(settings.require_pkce);
    }

    #[test]
    fn what_only_an_administrator_decides_is_not_taken() {
        let new = read_as(
            Origin::Token,
            &json!({
                "client_id": "web",
                "client_secret": "chosen by the client itself",
                "skip_consent": true,
                "require_pkce": false,
                "resources": ["https://api.example"],
                "redirect_uris": ["https://app.example/cb"],
                "scope": "openid tessera:admin"
            }),
        )
        .unwrap();
        assert_eq!((new.client_id, new.client_secret), (None, None));
        assert!(!new.skip_consent && new.resources.is_empty());
        assert_eq!(new.require_pkce, Some(true));
        assert_eq!(new.scope.as_deref(), Some("openid"));
    }

    #[test]
    fn only_clients_that_somebody_vouches_for_act_without_a_person() {
        let request = json!({ "grant_types": ["client_credentials"] });
        assert_eq!(refused(&request), ErrorCode::InvalidClientMetadata);
        let new = read_as(Origin::Token, &request).unwrap();
        assert_eq!(new.grant_types.unwrap(), ["client_credentials"]);
        for grant_type in GrantType::ALL {
            let with_page = matches!(
                grant_type,
                GrantType::AuthorizationCode | GrantType::RefreshToken
            );
            for origin in [Origin::Open, Origin::Document] {
                assert_eq!(origin.may_have(*grant_type), with_page);
            }
        }
    }

    #[test]
    fn every_fault_has_the_code_of_its_kind() {
        let uri = "https://app.example/cb";
        for (request, code) in [
            (json!({}), ErrorCode::InvalidRedirectUri),
            (
                json!({ "redirect_uris": [] }),
                ErrorCode::InvalidRedirectUri,
            ),
            (
                json!({ "redirect_uris": uri }),
                ErrorCode::InvalidRedirectUri,
            ),
            (
                json!({ "redirect_uris": [1] }),
                ErrorCode::InvalidRedirectUri,
            ),
            (
                json!({ "redirect_uris": [format!("{uri}#x")] }),
                ErrorCode::InvalidRedirectUri,
            ),
            (
                json!({ "redirect_uris": ["javascript:alert(1)"] }),
                ErrorCode::InvalidRedirectUri,
            ),
            (
                json!({ "redirect_uris": ["http://app.example/cb"], "logo_uri": "data:x" }),
                ErrorCode::InvalidRedirectUri,
            ),
            (
                json!({ "redirect_uris": [uri], "logo_uri": "javascript:alert(1)" }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "id_token_signed_response_alg": "none" }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "client_name": 7 }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "grant_types": ["password"] }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "response_types": ["token"] }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "grant_types": ["refresh_token"], "response_types": ["code"] }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "scope": "tessera:admin" }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "application_type": "cloud" }),
                ErrorCode::InvalidClientMetadata,
            ),
            (
                json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "private_key_jwt" }),
                ErrorCode::InvalidClientMetadata,
            ),
        ] {
            assert_eq!(refused(&request), code, "{request}");
        }
    }
}
