//! People: accounts, passwords, sessions.
//!
//! Rules, pure: [`identifier`], [`user`], [`profile`], [`password`], [`login`]. Services: [`account`] changes accounts, [`hasher`] bounds the
//! work of passwords, [`throttle`] the guessing, [`sign_in`] puts them together, [`session`] remembers who is there,
//! [`session_end`] what follows when they go.

pub mod account;
pub mod hasher;
pub mod identifier;
pub mod login;
pub mod password;
pub mod profile;
pub mod session;
pub mod session_end;
pub mod setup;
pub mod sign_in;
pub mod throttle;
pub mod user;
