//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
mod authorize;
mod claims;
mod clients;
mod cors;
mod discovery;
mod keys;
mod logout;
pub mod par;
pub mod party;
mod races;
mod refresh;
pub mod request_objects;
mod resources;
mod responses;
mod revocation;
mod store;
mod token;

pub use party::Party;
