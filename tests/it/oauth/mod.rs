//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
mod applications;
mod authorize;
pub mod backchannel;
mod backchannel_logout;
mod check_session;
mod claims;
pub mod client_auth;
mod clients;
mod cors;
mod derived_grants;
pub mod device;
mod discovery;
pub mod dpop;
mod ended_sessions;
pub mod exchange;
mod jose;
mod jwt_bearer;
mod keys;
mod logout;
mod outbox;
mod pairwise;
pub mod par;
pub mod party;
mod polled;
mod polled_grants;
mod races;
mod refresh;
pub mod request_objects;
mod resources;
mod responses;
mod revocation;
mod step_up;
mod store;
mod token;

pub use party::Party;
