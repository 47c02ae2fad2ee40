//! The real binary as a process: how it starts, refuses, stops, and what it leaves behind.

mod api_key;
mod apply;
mod client;
mod declare;
mod declared;
mod demo;
mod kill;
mod mutual_tls;
mod outbox;
mod policy;
mod process;
mod refuse;
mod resources;
mod rights;
mod start;
mod tls;
mod words;
