//! Deny by default (SECURITY row 42): the program lists its own routes, and each must have a row here that says who may use
//! it. A route without a row fails, a row without a route fails, and every guarded door is tried without a key.

use std::collections::BTreeSet;
use std::sync::Arc;

use tessera::serve;

use super::raw::send;
use crate::harness::database::Engine;
use crate::harness::server::TestApp;

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Anybody.
    Public,
    /// A browser that was given the form.
    Form,
    /// An access token whose subject has the permission (`policy/access` tries the roles).
    Token,
}

/// Method, route, door. `HEAD` comes with `GET`.
const ROUTES: &[(&str, &str, Door)] = &[
    ("GET", "/", Door::Public),
    (
        "GET",
        "/.well-known/oauth-authorization-server",
        Door::Public,
    ),
    (
        "GET",
        "/.well-known/oauth-authorization-server/{*path}",
        Door::Public,
    ),
    ("GET", "/.well-known/openid-configuration", Door::Public),
    ("GET", "/authorize", Door::Public),
    ("POST", "/authorize", Door::Public),
    ("GET", "/authorize/continue", Door::Public),
    ("GET", "/jwks", Door::Public),
    ("GET", "/livez", Door::Public),
    ("GET", "/login", Door::Public),
    ("GET", "/metrics", Door::Public),
    ("GET", "/readyz", Door::Public),
    ("GET", "/setup/{link}", Door::Public),
    ("GET", "/stores", Door::Token),
    ("POST", "/stores", Door::Token),
    ("GET", "/stores/{store}", Door::Token),
    ("DELETE", "/stores/{store}", Door::Token),
    ("GET", "/stores/{store}/authorization-models", Door::Token),
    ("POST", "/stores/{store}/authorization-models", Door::Token),
    (
        "GET",
        "/stores/{store}/authorization-models/{model}",
        Door::Token,
    ),
    ("POST", "/stores/{store}/batch-check", Door::Token),
    ("GET", "/stores/{store}/changes", Door::Token),
    ("POST", "/stores/{store}/check", Door::Token),
    ("POST", "/stores/{store}/read", Door::Token),
    ("POST", "/stores/{store}/write", Door::Token),
    // Forms: a POST without the form's token is refused, whoever sends it.
    ("POST", "/login", Door::Form),
    ("POST", "/setup/{link}", Door::Form),
    ("POST", "/signout", Door::Form),
];

/// The routes that the running program has, as method and path.
async fn routes_of(t: &TestApp) -> BTreeSet<(String, String)> {
    let listing = format!("{:?}", serve::router(Arc::clone(&t.app)));
    let (_, node) = listing.split_once("node: Node { paths: {").unwrap();
    let (paths, _) = node.split_once("} }, fallback_router").unwrap();
    let mut routes = BTreeSet::new();
    for path in paths.split('"').skip(1).step_by(2) {
        // No route takes this method, so the answer's `Allow` lists those it takes.
        let answer = send(&t.url, "LIST", &filled(path), &[]).await;
        assert_eq!(answer.status, 405, "{path} takes any method");
        for method in answer.header("allow").unwrap().split(',') {
            if method != "HEAD" {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

/// A route template with something in its parameters.
fn filled(template: &str) -> String {
    let mut path = String::new();
    for segment in template.split('/').skip(1) {
        path.push('/');
        path.push_str(if segment.starts_with('{') {
            "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        } else {
            segment
        });
    }
    path
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let t = TestApp::start(Engine::Sqlite).await;
    let listed: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    let running = routes_of(&t).await;
    assert!(
        running.len() >= 3,
        "the router lists its routes: {running:?}"
    );
    let without_row: Vec<_> = running.difference(&listed).collect();
    let without_route: Vec<_> = listed.difference(&running).collect();
    assert!(without_row.is_empty(), "who may use {without_row:?}?");
    assert!(
        without_route.is_empty(),
        "no such routes: {without_route:?}"
    );
}

#[tokio::test]
async fn every_door_is_as_open_as_its_row_says() {
    let t = TestApp::start(Engine::Sqlite).await;
    for (method, path, door) in ROUTES {
        let form: &[(&str, &str)] = match door {
            Door::Form => &[
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Content-Length", "0"),
            ],
            Door::Public | Door::Token => &[],
        };
        let status = send(&t.url, method, &filled(path), form).await.status;
        match door {
            Door::Public => assert!(
                status != 401 && status != 403 && status < 500,
                "{method} {path}: {status}"
            ),
            Door::Form => assert_eq!(status, 403, "{method} {path}"),
            Door::Token => assert_eq!(status, 401, "{method} {path}"),
        }
    }
}
