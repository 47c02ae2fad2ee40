//! Redirect URIs that are not the registered one, in every disguise we know: each gives a page of ours, never a redirect.

use http::StatusCode;

use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::oauth::party::{Party, signed_in};
use crate::web::alice;

/// Disguises of `https://app.example/cb`.
const WEB: &[&str] = &[
    "https://app.example/CB",
    "https://app.example/Cb",
    "https://APP.example/cb",
    "HTTPS://app.example/cb",
    "https://app.example/cb/",
    "https://app.example/cb//",
    "https://app.example//cb",
    "https://app.example/./cb",
    "https://app.example/cb/.",
    "https://app.example/cb/..",
    "https://app.example/x/../cb",
    "https://app.example/cb/../cb",
    "https://app.example/cb/../evil",
    "https://app.example/%63b",
    "https://app.example/c%62",
    "https://app.example/cb%2f",
    "https://app.example/cb%2F..%2fevil",
    "https://app.example/%2e%2e/cb",
    "https://app.example/cb%00",
    "https://app.example/cb%20",
    "https://app.example/cb ",
    " https://app.example/cb",
    "https://app.example/cb\t",
    "https://app.example/cb\n",
    "https://app.example/cb\r\nSet-Cookie: x=y",
    "https://app.example/c\tb",
    "https://app.\texample/cb",
    "ht\ntps://app.example/cb",
    "https://app.example/cb?",
    "https://app.example/cb?x=1",
    "https://app.example/cb?x=1&y=2",
    "https://app.example/cb#",
    "https://app.example/cb#x",
    "https://app.example/cb#@evil.example",
    "https://app.example/cb;",
    "https://app.example/cb;x=1",
    "https://app.example/cb\\",
    "https://app.example\\cb",
    "https:\\\\app.example\\cb",
    "https:/\\app.example/cb",
    "https:/app.example/cb",
    "https:app.example/cb",
    "https:///app.example/cb",
    "https:////app.example/cb",
    "//app.example/cb",
    "/cb",
    "cb",
    "https://app.example",
    "https://app.example/",
    "https://app.example/c",
    "https://app.example/cbx",
    "https://app.example/cb/x",
    "https://app.example:443/cb",
    "https://app.example:/cb",
    "https://app.example:8443/cb",
    "https://app.example.:443/cb",
    "https://app.example./cb",
    "https://app.example.evil.example/cb",
    "https://evil.example/cb",
    "https://evil.example/https://app.example/cb",
    "https://evil.example?https://app.example/cb",
    "https://evil.example#https://app.example/cb",
    "https://evil.example\\@app.example/cb",
    "https://app.example@evil.example/cb",
    "https://app.example%40evil.example/cb",
    "https://app.example:x@evil.example/cb",
    "https://evil.example@app.example/cb",
    "https://user@app.example/cb",
    "https://user:pw@app.example/cb",
    "https://@app.example/cb",
    "https://:@app.example/cb",
    "https://app.example%2f@evil.example/cb",
    "https://app.example%5c@evil.example/cb",
    "https://app.example%23@evil.example/cb",
    "https://app.example%3f@evil.example/cb",
    "https://appXexample/cb",
    "https://app-example/cb",
    "https://xapp.example/cb",
    "https://sub.app.example/cb",
    "https://*.example/cb",
    "https://app.example/*",
    "https://app.example/cb*",
    "https://app%2eexample/cb",
    "https://app\u{3002}example/cb",
    "https://app\u{ff0e}example/cb",
    "https://\u{ff41}pp.example/cb",
    "https://\u{430}pp.example/cb",
    "https://app.ex\u{ad}ample/cb",
    "https://app.example/cb\u{200b}",
    "https://xn--pp-7kc.example/cb",
    "http://app.example/cb",
    "ftp://app.example/cb",
    "javascript:alert(1)",
    "javascript://app.example/cb%0aalert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://app.example/cb",
    "about:blank",
    "view-source:https://app.example/cb",
    "intent://app.example/cb",
    "urn:ietf:wg:oauth:2.0:oob",
    "com.example.app:/cb",
    "null",
    "undefined",
    "https://app.example/cb https://evil.example/",
    "https://app.example/cb,https://evil.example/",
    "https://app.example/cb|https://evil.example/",
    "https://app.example/cb\u{0}",
    "[https://app.example/cb]",
    "https://app.example/cb?redirect=https://evil.example",
    "https://app.example/cb&state=x",
    "https://[::1]/cb",
    "https://127.0.0.1/cb",
    "https://localhost/cb",
    "https://0x7f000001/cb",
    "https://2130706433/cb",
];

/// Disguises of `http://127.0.0.1/cb`, whose port is free.
const NATIVE: &[&str] = &[
    "http://127.0.0.1:80@evil.example/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:65536/cb",
    "http://127.0.0.1:/cb",
    "http://127.0.0.1:-1/cb",
    "http://127.0.0.1:+80/cb",
    "http://127.0.0.1:80 /cb",
    "http://127.0.0.1:80:80/cb",
    "http://127.0.0.1:80/CB",
    "http://127.0.0.1:80/cb/../x",
    "http://127.0.0.1:80/cb#x",
    "http://127.0.0.1:80\\@evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://127.0.0.2:80/cb",
    "http://127.1:80/cb",
    "http://localhost:80/cb",
    "http://[::1]:80/cb",
    "https://127.0.0.1:80/cb",
    "http://0.0.0.0:80/cb",
    "http://127.0.0.1:80",
    "http://127.0.0.1:80#/cb",
    "http://127.0.0.1:80;/cb",
    "http://127.0.0.1:8080%40evil.example/cb",
    "http://127.0.0.1:\u{661}/cb",
];

/// Marks that parsers of addresses read differently, each in five places.
fn marked() -> Vec<String> {
    let marks = [
        "%00", "%09", "%0a", "%0d%0a", "%20", "%23", "%25", "%2e", "%2f", "%3b", "%3f", "%40",
        "%5c", "%7c", "*", "\u{ff0f}", "\u{3002}", "\u{200d}",
    ];
    let place = |mark: &&str| {
        [
            format!("https://app.example/cb{mark}"),
            format!("https://app.example/{mark}cb"),
            format!("https://app.example{mark}/cb"),
            format!("https://app.example{mark}.evil.example/cb"),
            format!("https://evil.example{mark}@app.example/cb"),
        ]
    };
    marks.iter().flat_map(place).collect()
}

/// Rows 1 and 2: pattern matching, traversal, other authorities, other cases, regular expressions.
#[tokio::test(flavor = "multi_thread")]
async fn every_disguise_gives_a_page_and_never_a_redirect() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let web = Party::register(&t, "web", |_| {}).await;
    let native = Party::register(&t, "native", |new| {
        Party::public(new);
        new.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
    })
    .await;
    let mut browser = signed_in(&t).await;
    let mut cases = 0;
    let marked = marked();
    let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
    for (party, uris) in [(&web, WEB), (&native, NATIVE), (&web, &marked)] {
        for uri in uris {
            let page = browser
                .get(&party.authorize_path(&[("redirect_uri", uri)]))
                .await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{uri:?}");
            assert_eq!(page.location(), "", "{uri:?}");
            assert!(
                page.header("content-security-policy")
                    .starts_with("default-src 'none'")
            );
            cases += 1;
        }
    }
    assert!(cases >= 200, "{cases}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_app_chooses_its_port_when_it_starts() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let native = Party::register(&t, "native", |new| {
        Party::public(new);
        new.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
        new.skip_consent = true;
    })
    .await;
    let mut browser = signed_in(&t).await;
    for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"] {
        let page = browser
            .get(&native.authorize_path(&[("redirect_uri", uri)]))
            .await;
        assert!(
            page.location().starts_with(&format!("{uri}?code=")),
            "{}",
            page.location()
        );
    }
}
