//! Every secret that we hand out, in every way in which it must not work: one row of [`KINDS`] a kind. Each is refused with the error
//! that its specification names, and no row of any table changes on the way.

mod kinds;
mod world;

use tessera::base::time::Seconds;
use tessera::store::q;

use self::kinds::{KINDS, Writings};
use self::world::{World, everything};
use crate::harness::database::{Engine, engines};
use crate::oauth::party::signed_in;

/// What is not the secret, although it looks like it: every proper prefix, a flipped bit at every place, other writings.
fn damages(text: &str, writings: Writings) -> Vec<String> {
    let is_typed = writings == Writings::Typed;
    let mut damaged: Vec<String> = (1..text.len()).map(|end| text[..end].to_owned()).collect();
    // A JWT is long, and its signature covers all of it.
    let step = if text.len() > 100 { 8 } else { 1 };
    for at in (0..text.len()).step_by(step) {
        let mut bytes = text.to_owned().into_bytes();
        bytes[at] ^= 1;
        damaged.push(String::from_utf8(bytes).unwrap());
    }
    damaged.push(format!("{text}{text}"));
    if !is_typed {
        damaged.extend([
            text.to_uppercase(),
            text.to_lowercase(),
            format!("{text}="),
            format!("{text}."),
            text.replace('-', "+").replace('_', "/"),
        ]);
    }
    let encoded: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    damaged.push(encoded.concat());
    // A hyphen between the halves of a user code is there for the eye; and what only adds one is the same code.
    let plain = |text: &str| text.replace('-', "");
    damaged.retain(|other| other != text && !(is_typed && plain(other) == plain(text)));
    // A cookie or a header has no place for these.
    damaged.retain(|other| !other.contains([';', '"', ',', '\\', ' ', '\u{7f}']));
    damaged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_damaged_or_anothers_changes_nothing_and_then_works_as_often_as_it_may() {
    for engine in engines() {
        for kind in KINDS {
            let mut w = World::new(engine).await;
            let secret = (kind.make)(&mut w).await;
            let before = everything(&w.t).await;
            // Which engine keeps them matters less than how they are read.
            let step = if engine == Engine::Sqlite { 1 } else { 16 };
            for damaged in damages(&secret, kind.writings).into_iter().step_by(step) {
                let found = w.present(kind, &damaged, 0).await;
                assert_eq!(found, kind.refused, "{engine:?} {}: {damaged}", kind.name);
            }
            if kind.is_bound {
                let found = w.present(kind, &secret, 1).await;
                assert_eq!(
                    found, kind.refused,
                    "{engine:?} {}: another client",
                    kind.name
                );
            }
            assert_eq!(everything(&w.t).await, before, "{engine:?} {}", kind.name);
            let once = w.present(kind, &secret, 0).await;
            assert_eq!(once, "ok", "{engine:?} {}: nothing burned it", kind.name);
            let twice = w.present(kind, &secret, 0).await;
            assert_eq!(twice, kind.again, "{engine:?} {}: again", kind.name);
            let metrics = w.t.app.metrics.text().unwrap();
            assert!(!metrics.contains("status=\"5"), "{metrics}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_ends_by_the_clock() {
    for engine in engines() {
        for kind in KINDS {
            let mut w = World::new(engine).await;
            let secret = (kind.make)(&mut w).await;
            let (seconds, expect) = kind.expires;
            w.t.clock.advance(Seconds::new(seconds));
            if kind.name == "user code" || kind.name == "request_uri" {
                // The page wants somebody signed in.
                w.browser = signed_in(&w.t).await;
            }
            let found = w.present(kind, &secret, 0).await;
            assert_eq!(found, expect, "{engine:?} {}", kind.name);
        }
    }
}

/// Row 18: what is not worth anything any more once a person is locked, or a client disabled.
const GIVING: [&str; 7] = [
    "authorization code",
    "refresh token",
    "access token",
    "device code",
    "auth_req_id",
    "request_uri",
    "session cookie",
];

/// Row 18: the state alone decides, whatever else still stands: sessions and grants are left as they were.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_before_the_state_changed_gets_nothing_afterwards() {
    for engine in engines() {
        for state in [
            "UPDATE users SET state = 'locked'",
            "UPDATE clients SET state = 'disabled' WHERE client_id = 'web'",
        ] {
            for kind in KINDS.iter().filter(|kind| GIVING.contains(&kind.name)) {
                let mut w = World::new(engine).await;
                let secret = (kind.make)(&mut w).await;
                let mut tx = w.t.app.db.write().await.unwrap();
                tx.exec(q(state)).await.unwrap();
                tx.commit().await.unwrap();
                let found = w.present(kind, &secret, 0).await;
                let sent_to_sign_in = kind.name == "request_uri" && state.contains("users");
                // A page of ours, where nobody who is locked signs in.
                assert_eq!(
                    found == "ok",
                    sent_to_sign_in,
                    "{engine:?} {}: {found}",
                    kind.name
                );
            }
        }
    }
}

/// What is taken in the place of another kind: our own APIs take both.
const TAKEN: &[(&str, &str)] = &[("access token", "API key")];

/// Row 8: what one endpoint takes, no other takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_any_kind_is_worth_nothing_where_another_kind_is_wanted() {
    for engine in engines() {
        let mut w = World::new(engine).await;
        let mut secrets = Vec::new();
        for kind in KINDS {
            secrets.push((kind.make)(&mut w).await);
        }
        secrets.push(w.clients[0].secret.clone().unwrap());
        let before = everything(&w.t).await;
        for (own, kind) in KINDS.iter().enumerate() {
            for (place, secret) in secrets.iter().enumerate() {
                let what = KINDS.get(place).map_or("client secret", |kind| kind.name);
                if place == own || TAKEN.contains(&(what, kind.name)) {
                    continue;
                }
                let found = w.present(kind, secret, 0).await;
                assert_eq!(found, kind.refused, "{engine:?}: {what} as {}", kind.name);
            }
        }
        assert_eq!(everything(&w.t).await, before, "{engine:?}");
    }
}
