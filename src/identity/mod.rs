//! People: accounts, passwords, sessions.
//!
//! Rules, pure: [`identifier`], [`user`], [`profile`], [`password`], [`login`]. Services: [`account`] changes accounts, [`hasher`] bounds the
//! work of passwords, [`throttle`] the guessing, [`sign_in`] puts them together, [`session`] remembers who is there,
//! [`session_end`] what follows when they go. What people see and do themselves: [`own_sessions`] (each at its [`place`]),
//! [`password_change`].

pub mod account;
pub mod hasher;
pub mod identifier;
pub mod login;
pub mod own_sessions;
pub mod password;
pub mod password_change;
pub mod place;
pub mod profile;
pub mod session;
pub mod session_end;
pub mod setup;
pub mod sign_in;
pub mod throttle;
pub mod user;
