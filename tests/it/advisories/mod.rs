//! What broke elsewhere and must hold here: one function a row of SECURITY.md's catalogue, named after the fault.

mod approvals;
mod authorization;
mod redirect_uris;
mod tokens;
