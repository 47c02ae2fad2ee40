//! Every secret that we hand out, in every way in which it must not work: one row of [`KINDS`] a kind. Each is refused with the error
//! that its specification names, and no row of any table changes on the way.

use std::collections::BTreeMap;
use std::pin::Pin;

use tessera::base::time::Seconds;
use tessera::identity::setup;
use tessera::store::q;

use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::keys;
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::backchannel::{self, CIBA};
use crate::oauth::client_auth::{self, Signer};
use crate::oauth::device::{self, DEVICE_CODE};
use crate::oauth::dpop::{self, Key};
use crate::oauth::par;
use crate::oauth::party::{Answer, agree, answered, signed_in};
use crate::web::{PASSWORD, alice};

type Soon<'w> = Pin<Box<dyn Future<Output = String> + 'w>>;

/// A kind of secret.
struct Kind {
    name: &'static str,
    /// Makes one that is good now.
    make: for<'w> fn(&'w mut World) -> Soon<'w>,
    /// Uses one as the client of this index; `ok` or the error.
    present: for<'w> fn(&'w mut World, &'w str, usize) -> Soon<'w>,
    /// What one gets that is not good.
    refused: &'static str,
    /// What the same gets when it is used again.
    again: &'static str,
    /// How long one is good, and what it gets then.
    expires: (i64, &'static str),
    /// Whether it belongs to one client.
    is_bound: bool,
    /// Whether people type it: then upper and lower case are the same.
    is_typed: bool,
}

/// An error page of ours, and no redirect.
const PAGE: &str = "a page";

const KINDS: &[Kind] = &[
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
        is_typed: false,
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
        is_typed: false,
    },
    Kind {
        name: "access token",
        make: |w| Box::pin(async { w.clients[0].tokens(&mut w.browser, &[]).await.access }),
        present: |w, secret, _| Box::pin(async move { said(&w.clients[0].userinfo(secret).await) }),
        refused: "invalid_token",
        again: "ok",
        expires: (300, "invalid_token"),
        is_bound: false,
        is_typed: false,
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
        is_typed: false,
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
        is_typed: true,
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
        is_typed: false,
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
        is_typed: false,
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
        is_typed: false,
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
        is_typed: false,
    },
    Kind {
        name: "flow cookie",
        make: |w| Box::pin(async { w.begin_flow().await.1 }),
        present: |w, secret, _| Box::pin(async move { w.go_on(&w.flow.0, secret).await }),
        refused: PAGE,
        again: "ok",
        expires: (1_800, PAGE),
        is_bound: false,
        is_typed: false,
    },
    Kind {
        name: "session cookie",
        make: |w| {
            Box::pin(async {
                let browser = signed_in(&w.t).await;
                let is_session = |(_, value): &(&String, &String)| value.starts_with("tsr_se_");
                let (name, value) = browser.cookies.iter().find(is_session).unwrap();
                w.session_cookie.clone_from(name);
                value.clone()
            })
        },
        present: |w, secret, _| {
            Box::pin(async move {
                let mut browser = Browser::new(&w.t);
                let name = w.session_cookie.clone();
                browser.cookies = BTreeMap::from([(name, secret.to_owned())]);
                let path = w.clients[0].authorize_path(&[("prompt", "none")]);
                shown(&browser.get(&path).await)
            })
        },
        refused: "login_required",
        again: "ok",
        expires: (3_600, "login_required"),
        is_bound: false,
        is_typed: false,
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
        is_typed: false,
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
        is_typed: false,
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
                let http = crate::harness::server::client();
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
        is_typed: false,
    },
];

/// A server with two clients that may do the same, and alice's browser.
struct World {
    t: TestApp,
    browser: Browser,
    clients: [Party; 2],
    signer: Signer,
    key: Key,
    flow: (String, String),
    session_cookie: String,
    count: u32,
}

impl World {
    async fn new(engine: Engine) -> Self {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let browser = signed_in(&t).await;
        let mut clients = Vec::new();
        for id in ["web", "other"] {
            let party = Party::register(&t, id, |new| {
                let grants = new.grant_types.as_mut().unwrap();
                grants.extend([DEVICE_CODE, CIBA].map(str::to_owned));
            })
            .await;
            agree(&t, &user, &party).await;
            clients.push(party);
        }
        let signer = Signer::p256();
        client_auth::signing(&t, "signer", &signer).await;
        let Ok(clients) = clients.try_into() else {
            panic!("two clients");
        };
        Self {
            t,
            browser,
            clients,
            signer,
            key: Key::new(),
            flow: (String::new(), String::new()),
            session_cookie: String::new(),
            count: 0,
        }
    }

    /// Begins a flow in a browser where nobody is signed in: its id and its cookie.
    async fn begin_flow(&mut self) -> (String, String) {
        let mut browser = Browser::new(&self.t);
        let page = browser.get(&self.clients[0].authorize_path(&[])).await;
        let (_, id) = page.location().split_once("flow=").unwrap();
        self.flow = (id.to_owned(), browser.cookies["tessera_flow"].clone());
        self.flow.clone()
    }

    async fn go_on(&self, id: &str, cookie: &str) -> String {
        let mut browser = Browser::new(&self.t);
        browser.cookies = BTreeMap::from([("tessera_flow".to_owned(), cookie.to_owned())]);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("flow", id)
            .finish();
        shown(&browser.get(&format!("/authorize/continue?{query}")).await)
    }

    async fn present(&mut self, kind: &Kind, secret: &str, who: usize) -> String {
        (kind.present)(self, secret, who).await
    }
}

fn said(answer: &Answer) -> String {
    if answer.status.is_server_error() {
        return format!("{answer:?}");
    }
    answer.error().to_owned()
}

/// What a page says: the error that goes back to the client, that it is an error page, or `ok`.
fn shown(page: &Page) -> String {
    if let Some(error) = answered(page).remove("error") {
        return error;
    }
    match page.status.as_u16() {
        400..500 if page.location().is_empty() => PAGE.to_owned(),
        200..400 => "ok".to_owned(),
        _ => format!("{} {}", page.status, page.text),
    }
}

async fn forget_attempts(t: &TestApp) {
    let mut tx = t.app.db.write().await.unwrap();
    tx.exec(q("DELETE FROM sign_in_attempts")).await.unwrap();
    tx.commit().await.unwrap();
}

/// Every row of every table, but those of the throttle, which counts what is refused.
async fn everything(t: &TestApp) -> BTreeMap<String, String> {
    let mut conn = t.app.db.read().await.unwrap();
    let is_postgres = conn.is_postgres();
    let tables = if is_postgres {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    };
    let tables: Vec<String> = conn.all(q(tables)).await.unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut found = BTreeMap::new();
    for table in tables
        .into_iter()
        .filter(|table| table != "sign_in_attempts")
    {
        let sql = if is_postgres {
            format!(
                "SELECT COALESCE(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM {table} t"
            )
        } else {
            let columns = format!(
                "SELECT group_concat('quote(' || name || ')', ' || ''|'' || ') FROM pragma_table_info('{table}')"
            );
            let columns: String = conn.one(q(columns.leak())).await.unwrap();
            format!(
                "SELECT COALESCE(group_concat(line, char(10)), '') FROM (SELECT {columns} AS line FROM {table} ORDER BY 1)"
            )
        };
        let rows: String = conn.one(q(sql.leak())).await.unwrap();
        found.insert(table, rows);
    }
    found
}

/// What is not the secret, although it looks like it: every proper prefix, a flipped bit at every place, other writings.
fn damages(text: &str, is_typed: bool) -> Vec<String> {
    let mut damaged: Vec<String> = (1..text.len()).map(|end| text[..end].to_owned()).collect();
    for at in 0..text.len() {
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
            text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        ]);
    }
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
            for damaged in damages(&secret, kind.is_typed) {
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
                if place == own {
                    continue;
                }
                let found = w.present(kind, secret, 0).await;
                let what = KINDS.get(place).map_or("client secret", |kind| kind.name);
                assert_eq!(found, kind.refused, "{engine:?}: {what} as {}", kind.name);
            }
        }
        assert_eq!(everything(&w.t).await, before, "{engine:?}");
    }
}
