//! Deny by default (SECURITY row 42): the program lists its own routes, and each must have a row here that says who may use
//! it. A route without a row fails, a row without a route fails, and every guarded door is tried without a key.

use std::collections::BTreeSet;
use std::sync::Arc;

use tessera::oauth::paths;
use tessera::policy::system::{self, Role};
use tessera::serve;

use super::raw::send;
use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::oauth::Party;

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Anybody.
    Public,
    /// A browser that was given the form.
    Form,
    /// A client that authenticates in the request itself (RFC 6749 section 2.3).
    Client,
    /// Whoever holds an access token; it decides what comes back.
    Token,
    /// Who holds a permission of Tessera's own; an administrator holds them all.
    Permission,
}

/// Method, route, door. `HEAD` comes with `GET`.
const ROUTES: &[(&str, &str, Door)] = &[
    ("GET", "/", Door::Public),
    (
        "GET",
        "/.well-known/oauth-authorization-server",
        Door::Public,
    ),
    ("GET", "/.well-known/authzen-configuration", Door::Public),
    (
        "GET",
        "/.well-known/authzen-configuration/stores/{store}",
        Door::Public,
    ),
    (
        "GET",
        "/stores/{store}/.well-known/authzen-configuration",
        Door::Public,
    ),
    ("GET", "/.well-known/openid-configuration", Door::Public),
    ("GET", "/.well-known/oauth-protected-resource", Door::Public),
    (
        "GET",
        "/.well-known/oauth-protected-resource/{*path}",
        Door::Public,
    ),
    ("GET", "/authorize", Door::Public),
    ("POST", "/authorize", Door::Public),
    ("GET", "/authorize/continue", Door::Public),
    // A frame of other sites' pages; 404 where it is not switched on.
    ("GET", "/check-session", Door::Public),
    ("GET", "/account", Door::Public),
    ("GET", "/account/applications", Door::Public),
    ("GET", "/account/password", Door::Public),
    ("GET", "/account/profile", Door::Public),
    ("GET", "/account/sessions", Door::Public),
    ("GET", "/consent", Door::Public),
    ("GET", "/approvals", Door::Public),
    ("GET", "/device", Door::Public),
    ("GET", "/jwks", Door::Public),
    ("GET", "/livez", Door::Public),
    // OpenID Connect RP-Initiated Logout 1.0 section 2: both methods ask, neither ends a session without an answer.
    ("GET", "/logout", Door::Public),
    ("POST", "/logout", Door::Public),
    ("GET", "/login", Door::Public),
    ("GET", "/metrics", Door::Public),
    ("GET", "/readyz", Door::Public),
    ("GET", "/reauthenticate", Door::Public),
    ("GET", "/setup/application", Door::Public),
    ("GET", "/setup/{link}", Door::Public),
    // Clients.
    ("POST", "/bc-authorize", Door::Client),
    ("POST", "/device_authorization", Door::Client),
    // Registration: off unless the operator lets clients register; a registration needs its own token.
    ("POST", "/register", Door::Public),
    ("GET", "/register/{client_id}", Door::Token),
    ("PUT", "/register/{client_id}", Door::Token),
    ("DELETE", "/register/{client_id}", Door::Token),
    ("POST", "/introspect", Door::Client),
    ("POST", "/par", Door::Client),
    ("POST", "/revoke", Door::Client),
    ("POST", "/token", Door::Client),
    // Holders of an access token.
    ("GET", "/userinfo", Door::Token),
    ("POST", "/userinfo", Door::Token),
    // The admin API.
    ("GET", "/admin/api/api-keys", Door::Permission),
    ("POST", "/admin/api/api-keys", Door::Permission),
    ("GET", "/admin/api/api-keys/{id}", Door::Permission),
    ("POST", "/admin/api/api-keys/{id}/revoke", Door::Permission),
    ("GET", "/admin/api/resource-servers", Door::Permission),
    ("POST", "/admin/api/resource-servers", Door::Permission),
    ("GET", "/admin/api/resource-servers/{id}", Door::Permission),
    ("PUT", "/admin/api/resource-servers/{id}", Door::Permission),
    (
        "DELETE",
        "/admin/api/resource-servers/{id}",
        Door::Permission,
    ),
    (
        "GET",
        "/admin/api/authorization-details-types",
        Door::Permission,
    ),
    (
        "POST",
        "/admin/api/authorization-details-types",
        Door::Permission,
    ),
    (
        "GET",
        "/admin/api/authorization-details-types/{id}",
        Door::Permission,
    ),
    (
        "PUT",
        "/admin/api/authorization-details-types/{id}",
        Door::Permission,
    ),
    (
        "DELETE",
        "/admin/api/authorization-details-types/{id}",
        Door::Permission,
    ),
    ("GET", "/admin/api/clients", Door::Permission),
    ("POST", "/admin/api/clients", Door::Permission),
    ("GET", "/admin/api/clients/{client_id}", Door::Permission),
    ("PUT", "/admin/api/clients/{client_id}", Door::Permission),
    (
        "POST",
        "/admin/api/clients/{client_id}/disable",
        Door::Permission,
    ),
    (
        "POST",
        "/admin/api/clients/{client_id}/enable",
        Door::Permission,
    ),
    (
        "POST",
        "/admin/api/clients/{client_id}/secret",
        Door::Permission,
    ),
    (
        "GET",
        "/admin/api/users/{id}/acting-rights",
        Door::Permission,
    ),
    (
        "PUT",
        "/admin/api/users/{id}/acting-rights/{right}/{subject}",
        Door::Permission,
    ),
    (
        "DELETE",
        "/admin/api/users/{id}/acting-rights/{right}/{subject}",
        Door::Permission,
    ),
    ("GET", "/admin/api/trusted-issuers", Door::Permission),
    ("GET", "/admin/api/trusted-issuers/{name}", Door::Permission),
    ("PUT", "/admin/api/trusted-issuers/{name}", Door::Permission),
    (
        "DELETE",
        "/admin/api/trusted-issuers/{name}",
        Door::Permission,
    ),
    ("GET", "/admin/api/registration-tokens", Door::Permission),
    ("POST", "/admin/api/registration-tokens", Door::Permission),
    (
        "DELETE",
        "/admin/api/registration-tokens/{id}",
        Door::Permission,
    ),
    ("GET", "/admin/api/outbox", Door::Permission),
    ("GET", "/admin/api/outbox/{id}", Door::Permission),
    ("DELETE", "/admin/api/outbox/{id}", Door::Permission),
    ("POST", "/admin/api/outbox/{id}/retry", Door::Permission),
    (
        "DELETE",
        "/admin/api/clients/{client_id}/former-secret",
        Door::Permission,
    ),
    (
        "GET",
        "/admin/api/role-assignments/{subject}",
        Door::Permission,
    ),
    (
        "PUT",
        "/admin/api/role-assignments/{subject}/{role}",
        Door::Permission,
    ),
    (
        "DELETE",
        "/admin/api/role-assignments/{subject}/{role}",
        Door::Permission,
    ),
    ("GET", "/admin/api/roles", Door::Permission),
    ("GET", "/admin/api/stores/{store}/rights", Door::Permission),
    (
        "PUT",
        "/admin/api/stores/{store}/rights/{right}/{subject}",
        Door::Permission,
    ),
    (
        "DELETE",
        "/admin/api/stores/{store}/rights/{right}/{subject}",
        Door::Permission,
    ),
    ("GET", "/admin/api/users", Door::Permission),
    ("POST", "/admin/api/users", Door::Permission),
    ("GET", "/admin/api/users/{id}", Door::Permission),
    ("PATCH", "/admin/api/users/{id}", Door::Permission),
    ("POST", "/admin/api/users/{id}/lock", Door::Permission),
    ("PUT", "/admin/api/users/{id}/password", Door::Permission),
    ("GET", "/admin/api/users/{id}/sessions", Door::Permission),
    ("DELETE", "/admin/api/users/{id}/sessions", Door::Permission),
    (
        "DELETE",
        "/admin/api/users/{id}/sessions/{session}",
        Door::Permission,
    ),
    ("POST", "/admin/api/users/{id}/unlock", Door::Permission),
    // Permission data: whoever has the permission in the system store.
    ("POST", "/access/v1/evaluation", Door::Permission),
    ("POST", "/access/v1/evaluations", Door::Permission),
    ("POST", "/access/v1/search/action", Door::Permission),
    ("POST", "/access/v1/search/resource", Door::Permission),
    ("POST", "/access/v1/search/subject", Door::Permission),
    (
        "POST",
        "/stores/{store}/access/v1/search/action",
        Door::Permission,
    ),
    (
        "POST",
        "/stores/{store}/access/v1/search/resource",
        Door::Permission,
    ),
    (
        "POST",
        "/stores/{store}/access/v1/search/subject",
        Door::Permission,
    ),
    (
        "POST",
        "/stores/{store}/access/v1/evaluation",
        Door::Permission,
    ),
    (
        "POST",
        "/stores/{store}/access/v1/evaluations",
        Door::Permission,
    ),
    ("GET", "/stores", Door::Permission),
    ("POST", "/stores", Door::Permission),
    ("GET", "/stores/{store}", Door::Permission),
    ("DELETE", "/stores/{store}", Door::Permission),
    (
        "GET",
        "/stores/{store}/assertions/{model}",
        Door::Permission,
    ),
    (
        "PUT",
        "/stores/{store}/assertions/{model}",
        Door::Permission,
    ),
    (
        "GET",
        "/stores/{store}/authorization-models",
        Door::Permission,
    ),
    (
        "POST",
        "/stores/{store}/authorization-models",
        Door::Permission,
    ),
    (
        "GET",
        "/stores/{store}/authorization-models/{model}",
        Door::Permission,
    ),
    ("POST", "/stores/{store}/batch-check", Door::Permission),
    ("GET", "/stores/{store}/changes", Door::Permission),
    ("POST", "/stores/{store}/check", Door::Permission),
    ("POST", "/stores/{store}/expand", Door::Permission),
    ("GET", "/stores/{store}/export", Door::Permission),
    ("POST", "/stores/{store}/import", Door::Permission),
    ("POST", "/stores/{store}/list-objects", Door::Permission),
    ("POST", "/stores/{store}/list-users", Door::Permission),
    ("POST", "/stores/{store}/read", Door::Permission),
    (
        "POST",
        "/stores/{store}/streamed-list-objects",
        Door::Permission,
    ),
    ("POST", "/stores/{store}/what-if", Door::Permission),
    ("POST", "/stores/{store}/write", Door::Permission),
    // Forms: a POST without the form's token is refused, whoever sends it.
    ("POST", "/account/applications/withdraw", Door::Form),
    ("POST", "/account/password", Door::Form),
    ("POST", "/account/profile", Door::Form),
    ("POST", "/account/sessions/end", Door::Form),
    ("POST", "/approvals", Door::Form),
    ("POST", "/consent", Door::Form),
    ("POST", "/device", Door::Form),
    ("POST", "/device/decision", Door::Form),
    ("POST", "/login", Door::Form),
    ("POST", "/reauthenticate", Door::Form),
    ("POST", "/setup/application", Door::Form),
    ("POST", "/setup/{link}", Door::Form),
    ("POST", "/signout", Door::Form),
];

/// The routes that the running program has, as method and path.
pub async fn routes_of(t: &TestApp) -> BTreeSet<(String, String)> {
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

#[test]
fn an_assertion_may_name_every_endpoint_where_clients_authenticate() {
    let doors = ROUTES.iter().filter(|(_, _, door)| *door == Door::Client);
    let doors: BTreeSet<&str> = doors.map(|(_, path, _)| *path).collect();
    let named: BTreeSet<&str> = paths::OF_CLIENTS.iter().copied().collect();
    assert_eq!(named, doors);
}

#[tokio::test]
async fn every_door_is_as_open_as_its_row_says() {
    let t = TestApp::start(Engine::Sqlite).await;
    let plain = bearer(&t, "plain").await;
    let admin = {
        let admin = bearer(&t, "boss").await;
        let mut tx = t.app.db.write().await.unwrap();
        system::assign_role(&mut tx, "client:boss", Role::Admin, t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        admin
    };
    for (method, path, door) in ROUTES {
        let knock = async |token: Option<&str>| {
            let mut headers = match door {
                Door::Form | Door::Client => vec![
                    ("Content-Type", "application/x-www-form-urlencoded"),
                    ("Content-Length", "0"),
                ],
                Door::Public | Door::Token | Door::Permission => vec![],
            };
            headers.extend(token.map(|token| ("Authorization", token)));
            send(&t.url, method, &filled(path), &headers).await.status
        };
        let anonymous = knock(None).await;
        match door {
            Door::Public => assert!(
                anonymous != 401 && anonymous != 403 && anonymous < 500,
                "{method} {path}: {anonymous}"
            ),
            Door::Form => assert_eq!(anonymous, 403, "{method} {path}"),
            Door::Client => assert_eq!(anonymous, 401, "{method} {path}"),
            Door::Token => {
                assert_eq!(anonymous, 401, "{method} {path}");
                let forged = knock(Some("Bearer forged")).await;
                assert_eq!(forged, 401, "{method} {path} with a forged token");
            }
            Door::Permission => {
                assert_eq!(anonymous, 401, "{method} {path}");
                let forged = knock(Some("Bearer forged")).await;
                assert_eq!(forged, 401, "{method} {path} with a forged token");
                let refused = knock(Some(&plain)).await;
                assert_eq!(refused, 403, "{method} {path} without the permission");
                let allowed = knock(Some(&admin)).await;
                assert!(
                    allowed != 401 && allowed != 403 && allowed < 500,
                    "{method} {path} as administrator: {allowed}"
                );
            }
        }
    }
}

/// The `Authorization` header of a client that acts as itself.
async fn bearer(t: &TestApp, client_id: &str) -> String {
    let party = Party::register(t, client_id, |_| {}).await;
    let answer = party.token(&[("grant_type", "client_credentials")]).await;
    format!("Bearer {}", answer.tokens().access)
}
