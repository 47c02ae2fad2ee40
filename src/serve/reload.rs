//! Certificates are read again while the server runs: when their files change, and when somebody asks (SIGHUP).
//!
//! New handshakes get the new certificate; connections live on with what they agreed on. What cannot be used (a broken file, a key of another
//! certificate, one file replaced and the other not yet) changes nothing: the old one stays, the log says what to do, a counter counts it,
//! and the next change is looked at again. A change is a change of content: links that are swapped and dates that lie do not matter.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::tls::{self, Pem, TlsError};
use crate::app::App;
use crate::base::secret::sha256;
use crate::config::Tls;
use crate::oauth::client_ca::{ClientCa, ClientCaError};

/// The certificate that the listener shows.
#[derive(Debug)]
pub(super) struct Certificate {
    tls: Tls,
    asks: bool,
    live: RustlsConfig,
    seen: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads it for the first time; `asks` says whether the listener asks clients for theirs.
    pub(super) fn load(tls: &Tls, asks: bool) -> Result<Self, TlsError> {
        let pem = Pem::read(tls)?;
        let config = tls::server_config(&pem, asks)?;
        Ok(Self {
            tls: tls.clone(),
            asks,
            live: RustlsConfig::from_config(Arc::new(config)),
            seen: Some(pem.digest()),
        })
    }

    /// What the listener reads the certificate from.
    pub(super) fn live(&self) -> RustlsConfig {
        self.live.clone()
    }

    fn look(&mut self, asked: bool) -> Option<Result<(), TlsError>> {
        let read = Pem::read(&self.tls);
        let found = read.as_ref().ok().map(Pem::digest);
        if !asked && found == self.seen {
            return None;
        }
        self.seen = found;
        Some(read.and_then(|pem| {
            let config = tls::server_config(&pem, self.asks)?;
            self.live.reload_from_config(Arc::new(config));
            Ok(())
        }))
    }
}

/// The authorities of client certificates.
#[derive(Debug)]
struct Authorities {
    live: ClientCa,
    seen: Option<Vec<u8>>,
}

impl Authorities {
    fn look(&mut self, asked: bool) -> Option<Result<(), ClientCaError>> {
        let read = self.live.read();
        let found = read.as_ref().ok().map(|pem| sha256(pem).as_ref().to_vec());
        if !asked && found == self.seen {
            return None;
        }
        self.seen = found;
        Some(read.and_then(|pem| self.live.replace(&pem)))
    }
}

/// Everything that is looked at.
#[derive(Debug)]
pub(super) struct Reload {
    app: Arc<App>,
    certificate: Option<Certificate>,
    authorities: Option<Authorities>,
    /// Listened to from the beginning: an unheard SIGHUP would end the process.
    hangup: Option<Signal>,
}

impl Reload {
    /// `None` when no file is in use.
    pub(super) fn new(app: &Arc<App>, certificate: Option<Certificate>) -> Option<Self> {
        let authorities = app.client_ca.clone().map(|live| Authorities {
            seen: Some(live.loaded()),
            live,
        });
        if certificate.is_none() && authorities.is_none() {
            return None;
        }
        let hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be heard; files are read again when they change"))
            .ok();
        Some(Self {
            app: Arc::clone(app),
            certificate,
            authorities,
            hangup,
        })
    }

    /// Looks again and again, `every` so often and at every SIGHUP.
    pub(super) async fn follow(mut self, every: Duration) -> Infallible {
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(every) => false,
                () = heard(self.hangup.as_mut()) => true,
            };
            self.look(asked);
        }
    }

    /// Small files, read at once.
    fn look(&mut self, asked: bool) {
        if let Some(certificate) = &mut self.certificate {
            let outcome = certificate.look(asked);
            note(&self.app, "certificate", outcome);
        }
        if let Some(authorities) = &mut self.authorities {
            let outcome = authorities.look(asked);
            note(&self.app, "client_ca", outcome);
        }
    }
}

async fn heard(signal: Option<&mut Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

fn note<E: std::fmt::Display>(app: &App, what: &'static str, outcome: Option<Result<(), E>>) {
    match outcome {
        None => {}
        Some(Ok(())) => {
            app.metrics.count_reload(what, "loaded");
            tracing::info!(what, "read again: new connections get the new one");
        }
        Some(Err(error)) => {
            app.metrics.count_reload(what, "refused");
            tracing::error!(what, %error, "not usable: the old one stays in use; correct the files, and they are read again");
        }
    }
}
