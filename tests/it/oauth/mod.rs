//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
mod authorize;
mod clients;
mod cors;
mod discovery;
mod jose;
mod keys;
mod logout;
pub mod party;
mod races;
mod refresh;
mod revocation;
mod store;
mod token;

pub use party::Party;
