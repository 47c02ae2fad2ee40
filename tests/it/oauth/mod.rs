//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
mod authorize;
mod backchannel;
mod check_session;
mod clients;
mod cors;
mod discovery;
mod keys;
mod logout;
mod outbox;
pub mod party;
mod races;
mod refresh;
mod revocation;
mod store;
mod token;

pub use party::Party;
