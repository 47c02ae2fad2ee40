//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
mod authorize;
mod claims;
mod clients;
mod cors;
mod discovery;
mod keys;
mod logout;
pub mod party;
mod par;
mod races;
mod refresh;
mod request_objects;
mod resources;
mod responses;
mod revocation;
mod store;
mod token;

pub use party::Party;
