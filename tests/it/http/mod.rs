//! What happens to every request, whatever it asks for.

mod certificates;
mod connections;
mod edge;
mod health;
mod raw;
pub mod routes;
mod serving;
