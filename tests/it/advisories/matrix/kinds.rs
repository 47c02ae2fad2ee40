//! One row a kind of secret: how one is made, how one is used, and what those get who use one that is not good.

use std::collections::BTreeMap;
use std::pin::Pin;

use tessera::base::time::Seconds;
use tessera::identity::setup;

use super::world::{World, forget_attempts, said, shown};
use crate::harness::browser::Browser;
use crate::harness::keys;
use crate::harness::server::client;
use crate::oauth::client_auth;
use crate::oauth::party::{Answer, signed_in};
use crate::oauth::{backchannel, device, dpop, par};
use crate::web::PASSWORD;

pub type Soon<'w> = Pin<Box<dyn Future<Output = String> + 'w>>;

/// A kind of secret.
pub struct Kind {
    pub name: &'static str,
    /// Makes one that is good now.
    pub make: for<'w> fn(&'w mut World) -> Soon<'w>,
    /// Uses one as the client of this index; `ok` or the error.
    pub present: for<'w> fn(&'w mut World, &'w str, usize) -> Soon<'w>,
    /// What one gets that is not good.
    pub refused: &'static str,
    /// What the same gets when it is used again.
    pub again: &'static str,
    /// How long one is good, and what it gets then.
    pub expires: (i64, &'static str),
    /// Whether it belongs to one client.
    pub is_bound: bool,
    /// In what other writings it is the same.
    pub writings: Writings,
}

/// How a secret may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writings {
    /// In one way.
    One,
    /// As people type: in upper and lower case, with and without the hyphen.
    Typed,
}

/// An error page of ours, and no redirect.
pub const PAGE: &str = "a page";

pub const KINDS: &[Kind] = &[
    Kind {
        name: "authorization code",
        make: |w| Box::pin(async { w.clients[0].code(&mut w.browser, &[]).await }),
        present: |w, secret, who| {
            Box::pin(async move { said(&w.clients[who].redeem(secret).await) })
        },
        refused: "invalid_grant",
        again: "invalid_grant",
        expires: (60, "invalid_grant"),
        is_bound: true,
        writings: Writings::One,
    },
    Kind {
        name: "refresh token",
        make: |w| {
            Box::pin(async {
                let tokens = w.clients[0].tokens(&mut w.browser, &[]).await;
                tokens.refresh().to_owned()
            })
        },
        present: |w, secret, who| {
            Box::pin(async move { said(&w.clients[who].refresh(secret).await) })
        },
        refused: "invalid_grant",
        // The answer may have been lost (SECURITY R44).
        again: "ok",
        expires: (30 * 86_400, "invalid_grant"),
        is_bound: true,
        writings: Writings::One,
    },
    Kind {
        name: "access token",
        make: |w| Box::pin(async { w.clients[0].tokens(&mut w.browser, &[]).await.access }),
        present: |w, secret, _| Box::pin(async move { said(&w.clients[0].userinfo(secret).await) }),
        refused: "invalid_token",
        again: "ok",
        expires: (300, "invalid_token"),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "device code",
        make: |w| {
            Box::pin(async {
                let codes = device::begin(&w.clients[0]).await;
                device::decide(&mut w.browser, &codes.user, "allow").await;
                codes.device
            })
        },
        present: |w, secret, who| {
            Box::pin(async move { said(&device::poll(&w.clients[who], secret).await) })
        },
        refused: "invalid_grant",
        again: "invalid_grant",
        expires: (600, "expired_token"),
        is_bound: true,
        writings: Writings::One,
    },
    Kind {
        name: "user code",
        make: |w| Box::pin(async { device::begin(&w.clients[0]).await.user }),
        present: |w, secret, _| {
            Box::pin(async move {
                // Guesses are bounded, which is another test.
                forget_attempts(&w.t).await;
                let page = device::enter(&mut w.browser, secret).await;
                if !page.status.is_success() {
                    return shown(&page);
                }
                let done = w.browser.submit(&page, &[("decision", "deny")]).await;
                shown(&done)
            })
        },
        refused: PAGE,
        again: PAGE,
        expires: (600, PAGE),
        is_bound: false,
        writings: Writings::Typed,
    },
    Kind {
        name: "request_uri",
        make: |w| Box::pin(async { par::request_uri(&par::push(&w.clients[0], &[]).await) }),
        present: |w, secret, who| {
            Box::pin(async move {
                let client_id = w.clients[who].client_id.clone();
                let page = par::open(&mut w.browser, &client_id, secret).await;
                shown(&page)
            })
        },
        refused: PAGE,
        again: PAGE,
        expires: (90, PAGE),
        is_bound: true,
        writings: Writings::One,
    },
    Kind {
        name: "auth_req_id",
        make: |w| {
            Box::pin(async {
                let id = backchannel::ask_for(&w.clients[0], "alice").await;
                let page = w.browser.get("/approvals").await;
                w.browser.submit(&page, &[("decision", "allow")]).await;
                id
            })
        },
        present: |w, secret, who| {
            Box::pin(async move { said(&backchannel::poll(&w.clients[who], secret).await) })
        },
        refused: "invalid_grant",
        again: "invalid_grant",
        expires: (300, "expired_token"),
        is_bound: true,
        writings: Writings::One,
    },
    Kind {
        name: "setup link",
        make: |w| {
            Box::pin(async {
                let (db, now) = (&w.t.app.db, w.t.clock.now());
                let link = setup::issue_link(db, &w.t.url, now).await.unwrap();
                link.expose().rsplit('/').next().unwrap().to_owned()
            })
        },
        present: |w, secret, _| {
            Box::pin(async move {
                let encoded: String =
                    url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                let mut browser = Browser::new(&w.t);
                let page = browser.get(&format!("/setup/{encoded}")).await;
                if !page.status.is_success() {
                    return shown(&page);
                }
                let ann = [
                    ("username", "ann"),
                    ("email", "ann@example.com"),
                    ("password", PASSWORD),
                    ("repeat", PASSWORD),
                ];
                shown(&browser.submit(&page, &ann).await)
            })
        },
        refused: PAGE,
        again: PAGE,
        expires: (900, PAGE),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "flow id",
        make: |w| Box::pin(async { w.begin_flow().await.0 }),
        present: |w, secret, _| Box::pin(async move { w.go_on(secret, &w.flow.1).await }),
        refused: PAGE,
        // Until somebody has signed in: then it ends in a code.
        again: "ok",
        expires: (1_800, PAGE),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "flow cookie",
        make: |w| Box::pin(async { w.begin_flow().await.1 }),
        present: |w, secret, _| Box::pin(async move { w.go_on(&w.flow.0, secret).await }),
        refused: PAGE,
        again: "ok",
        expires: (1_800, PAGE),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "session cookie",
        make: |w| Box::pin(async { signed_in(&w.t).await.cookies["tessera"].clone() }),
        present: |w, secret, _| {
            Box::pin(async move {
                let mut browser = Browser::new(&w.t);
                browser.cookies = BTreeMap::from([("tessera".to_owned(), secret.to_owned())]);
                let path = w.clients[0].authorize_path(&[("prompt", "none")]);
                shown(&browser.get(&path).await)
            })
        },
        refused: "login_required",
        again: "ok",
        expires: (3_600, "login_required"),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "form token",
        make: |w| Box::pin(async { w.load_form().await.0 }),
        present: |w, secret, _| {
            Box::pin(async move { w.send_form(secret, &w.form.1["tessera-form"]).await })
        },
        refused: PAGE,
        again: "ok",
        // With the sign-in that it was given to.
        expires: (3_600, PAGE),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "form cookie",
        make: |w| Box::pin(async { w.load_form().await.1["tessera-form"].clone() }),
        present: |w, secret, _| Box::pin(async move { w.send_form(&w.form.0, secret).await }),
        refused: PAGE,
        again: "ok",
        expires: (3_600, PAGE),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "client assertion",
        make: |w| {
            Box::pin(async {
                w.count += 1;
                let claims = client_auth::claims(&w.t, "signer", &w.count.to_string());
                w.signer.jwt(&claims)
            })
        },
        present: |w, secret, _| {
            Box::pin(async move { said(&client_auth::own_token(&w.t.url, secret).await) })
        },
        refused: "invalid_client",
        again: "invalid_client",
        expires: (3_600, "invalid_client"),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "DPoP proof",
        make: |w| Box::pin(async { w.key.proof(&w.t) }),
        present: |w, secret, _| {
            Box::pin(async move {
                let form = [("grant_type", "client_credentials")];
                said(&dpop::token(&w.clients[0], &form, &[secret]).await)
            })
        },
        refused: "invalid_dpop_proof",
        again: "invalid_dpop_proof",
        expires: (3_600, "invalid_dpop_proof"),
        is_bound: false,
        writings: Writings::One,
    },
    Kind {
        name: "API key",
        make: |w| {
            Box::pin(async {
                let until = w.t.clock.now().plus(Seconds::new(60));
                keys::secret(&w.t, "client:web", |new| new.expires_at = Some(until)).await
            })
        },
        present: |w, secret, _| {
            Box::pin(async move {
                let http = client();
                let request = http.get(format!("{}/stores", w.t.url)).bearer_auth(secret);
                let answer = Answer::of(request).await;
                // The key is good and may nothing.
                if answer.status == 403 {
                    "ok".to_owned()
                } else {
                    answer.status.as_str().to_owned()
                }
            })
        },
        refused: "401",
        again: "ok",
        expires: (60, "401"),
        is_bound: false,
        writings: Writings::One,
    },
];
