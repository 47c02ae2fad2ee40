//! Remembers in a browser that somebody signed in there: their next attempts count apart from strangers' (`identity/throttle.rs`),
//! so whoever guesses elsewhere keeps nobody out of where they were.
//!
//! The cookie signs nobody in. It names the account and an instant under a MAC; a lock and a password change that ends the
//! other sessions make those from before worthless.

use aws_lc_rs::hmac;
use http::HeaderMap;

use super::cookies;
use crate::app::App;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::id::UserId;
use crate::base::time::{Seconds, Timestamp};
use crate::identity::session::SignIn;
use crate::identity::sign_in::KnownHere;

/// The cookie's name, before its prefix.
const COOKIE: &str = "tessera-known";
/// How long a browser is known after a sign-in: half a year.
const LIFETIME: Seconds = Seconds::new(180 * 86_400);

/// Who signed in before in the browser that sent these headers.
pub fn of(app: &App, headers: &HeaderMap, now: Timestamp) -> Option<KnownHere> {
    let value = cookies::read(headers, &cookies::name(&app.config, COOKIE))?;
    let (said, tag) = value.rsplit_once('.')?;
    hmac::verify(&key(app), said.as_bytes(), &from_base64url(tag)?).ok()?;
    let (user_id, since) = said.split_once('.')?;
    let since = Timestamp::from_ms(since.parse().ok()?);
    let user_id = UserId::parse(user_id).ok()?;
    (since.plus(LIFETIME) > now).then_some(KnownHere { user_id, since })
}

/// Has the browser remember a sign-in.
pub fn remember(app: &App, headers: &mut HeaderMap, sign_in: &SignIn) {
    let said = format!("{}.{}", sign_in.user_id, sign_in.auth_time.ms());
    let tag = hmac::sign(&key(app), said.as_bytes());
    let value = format!("{said}.{}", base64url(tag.as_ref()));
    let name = cookies::name(&app.config, COOKIE);
    cookies::set_lasting(headers, &app.config, (&name, &value), LIFETIME);
}

fn key(app: &App) -> hmac::Key {
    app.sealer.derive_mac_key("known device")
}
