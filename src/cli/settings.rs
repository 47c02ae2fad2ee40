//! The flags that every command takes: where the configuration and the data are.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::{Loaded, Sources, load};

/// Flags that stand for keys of the configuration; their values are read by the same rules as the file's.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// Where to listen
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The server's URL as browsers see it
    #[arg(long, global = true, value_name = "URL")]
    issuer: Option<String>,
    /// sqlite:PATH or postgres://...
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Certificate chain (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Private key of the certificate (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    tls_key: Option<String>,
}

impl Settings {
    /// Where to listen, if a flag said so.
    pub(super) fn listen(&self) -> Option<&str> {
        self.listen.as_deref()
    }

    /// The configuration of this command.
    pub fn load(&self) -> Result<Loaded, Failure> {
        self.load_with(&[])
    }

    /// The same, with what the command's own flags gave, by the name of their key.
    pub fn load_with(&self, own: &[(&'static str, Option<&String>)]) -> Result<Loaded, Failure> {
        let flags = [
            ("data", self.data.as_ref()),
            ("listen", self.listen.as_ref()),
            ("issuer", self.issuer.as_ref()),
            ("database.url", self.database.as_ref()),
            ("tls.cert", self.tls_cert.as_ref()),
            ("tls.key", self.tls_key.as_ref()),
        ];
        let flags = flags
            .iter()
            .chain(own)
            .filter_map(|(key, value)| Some((*key, (*value)?.clone())))
            .collect();
        let sources = Sources::of_this_process(self.config.clone(), flags);
        Ok(load(&sources)?)
    }
}
