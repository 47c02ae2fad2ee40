//! The rules of OAuth 2 and OpenID Connect, each a pure function of values: no I/O, no clock.

pub mod acr;
pub mod api_key;
pub mod audience;
pub mod authorize;
pub mod authorize_step;
pub mod claims;
pub mod claims_request;
pub mod client;

pub mod confirmation;
pub mod credentials;
pub mod error;
pub mod grant;
pub mod params;
pub mod pkce;
pub mod redirect_uri;
pub mod refresh;
pub mod refresh_token;
pub mod registration;
pub mod request_object;
pub mod resource;
pub mod response;
pub mod scope;
pub mod web_uri;
