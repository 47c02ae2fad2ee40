//! What a token costs: one RSA signature, and what stands around it.
//!
//! `cargo bench --bench mint`

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark fails by panicking"
)]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use tempfile::TempDir;
use tessera::app::App;
use tessera::base::secret::Secret;
use tessera::base::time::Clock;
use tessera::config::Config;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::authorization_details::AuthorizationDetails;
use tessera::oauth::protocol::claims::{AccessClaims, TokenType, new_jti};
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::serve;
use tessera::store::DbOptions;
use tessera::store::seal::MasterKey;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

fn main() {
    divan::main();
}

struct Bench {
    runtime: Runtime,
    app: Arc<App>,
    router: Router,
    secret: Secret<String>,
    _dir: TempDir,
}

/// A server on SQLite with a client that may act as itself.
fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let config = Config {
        database: DbOptions::Sqlite {
            path: dir.path().join("tessera.db"),
        },
        ..Config::default()
    };
    let (app, secret) = runtime.block_on(async {
        let app = App::open(config, &MasterKey::generate(), Clock::System)
            .await
            .unwrap();
        let new = NewClient {
            client_id: Some("web".to_owned()),
            token_endpoint_auth_method: Some("client_secret_post".to_owned()),
            grant_types: Some(vec!["client_credentials".to_owned()]),
            scope: Some("api".to_owned()),
            ..NewClient::default()
        };
        let mut tx = app.db.write().await.unwrap();
        let registered = client::register(&mut tx, &app.sealer, &new, app.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (app, registered.generated_secret.unwrap())
    });
    Bench {
        runtime,
        router: serve::router(Arc::clone(&app)),
        app,
        secret,
        _dir: dir,
    }
}

fn claims(app: &App) -> AccessClaims {
    let now = app.clock.now();
    AccessClaims {
        iss: app.config.issuer.clone(),
        sub: "usr_01arz3ndektsv4rrffq69g5fav".to_owned(),
        aud: app.config.issuer.clone().into(),
        client_id: "web".to_owned(),
        iat: now.seconds(),
        exp: now.seconds() + 300,
        jti: new_jti(None),
        scope: ScopeSet::parse("openid profile email").unwrap(),
        sid: None,
        cnf: None,
        act: None,
        may_act: None,
        authorization_details: AuthorizationDetails::default(),
        auth_time: Some(now.seconds()),
        acr: None,
    }
}

/// Claims to a signed access token.
#[divan::bench]
fn sign_access_token(bencher: divan::Bencher<'_, '_>) {
    let bench = bench();
    bencher.bench(|| {
        bench
            .app
            .keys
            .sign(TokenType::AccessToken, &claims(&bench.app))
            .unwrap()
    });
}

/// A signed access token to claims, without the database.
#[divan::bench]
fn verify_access_token(bencher: divan::Bencher<'_, '_>) {
    let bench = bench();
    let now = bench.app.clock.now();
    let token = bench
        .app
        .keys
        .sign(TokenType::AccessToken, &claims(&bench.app))
        .unwrap();
    bencher.bench(|| {
        let verified = bench
            .app
            .keys
            .verify::<AccessClaims>(TokenType::AccessToken, &token, now);
        bench.runtime.block_on(verified).unwrap().unwrap()
    });
}

/// A whole client credentials request through the router, one after the other.
#[divan::bench]
fn client_credentials_request(bencher: divan::Bencher<'_, '_>) {
    let bench = bench();
    let body = format!(
        "grant_type=client_credentials&client_id=web&client_secret={}",
        bench.secret.expose()
    );
    bencher.bench(|| {
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.clone()))
            .unwrap();
        let response = bench
            .runtime
            .block_on(bench.router.clone().oneshot(request))
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    });
}
