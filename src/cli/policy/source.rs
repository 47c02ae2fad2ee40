//! Where a question goes: files, a store in a data directory or database, a store of a running server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::remote::Remote;
use super::{Failure, Settings, misused, now, refused};
use crate::app::App;
use crate::base::time::Clock;
use crate::policy::{Consistency, World, tuple_file};
use crate::serve;

/// Flags of a store.
#[derive(Args, Debug)]
pub(super) struct StoreFlags {
    /// Ask a running server, at this URL
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Token for the server
    #[arg(
        long,
        env = "TESSERA_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<String>,
    /// The store's id
    #[arg(long, value_name = "ID")]
    store: Option<String>,
}

/// Flags of everything that can be asked.
#[derive(Args, Debug)]
pub(super) struct SourceFlags {
    /// Ask a model in a file, over the tuples of `--tuples`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "store"])]
    model: Option<PathBuf>,
    /// Tuples: `.yaml`, `.json`, `.ndjson` or `.csv`
    #[arg(long, value_name = "FILE", requires = "model")]
    tuples: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreFlags,
}

/// What answers.
pub(super) enum Source {
    /// This process.
    World(World),
    /// A server.
    Remote(Remote),
}

/// A store to read tuples from or write them to.
pub(super) enum Store {
    /// In this process; the store's id.
    Local(Arc<App>, String),
    /// At a server.
    Remote(Remote),
}

impl StoreFlags {
    /// Opens the store.
    pub(super) async fn open(&self, settings: &Settings) -> Result<Store, Failure> {
        let Some(id) = &self.store else {
            return Err(misused("no store is named; give `--store ID`"));
        };
        if let Some(server) = &self.server {
            let remote = Remote::new(server, id, self.token.as_deref())?;
            return Ok(Store::Remote(remote));
        }
        let app = serve::open(&settings.load()?, Clock::System).await?;
        Ok(Store::Local(app, id.clone()))
    }
}

impl SourceFlags {
    /// Opens what answers.
    pub(super) async fn open(&self, settings: &Settings) -> Result<Source, Failure> {
        if let Some(model) = &self.model {
            let model = super::model(model)?;
            let mut tuples = Vec::new();
            for file in &self.tuples {
                tuples.extend(tuple_file::read(file).map_err(refused)?);
            }
            let world = World::new(&model, &tuples).map_err(refused)?;
            return Ok(Source::World(world));
        }
        if self.store.store.is_none() {
            return Err(misused(
                "nothing to ask; give `--model FILE --tuples FILE`, or `--store ID` with `--data DIR` or `--server URL`",
            ));
        }
        match self.store.open(settings).await? {
            Store::Remote(remote) => Ok(Source::Remote(remote)),
            Store::Local(app, id) => {
                let view = app.policy.view(&id, "", &Consistency::Full, now()).await;
                app.db.close().await;
                Ok(Source::World(World::of(&view?)))
            }
        }
    }
}
