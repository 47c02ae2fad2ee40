//! OAuth over HTTP: a server, a browser, and a relying party that speaks the protocol by hand.

mod access;
mod authorize;
pub mod backchannel;
mod clients;
mod cors;
pub mod device;
mod discovery;
mod keys;
mod logout;
pub mod party;
mod polled;
mod races;
mod refresh;
mod revocation;
mod store;
mod token;

pub use party::Party;
