//! From a configuration to a running server, and back: what is taken in which order, and let go.
//!
//! The order keeps a refused start without traces: the lock of a directory in use and a port in use are met before anything is
//! written; the key lies on disk before the database that it seals.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::task::JoinHandle;

use super::connections::Gate;
use super::data_dir::{self, DataDirError, DataLock};
use super::master_key::{self, MasterKeyError};
use super::open_files;
use super::reload::{Certificate, Reload};
use super::tls::TlsError;
use super::workers::Workers;
use crate::app::{App, OpenError};
use crate::base::time::Clock;
use crate::config::Loaded;

/// Longest wait for the head of a connection's first request, and for a peer that was asked whether it lives, in seconds.
const HEAD_SECONDS: u64 = 10;
/// How long a connection may be still between requests, in seconds: longer than the minute of most load balancers, which would otherwise send
/// a request into a connection that is being closed. Longer also than a request may take and than the pause between two signs of life of
/// a stream.
const IDLE_SECONDS: u64 = 75;
/// How often the files of certificates are looked at, in seconds.
const LOOK_SECONDS: u64 = 30;
/// Largest head of a request, in bytes.
const HEADER_BYTES: u32 = 32 * 1024;
/// Requests that one HTTP/2 connection may have open.
const HTTP2_STREAMS: u32 = 128;
/// How long requests in flight may take after a stop was asked for, in seconds.
const DRAIN_SECONDS: u64 = 20;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory is in use or not ours.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// There is no master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database cannot be used.
    #[error(transparent)]
    Open(Box<OpenError>),
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

/// Opens the database and everything in memory, without serving: what the other commands need.
pub async fn open(loaded: &Loaded, clock: Clock) -> Result<Arc<App>, StartError> {
    if !loaded.config.database_is_remote() {
        data_dir::create(&loaded.config.data_dir)?;
    }
    open_in_place(loaded, clock).await
}

/// The same, where the data directory is there already.
async fn open_in_place(loaded: &Loaded, clock: Clock) -> Result<Arc<App>, StartError> {
    let master = master_key::find_or_make(loaded)?;
    Ok(App::open(loaded.config.clone(), &master, clock).await?)
}

/// How long the server waits for what is not in its hands.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a connection's first request, whether it dribbles in or does not come.
    pub head: Duration,
    /// For the next request's, and for anything to be read or written at all.
    pub idle: Duration,
    /// Between two looks at the files of certificates.
    pub look: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(HEAD_SECONDS),
            idle: Duration::from_secs(IDLE_SECONDS),
            look: Duration::from_secs(LOOK_SECONDS),
        }
    }
}

/// A server that owns its data and its port, and does not answer yet.
#[derive(Debug)]
pub struct Prepared {
    /// The state that it will serve.
    pub app: Arc<App>,
    /// How long it waits for peers that are slow or still.
    pub patience: Patience,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    reload: Option<Reload>,
    lock: Option<DataLock>,
}

impl Prepared {
    /// Takes the lock and the port, then opens the data.
    pub async fn new(mut loaded: Loaded, clock: Clock) -> Result<Self, StartError> {
        let asks = loaded.config.client_certificates.asked;
        let tls = loaded.config.tls.as_ref();
        let certificate = tls.map(|tls| Certificate::load(tls, asks)).transpose()?;
        let database = loaded.config.database.clone();
        let held = if DataLock::may_be_held(&database) {
            DataLock::take(&database)?
        } else {
            None
        };
        let listener = listen(loaded.config.listen)?;
        if let Ok(address) = listener.local_addr() {
            loaded.listening_on(address);
        }
        if !loaded.config.database_is_remote() {
            data_dir::create(&loaded.config.data_dir)?;
        }
        let lock = match held {
            Some(lock) => Some(lock),
            None => DataLock::take(&database)?,
        };
        let app = open_in_place(&loaded, clock).await?;
        let tls = certificate.as_ref().map(Certificate::live);
        Ok(Self {
            reload: Reload::new(&app, certificate),
            app,
            patience: Patience::default(),
            listener,
            tls,
            lock,
        })
    }

    /// Begins to answer.
    pub fn serve(self) -> std::io::Result<Server> {
        let (handle, patience) = (Handle::new(), self.patience);
        let service = super::router(Arc::clone(&self.app))
            .into_make_service_with_connect_info::<SocketAddr>();
        let places = open_files::make_room(self.app.config.max_connections);
        let gate = Gate::new(&self.app, places, patience.idle);
        let server = axum_server::from_tcp(self.listener)?.acceptor(gate);
        let task = match self.tls {
            None => {
                let server = bounded(server, patience).handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).handshake_timeout(patience.head);
                let secured = server.map(|gate| acceptor.acceptor(gate));
                let server = bounded(secured, patience).handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
        };
        let mut workers = Workers::start(&self.app);
        if let Some(reload) = self.reload {
            workers.reload_files(reload, patience.look);
        }
        Ok(Server {
            workers,
            app: self.app,
            handle,
            task,
            _lock: self.lock,
        })
    }
}

/// The limits of a connection.
fn bounded<A>(
    mut server: axum_server::Server<SocketAddr, A>,
    patience: Patience,
) -> axum_server::Server<SocketAddr, A> {
    let builder = server.http_builder();
    let head_bytes = usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX);
    // From the answer before it: the wait for the next request and for its head in one.
    builder
        .http1()
        .header_read_timeout(patience.idle)
        .max_buf_size(head_bytes);
    builder
        .http2()
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(HTTP2_STREAMS)
        .keep_alive_interval(Some(patience.head))
        .keep_alive_timeout(patience.head);
    server.first_request_timeout(patience.head)
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// What it serves.
    pub app: Arc<App>,
    handle: Handle<SocketAddr>,
    task: JoinHandle<std::io::Result<()>>,
    workers: Workers,
    _lock: Option<DataLock>,
}

impl Server {
    /// Waits until the listener fails; it does not end by itself.
    pub async fn failed(&mut self) -> std::io::Error {
        match (&mut self.task).await {
            Ok(Ok(())) => std::io::Error::other("the listener ended"),
            Ok(Err(error)) => error,
            Err(error) => std::io::Error::other(error),
        }
    }

    /// Stops accepting, lets the requests in flight finish for a bounded time, and closes the database.
    pub async fn stop(self) {
        self.app.stopping.cancel();
        self.handle
            .graceful_shutdown(Some(Duration::from_secs(DRAIN_SECONDS)));
        if let Ok(Err(error)) = self.task.await {
            tracing::error!(%error, "the listener failed");
        }
        self.workers.stop().await;
        self.app.db.close().await;
    }
}
