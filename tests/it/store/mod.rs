//! The store contract: every store function on both databases.

mod facade;
