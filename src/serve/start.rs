//! From a configuration to a running server, and back: what is taken in which order, and let go.
//!
//! The order keeps a refused start without traces: the lock of a directory in use and a port in use are met before anything is
//! written; the key lies on disk before the database that it seals.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::task::JoinHandle;

use super::data_dir::{self, DataDirError, DataLock};
use super::master_key::{self, MasterKeyError};
use super::tls::{self, TlsError};
use super::workers::Workers;
use crate::app::{App, OpenError};
use crate::base::time::Clock;
use crate::config::Loaded;

/// Longest wait for a request's head, in seconds.
const HEADER_SECONDS: u64 = 10;
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

/// A server that owns its data and its port, and does not answer yet.
#[derive(Debug)]
pub struct Prepared {
    /// The state that it will serve.
    pub app: Arc<App>,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    lock: Option<DataLock>,
}

impl Prepared {
    /// Takes the lock and the port, then opens the data.
    pub async fn new(mut loaded: Loaded, clock: Clock) -> Result<Self, StartError> {
        let asks = loaded.config.client_certificates.asked;
        let tls = loaded.config.tls.as_ref();
        let tls = tls.map(|tls| tls::server_config(tls, asks));
        let tls = tls
            .transpose()?
            .map(Arc::new)
            .map(RustlsConfig::from_config);
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
        Ok(Self {
            app,
            listener,
            tls,
            lock,
        })
    }

    /// Begins to answer.
    pub fn serve(self) -> std::io::Result<Server> {
        let handle = Handle::new();
        let service = super::router(Arc::clone(&self.app))
            .into_make_service_with_connect_info::<SocketAddr>();
        let server = axum_server::from_tcp(self.listener)?.acceptor(NoDelayAcceptor::new());
        let task = match self.tls {
            None => {
                let server = bounded(server).handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
            Some(tls) => {
                let secured = server.map(|plain| RustlsAcceptor::new(tls).acceptor(plain));
                tokio::spawn(bounded(secured).handle(handle.clone()).serve(service))
            }
        };
        Ok(Server {
            workers: Workers::start(&self.app),
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
) -> axum_server::Server<SocketAddr, A> {
    let patience = Duration::from_secs(HEADER_SECONDS);
    let builder = server.http_builder();
    let head_bytes = usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX);
    builder
        .http1()
        .header_read_timeout(patience)
        .max_buf_size(head_bytes);
    builder
        .http2()
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(HTTP2_STREAMS)
        .keep_alive_interval(Some(patience))
        .keep_alive_timeout(patience);
    server.first_request_timeout(patience)
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
