//! What the house plan promises, held as tests: import directions, sizes, documents that name real files, documented keys.

mod documents;
mod floors;
mod purity;
mod requirements;
mod secrets;
mod security;
mod sizes;
mod source;
