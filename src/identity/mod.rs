//! People: accounts, passwords, sessions.
