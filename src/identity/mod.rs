//! People: accounts, passwords, sessions.

pub mod hasher;
pub mod identifier;
pub mod password;
pub mod user;
