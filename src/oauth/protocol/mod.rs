//! The rules of OAuth 2 and OpenID Connect, each a pure function of values: no I/O, no clock.

pub mod acr;
pub mod api_key;
pub mod audience;
pub mod authorize;
pub mod authorize_step;
pub mod backchannel;
pub mod certificate;
pub mod claims;
pub mod claims_request;
pub mod client;
pub mod client_assertion;
pub mod client_document;

pub mod confirmation;
pub mod credentials;
pub mod dpop;
pub mod error;
pub mod grant;
pub mod jwe;
pub mod key_set;
pub mod logout;
pub mod media_type;
pub mod params;
pub mod pkce;
pub mod polling;
pub mod redirect_uri;
pub mod refresh;
pub mod refresh_token;
pub mod registration;
pub mod request_object;
pub mod resource;
pub mod response;
pub mod scope;
pub mod signing;
pub mod user_code;
pub mod web_uri;
