//! What broke elsewhere and must hold here: one function a row of SECURITY.md's catalogue, named after the fault.

mod account;
mod administration;
mod algorithms;
mod approvals;
mod authorization;
mod authorization_requests;
mod client_assertions;
mod exchange;
mod guessing;
mod hostile;
mod logout;
mod matrix;
mod mutants;
mod redirect_uris;
mod registration;
mod resources;
mod standing;
mod timing;
mod tokens;
