//! The authorization response: which parts it has (response type), and how it travels to the client (response mode).
//!
//! OAuth 2.0 Multiple Response Type Encoding Practices, OAuth 2.0 Form Post Response Mode, JARM (JWT Secured Authorization
//! Response Mode for OAuth 2.0). An answer knows its mode, so that whoever sends it has no choice to make. What holds a token never goes
//! into a query, which logs and `Referer` headers keep. The signature of a signed answer is the sender's work, not this file's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::words;
use super::error::{Fault, quoted};
use super::redirect_uri::{with_fragment, with_query};
use crate::base::time::{Seconds, Timestamp};

/// How long a signed answer is good: it is read at once.
const SIGNED_ANSWER_SECONDS: Seconds = Seconds::new(300);

words! {
    /// Which parts the answer of the authorization endpoint has. Everything but `code` is off unless the client registered it.
    ResponseType {
        /// A code alone (RFC 6749 section 4.1).
        Code = "code",
        /// A code and an ID token (OpenID Connect Core 1.0 section 3.3).
        CodeIdToken = "code id_token",
        /// A code and an access token.
        CodeToken = "code token",
        /// All three.
        CodeIdTokenToken = "code id_token token",
        /// An ID token alone (OpenID Connect Core 1.0 section 3.2).
        IdToken = "id_token",
    }
}

/// A request kept by an earlier release asked for a code.
impl Default for ResponseType {
    fn default() -> Self {
        Self::Code
    }
}

impl ResponseType {
    /// The type that a request names: a set of words in any order.
    pub fn read(text: &str) -> Option<Self> {
        let mut words: Vec<&str> = text.split(' ').collect();
        words.sort_unstable();
        Self::parse(&words.join(" "))
    }

    /// Whether a code is a part.
    pub const fn has_code(self) -> bool {
        match self {
            Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken => true,
            Self::IdToken => false,
        }
    }

    /// Whether an ID token is a part.
    pub const fn has_id_token(self) -> bool {
        match self {
            Self::CodeIdToken | Self::CodeIdTokenToken | Self::IdToken => true,
            Self::Code | Self::CodeToken => false,
        }
    }

    /// Whether an access token is a part.
    pub const fn has_token(self) -> bool {
        match self {
            Self::CodeToken | Self::CodeIdTokenToken => true,
            Self::Code | Self::CodeIdToken | Self::IdToken => false,
        }
    }
}

words! {
    /// How the answer travels, as a request names it.
    ResponseMode {
        /// In the query.
        Query = "query",
        /// In the fragment.
        Fragment = "fragment",
        /// In a form that the browser posts.
        FormPost = "form_post",
        /// Signed, in the query (JARM section 2.3.1).
        QueryJwt = "query.jwt",
        /// Signed, in the fragment (section 2.3.2).
        FragmentJwt = "fragment.jwt",
        /// Signed, in a form (section 2.3.3).
        FormPostJwt = "form_post.jwt",
        /// Signed, where the response type's answers go (section 2.3.4).
        Jwt = "jwt",
    }
}

/// Where the parameters of an answer stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// In the redirect URI's query.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// In a form that the browser posts to it.
    Form,
}

/// The resolved way of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// Where the parameters stand.
    pub carrier: Carrier,
    /// Whether they are one signed JWT.
    pub signed: bool,
}

impl Channel {
    /// The way of an answer of this type, in the mode that the request names or in none.
    pub fn of(response_type: ResponseType, mode: Option<ResponseMode>) -> Result<Self, Fault> {
        let usual = match response_type {
            ResponseType::Code => Carrier::Query,
            ResponseType::CodeIdToken
            | ResponseType::CodeToken
            | ResponseType::CodeIdTokenToken
            | ResponseType::IdToken => Carrier::Fragment,
        };
        let (carrier, signed) = match mode {
            None => (usual, false),
            Some(ResponseMode::Query) => (Carrier::Query, false),
            Some(ResponseMode::Fragment) => (Carrier::Fragment, false),
            Some(ResponseMode::FormPost) => (Carrier::Form, false),
            Some(ResponseMode::QueryJwt) => (Carrier::Query, true),
            Some(ResponseMode::FragmentJwt) => (Carrier::Fragment, true),
            Some(ResponseMode::FormPostJwt) => (Carrier::Form, true),
            Some(ResponseMode::Jwt) => (usual, true),
        };
        if carrier == Carrier::Query && usual != Carrier::Query {
            return Err(Fault::invalid_request(format!(
                "an answer of the response type `{}` must not stand in the query; use `fragment` or `form_post`",
                response_type.as_str()
            )));
        }
        Ok(Self { carrier, signed })
    }

    /// The mode that means this way, whatever the response type.
    pub const fn mode(self) -> ResponseMode {
        match (self.carrier, self.signed) {
            (Carrier::Query, false) => ResponseMode::Query,
            (Carrier::Fragment, false) => ResponseMode::Fragment,
            (Carrier::Form, false) => ResponseMode::FormPost,
            (Carrier::Query, true) => ResponseMode::QueryJwt,
            (Carrier::Fragment, true) => ResponseMode::FragmentJwt,
            (Carrier::Form, true) => ResponseMode::FormPostJwt,
        }
    }

    /// The way of an error about the type or the mode themselves: as near to what the request means as can be told.
    pub fn of_error(response_type: Option<&str>, mode: Option<&str>) -> Self {
        let names_token = response_type
            .is_some_and(|text| text.split(' ').any(|w| matches!(w, "token" | "id_token")));
        let stand_in = if names_token {
            ResponseType::CodeIdTokenToken
        } else {
            ResponseType::Code
        };
        let mode = mode.and_then(ResponseMode::parse);
        Self::of(stand_in, mode)
            .or_else(|_| Self::of(stand_in, None))
            .unwrap_or_default()
    }
}

/// The mode that a request names.
pub fn mode(text: Option<&str>) -> Result<Option<ResponseMode>, Fault> {
    let parse = |text: &str| {
        ResponseMode::parse(text).ok_or_else(|| {
            Fault::invalid_request(format!(
                "the response mode {} is not supported; use query, fragment, form_post or one of their .jwt forms",
                quoted(text)
            ))
        })
    };
    text.map(parse).transpose()
}

/// An answer on its way to the client's verified redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where it goes.
    pub uri: String,
    /// To whom: the audience of a signed answer.
    pub client_id: String,
    /// How it goes.
    pub channel: Channel,
    /// Comes back with it.
    pub state: Option<String>,
    /// What it says.
    pub outcome: Outcome,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for.
    Granted(Parts),
    /// An error.
    Fault(Fault),
}

/// What was asked for, by the response type's parts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The code.
    pub code: Option<String>,
    /// The ID token.
    pub id_token: Option<String>,
    /// The access token.
    pub token: Option<FrontToken>,
    /// What a frame compares the session with (OpenID Connect Session Management 1.0 section 2).
    pub session_state: Option<String>,
}

/// An access token in an authorization response (RFC 6749 section 4.2.2).
#[derive(Clone, PartialEq, Eq)]
pub struct FrontToken {
    /// The token.
    pub access_token: String,
    /// How long it is good, in seconds.
    pub expires_in: i64,
    /// Its scopes.
    pub scope: String,
}

// Both hold secrets.
impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts(..)")
    }
}

impl std::fmt::Debug for FrontToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrontToken(..)")
    }
}

/// Name and value of what an answer carries.
pub type Parameters = Vec<(&'static str, String)>;

/// What the browser is told to do with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Go there.
    Location(String),
    /// Post these fields there.
    Form {
        /// Where.
        action: String,
        /// What.
        fields: Parameters,
    },
}

impl Redirect {
    /// What the answer carries; `iss` stands in every one (RFC 9207 section 2).
    pub fn parameters(&self, issuer: &str) -> Parameters {
        let mut parameters: Parameters = Vec::new();
        match &self.outcome {
            Outcome::Granted(parts) => {
                parameters.extend(parts.code.clone().map(|code| ("code", code)));
                if let Some(token) = &parts.token {
                    parameters.push(("access_token", token.access_token.clone()));
                    parameters.push(("token_type", "Bearer".to_owned()));
                    parameters.push(("expires_in", token.expires_in.to_string()));
                    parameters.push(("scope", token.scope.clone()));
                }
                parameters.extend(parts.id_token.clone().map(|token| ("id_token", token)));
                let session_state = parts.session_state.clone();
                parameters.extend(session_state.map(|state| ("session_state", state)));
            }
            Outcome::Fault(fault) => {
                parameters.push(("error", fault.code.as_str().to_owned()));
                parameters.push(("error_description", fault.description.clone()));
            }
        }
        parameters.extend(self.state.clone().map(|state| ("state", state)));
        parameters.push(("iss", issuer.to_owned()));
        parameters
    }

    /// The claims of a signed answer (JARM section 2.1).
    pub fn claims(&self, issuer: &str, now: Timestamp) -> Map<String, Value> {
        let mut claims: Map<String, Value> = self
            .parameters(issuer)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect();
        claims.insert("aud".to_owned(), Value::String(self.client_id.clone()));
        let exp = now.plus(SIGNED_ANSWER_SECONDS).seconds();
        claims.insert("exp".to_owned(), exp.into());
        claims
    }

    /// The parameters on their way.
    pub fn delivery(&self, parameters: Parameters) -> Delivery {
        let pairs: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        match self.channel.carrier {
            Carrier::Query => Delivery::Location(with_query(&self.uri, &pairs)),
            Carrier::Fragment => Delivery::Location(with_fragment(&self.uri, &pairs)),
            Carrier::Form => Delivery::Form {
                action: self.uri.clone(),
                fields: parameters,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::protocol::error::ErrorCode;

    #[test]
    fn a_response_type_is_a_set_of_words() {
        for (text, expect) in [
            ("code", Some(ResponseType::Code)),
            ("id_token code", Some(ResponseType::CodeIdToken)),
            ("token code", Some(ResponseType::CodeToken)),
            ("token id_token code", Some(ResponseType::CodeIdTokenToken)),
            ("id_token", Some(ResponseType::IdToken)),
            ("token", None),
            ("id_token token", None),
            ("none", None),
            ("code code", None),
            ("code  id_token", None),
            ("Code", None),
            ("", None),
        ] {
            assert_eq!(ResponseType::read(text), expect, "{text}");
        }
    }

    #[track_caller]
    fn check(response_type: &str, mode: Option<&str>, expect: Option<(Carrier, bool)>) {
        let response_type = ResponseType::read(response_type).unwrap();
        let mode = super::mode(mode).unwrap();
        let found = Channel::of(response_type, mode).ok();
        assert_eq!(found.map(|found| (found.carrier, found.signed)), expect);
    }

    #[test]
    fn tokens_never_travel_in_a_query() {
        check("code", None, Some((Carrier::Query, false)));
        check("code", Some("fragment"), Some((Carrier::Fragment, false)));
        check("code", Some("form_post"), Some((Carrier::Form, false)));
        check("code", Some("jwt"), Some((Carrier::Query, true)));
        check("code", Some("query.jwt"), Some((Carrier::Query, true)));
        check("code", Some("form_post.jwt"), Some((Carrier::Form, true)));
        for hybrid in [
            "code id_token",
            "code token",
            "code id_token token",
            "id_token",
        ] {
            check(hybrid, None, Some((Carrier::Fragment, false)));
            check(hybrid, Some("jwt"), Some((Carrier::Fragment, true)));
            check(hybrid, Some("form_post"), Some((Carrier::Form, false)));
            check(hybrid, Some("query"), None);
            check(hybrid, Some("query.jwt"), None);
        }
        assert!(mode(Some("web_message")).is_err());
        assert!(mode(Some("Query")).is_err());
    }

    #[test]
    fn an_error_about_type_or_mode_still_finds_its_way() {
        for (response_type, mode, expect) in [
            (None, None, Carrier::Query),
            (Some("code"), Some("nonsense"), Carrier::Query),
            (Some("code"), Some("form_post"), Carrier::Form),
            (Some("token"), None, Carrier::Fragment),
            (Some("code id_token"), Some("query"), Carrier::Fragment),
            (Some("code id_token"), Some("form_post"), Carrier::Form),
        ] {
            assert_eq!(Channel::of_error(response_type, mode).carrier, expect);
        }
    }

    fn redirect(channel: Channel, outcome: Outcome) -> Redirect {
        Redirect {
            uri: "https://app.example/cb?x=1".to_owned(),
            client_id: "web".to_owned(),
            channel,
            state: Some("a&b".to_owned()),
            outcome,
        }
    }

    #[test]
    fn an_answer_goes_the_way_it_knows() {
        let parts = Parts {
            code: Some("c".to_owned()),
            id_token: Some("i".to_owned()),
            token: Some(FrontToken {
                access_token: "t".to_owned(),
                expires_in: 300,
                scope: "openid".to_owned(),
            }),
            session_state: Some("h.s".to_owned()),
        };
        assert_eq!(format!("{parts:?}"), "Parts(..)");
        let all = "code=c&access_token=t&token_type=Bearer&expires_in=300&scope=openid&id_token=i&session_state=h.s&state=a%26b&iss=https%3A%2F%2Fid.example";
        for (carrier, expect) in [
            (
                Carrier::Query,
                Some(format!("https://app.example/cb?x=1&{all}")),
            ),
            (
                Carrier::Fragment,
                Some(format!("https://app.example/cb?x=1#{all}")),
            ),
            (Carrier::Form, None),
        ] {
            let channel = Channel {
                carrier,
                signed: false,
            };
            let redirect = redirect(channel, Outcome::Granted(parts.clone()));
            let parameters = redirect.parameters("https://id.example");
            match (redirect.delivery(parameters), expect) {
                (Delivery::Location(found), Some(expect)) => assert_eq!(found, expect),
                (Delivery::Form { action, fields }, None) => {
                    assert_eq!(action, "https://app.example/cb?x=1");
                    assert_eq!(fields.len(), 9);
                }
                (found, _) => panic!("{found:?}"),
            }
        }
    }

    #[test]
    fn a_signed_answer_names_its_audience_and_its_end() {
        let fault = Fault::new(ErrorCode::AccessDenied, "no");
        let redirect = redirect(Channel::default(), Outcome::Fault(fault));
        let claims = redirect.claims("https://id.example", Timestamp::from_seconds(1_000));
        let expect = serde_json::json!({
            "iss": "https://id.example", "aud": "web", "exp": 1_300,
            "error": "access_denied", "error_description": "no", "state": "a&b",
        });
        assert_eq!(Value::Object(claims), expect);
    }
}
