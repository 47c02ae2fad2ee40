//! What broke elsewhere and must hold here: one function a row of SECURITY.md's catalogue, named after the fault.

mod algorithms;
mod approvals;
mod authorization;
mod authorization_requests;
mod client_assertions;
mod logout;
mod redirect_uris;
mod resources;
mod tokens;
