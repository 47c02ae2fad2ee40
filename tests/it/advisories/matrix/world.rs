//! What the kinds of secrets are made and used in.

use std::collections::BTreeMap;

use tessera::store::q;

use super::kinds::{Kind, PAGE};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::backchannel::CIBA;
use crate::oauth::client_auth::{self, Signer};
use crate::oauth::device::DEVICE_CODE;
use crate::oauth::dpop::Key;
use crate::oauth::party::{Answer, agree, answered, signed_in};
use crate::web::alice;

/// A server with two clients that may do the same, and alice's browser.
pub struct World {
    pub t: TestApp,
    pub browser: Browser,
    pub clients: [Party; 2],
    pub signer: Signer,
    pub key: Key,
    pub flow: (String, String),
    /// A form's token, and the cookies of the browser that was given it.
    pub form: (String, BTreeMap<String, String>),
    pub count: u32,
}

impl World {
    pub async fn new(engine: Engine) -> Self {
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
            form: (String::new(), BTreeMap::new()),
            count: 0,
        }
    }

    /// Begins a flow in a browser where nobody is signed in: its id and its cookie.
    pub async fn begin_flow(&mut self) -> (String, String) {
        let mut browser = Browser::new(&self.t);
        let page = browser.get(&self.clients[0].authorize_path(&[])).await;
        let (_, id) = page.location().split_once("flow=").unwrap();
        self.flow = (id.to_owned(), browser.cookies["tessera_flow"].clone());
        self.flow.clone()
    }

    pub async fn go_on(&self, id: &str, cookie: &str) -> String {
        let mut browser = Browser::new(&self.t);
        browser.cookies = BTreeMap::from([("tessera_flow".to_owned(), cookie.to_owned())]);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("flow", id)
            .finish();
        shown(&browser.get(&format!("/authorize/continue?{query}")).await)
    }

    /// Loads the form of alice's profile: its token, and the browser's cookies.
    pub async fn load_form(&mut self) -> (String, BTreeMap<String, String>) {
        let page = self.browser.get("/account/profile").await;
        let mut hidden = page.hidden_fields().into_iter();
        let (_, token) = hidden.find(|(name, _)| name == "csrf").unwrap();
        self.form = (token, self.browser.cookies.clone());
        self.form.clone()
    }

    /// Sends that form with this token and this cookie.
    pub async fn send_form(&self, token: &str, cookie: &str) -> String {
        let mut browser = Browser::new(&self.t);
        browser.cookies.clone_from(&self.form.1);
        browser
            .cookies
            .insert("tessera-form".to_owned(), cookie.to_owned());
        let fields = [("csrf", token), ("name", "Alice")];
        shown(&browser.post("/account/profile", &fields).await)
    }

    pub async fn present(&mut self, kind: &Kind, secret: &str, who: usize) -> String {
        (kind.present)(self, secret, who).await
    }
}

pub fn said(answer: &Answer) -> String {
    if answer.status.is_server_error() {
        return format!("{answer:?}");
    }
    answer.error().to_owned()
}

/// What a page says: the error that goes back to the client, that it is an error page, or `ok`.
pub fn shown(page: &Page) -> String {
    if let Some(error) = answered(page).remove("error") {
        return error;
    }
    match page.status.as_u16() {
        400..500 if page.location().is_empty() => PAGE.to_owned(),
        200..400 => "ok".to_owned(),
        _ => format!("{} {}", page.status, page.text),
    }
}

pub async fn forget_attempts(t: &TestApp) {
    let mut tx = t.app.db.write().await.unwrap();
    tx.exec(q("DELETE FROM sign_in_attempts")).await.unwrap();
    tx.commit().await.unwrap();
}

/// Every row of every table, but those of the throttle, which counts what is refused.
pub async fn everything(t: &TestApp) -> BTreeMap<String, String> {
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
