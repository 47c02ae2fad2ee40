//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
pub mod authorization_details;
mod authorize;
pub mod backchannel;
mod backchannel_logout;
mod check_session;
mod claims;
pub mod client_auth;
mod clients;
mod cors;
pub mod device;
mod discovery;
pub mod dpop;
mod jose;
mod keys;
mod logout;
mod outbox;
pub mod par;
pub mod party;
mod polled;
mod races;
mod refresh;
pub mod request_objects;
pub mod resource_servers;
mod resource_store;
mod resources;
mod responses;
mod revocation;
mod store;
mod token;

pub use party::Party;
