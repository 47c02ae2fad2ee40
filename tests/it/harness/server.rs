//! A whole server in this process, on a free loopback port, with a clock that tests turn.

use std::sync::Arc;

use tessera::app::App;
use tessera::base::time::Clock;
use tessera::config::Config;
use tessera::serve;
use tessera::store::DbOptions;
use tessera::store::seal::MasterKey;
use tokio::task::JoinHandle;

use super::database::{Engine, START, create_postgres_database};

/// A running server.
pub struct TestApp {
    /// Its shared state, to arrange data and look behind the curtain.
    pub app: Arc<App>,
    /// `http://127.0.0.1:PORT`, also the issuer.
    pub url: String,
    /// The clock it lives by.
    pub clock: Clock,
    server: JoinHandle<()>,
    master: MasterKey,
    _dir: tempfile::TempDir,
}

/// Another process on the same database.
pub struct Node {
    /// Its shared state.
    pub app: Arc<App>,
    /// Where it answers; its issuer is the first node's.
    pub url: String,
    server: JoinHandle<()>,
}

impl TestApp {
    /// Starts a server on a fresh database of the given engine with the default configuration.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |_| {}).await
    }

    /// The same, after `change` had its way with the configuration.
    pub async fn start_with(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let database = match engine {
            Engine::Sqlite => DbOptions::Sqlite {
                path: dir.path().join("tessera.db"),
            },
            Engine::Postgres => DbOptions::Postgres {
                url: create_postgres_database().await,
                max_connections: 8,
            },
        };
        let mut config = Config {
            issuer: url.clone(),
            listen: address,
            data_dir: dir.path().to_owned(),
            database,
            master_key_file: dir.path().join("master.key"),
            ..Config::default()
        };
        change(&mut config);
        let clock = Clock::manual(START);
        let master = MasterKey::generate();
        let app = App::open(config, &master, clock.clone()).await.unwrap();
        let server = serve_on(listener, &app);
        Self {
            app,
            url,
            clock,
            server,
            master,
            _dir: dir,
        }
    }

    /// Starts another node on the same database, with the same clock: a restart, or a second server.
    pub async fn second_node(&self) -> Node {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = App::open(self.app.config.clone(), &self.master, self.clock.clone())
            .await
            .unwrap();
        let server = serve_on(listener, &app);
        Node { app, url, server }
    }
}

fn serve_on(listener: tokio::net::TcpListener, app: &Arc<App>) -> JoinHandle<()> {
    let router = serve::router(Arc::clone(app));
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        axum::serve(listener, service).await.unwrap();
    })
}

/// An HTTP client that follows no redirect and keeps no cookie.
pub fn client() -> reqwest::Client {
    // Fails when a provider is installed already, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}
