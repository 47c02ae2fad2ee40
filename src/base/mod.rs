//! Words everybody uses: identifiers, secrets, time, limits.
//!
//! The ground floor of the house: pure, no async, no I/O (the system clock and the random generator,
//! which have their only rooms here, excepted), and imported by every other floor.

pub mod encoding;
pub mod id;
pub mod limit;
pub mod secret;
pub mod time;
