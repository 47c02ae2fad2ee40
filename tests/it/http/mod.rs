//! What happens to every request, whatever it asks for.

mod edge;
mod health;
mod raw;
pub mod routes;
