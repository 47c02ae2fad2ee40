//! The database: one SQL text, two databases.
//!
//! The only room that names `sqlx`. [`Db`] hides which engine answers; a query is one `'static` text with `$1 ..`
//! placeholders, typed binds, and rows decoded by [`FromRow`]. Readers take `&mut Conn`, writers demand `&mut Tx`.
//!
//! INVARIANT: correctness comes from one conditional statement (`UPDATE .. WHERE state = .. RETURNING`), never from
//! read-then-write and never from the isolation level. No network call and no password hash while a [`Tx`] is open.
//!
//! The portable subset: columns `TEXT`, `BIGINT`, `BOOLEAN`; times as `BIGINT` milliseconds; `ON CONFLICT`, `RETURNING`,
//! common table expressions and partial indexes; no arrays, `now()`, `ILIKE` or `SKIP LOCKED`; `CAST(SUM(..) AS BIGINT)`.

mod db;
mod error;
mod migrate;
mod query;
mod sqlite_writer;

pub mod access_tokens;
pub mod agreed_details;
pub mod api_keys;
pub mod authorization_codes;
pub mod authorization_details_types;
pub mod authorization_flows;
pub mod backchannel_requests;
pub mod client_documents;
pub mod clients;
pub mod consents;
pub mod device_authorizations;
pub mod dpop_proofs;
pub mod events;
pub mod grants;
pub mod initial_access_tokens;
pub mod meta;
pub mod outbox;
pub mod pairwise_subjects;
pub mod policy_assertions;
pub mod policy_changes;
pub mod policy_models;
pub mod policy_stores;
pub mod policy_tuples;
pub mod polled;
pub mod pushed_requests;
pub mod refresh_families;
pub mod registration_access_tokens;
pub mod resource_servers;
pub mod revoked_access_tokens;
pub mod seal;
pub mod sessions;
pub mod setup_links;
pub mod sign_in_attempts;
pub mod signing_keys;
pub mod trusted_issuers;
pub mod used_jtis;
pub mod users;

pub use db::{Conn, Db, DbOptions, Tx};
pub use error::StoreError;
pub use migrate::{SchemaError, migrate};
pub use query::{Column, FromRow, Query, Row, Value, q};
