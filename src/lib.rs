//! # Tessera
//!
//! *A tessera was the Roman token: a ticket, a password, and, broken in two, the proof of a bond between two houses.
//! It is also one small tile of a mosaic. This server issues tokens and keeps the tiles: who relates to what.*
//!
//! One binary, one database transaction, one consistency token, for **who you are** (OAuth 2 and OpenID Connect) and
//! **what you may do** (roles and relationship tuples). This page is the map of the house: where things live, which way
//! they may look, what always holds, and three walks through it.
//!
//! # Floors
//!
//! A file imports from floors below its own, never upwards. `tests/it/architecture/` reads the imports and fails on one that
//! points up, on a file over 500 lines, and on a path in this page that does not exist.
//!
//! ```text
//! wiring       main  cli  serve  telemetry
//! edge         http  web  admin  policy/api  oauth/<endpoint files>        axum lives here and in wiring only
//! state        app                                                         one App, built once from Config
//! services     identity  events  metrics  outbound  policy  oauth/{keys,client,flow,..}    async; take the database, a transaction, now
//! store        store  config                                               sqlx lives in store only
//! rules        oauth/protocol  policy/engine  identity's pure files        no async, no I/O, no clock
//! words        base                                                        newtypes everybody uses
//! ```
//!
//! Inside the services: `events` is below `policy` and `identity`; `identity` is below `oauth`. `policy` never imports `identity` or
//! `oauth`. The pure rule modules never import one another.
//!
//! # Rooms
//!
//! | room | what stands in it |
//! |---|---|
//! | [`base`] | identifiers, secrets, time, limits |
//! | [`store`] | the database facade, then one file a table group; the only room that names `sqlx` |
//! | [`config`] | defaults < file < environment < flags; every mistake at once |
//! | [`events`] | what happened, recorded in the transaction that made it happen; what other servers are told of it ([`events::outbox`]) |
//! | [`identity`] | accounts, passwords, sessions, sign-in throttling, the first administrator |
//! | [`oauth`] | the protocol's rules (`oauth/protocol`), its services, its endpoints, the keys |
//! | [`policy`] | the engine (`policy/engine`), the service with its replica, the OpenFGA API (`policy/api`) |
//! | [`outbound`] | the one guarded HTTP client |
//! | [`web`] | the pages people see |
//! | [`admin`] | the JSON API of administrators |
//! | [`http`] | what every request passes: request id, client address, headers, limits, health |
//! | [`cli`] | one file a subcommand family |
//!
//! # Invariants
//!
//! - **One conditional statement.** A state changes by one `UPDATE .. WHERE state = .. RETURNING` (or `DELETE .. RETURNING`), never by
//!   reading and then writing, and never by trusting an isolation level. A fact and its event commit together.
//! - **Revisions.** Every write to a policy store takes the store's next revision under that row's lock, as late as possible, and appends one
//!   entry to the change log. Commit order is revision order, without gaps. A replica follows the log contiguously or reloads.
//! - **Secrets.** What we generate has 256 random bits, a prefix of its kind, and is stored as a hash; what people choose is Argon2id with a pepper;
//!   what must be read again is sealed under a data key that the master key wraps, bound to its table, column and row.
//! - **Time is an argument.** `now` is taken once a request from [`base::time::Clock`].
//! - **No network call and no password hash while a transaction is open.**
//! - **Refresh tokens** never fork: one family row, one live head; a spent token that comes back revokes the family, commits, and
//!   only then answers the error.
//!
//! # Three walks
//!
//! 1. **Authorize to token.** `oauth/authorize.rs` parses the raw parameters; an error is either shown here or sent back, so that an unverified
//!    redirect URI cannot be used. [`oauth::protocol::authorize`] decides the next step from the request, the session and the consents:
//!    log in, ask, or issue. Issuing inserts grant, code and event in one transaction. `oauth/token/mod.rs` authenticates the client and matches
//!    the grant type; the code is redeemed by one conditional statement, checked by pure rules, and answered with signed tokens.
//! 2. **Refresh with reuse detection.** The family is loaded under the write transaction; [`oauth::protocol::refresh`] decides; the arms of
//!    the `match` do what the decision says. The replay arm revokes the family, records the event, commits, and then answers.
//! 3. **Check.** `policy/api` parses the request; the service gives a snapshot of the graph at least as fresh as asked (usually without I/O);
//!    the engine answers with the decision and the revision it holds at.

// wiring
pub mod cli;
pub mod serve;
pub mod telemetry;
// edge
pub mod admin;
pub mod http;
pub mod web;
// state
pub mod app;
// services
pub mod events;
pub mod identity;
pub mod oauth;
pub mod outbound;
pub mod policy;
// store
pub mod config;
pub mod metrics;
pub mod store;
// words
pub mod base;
