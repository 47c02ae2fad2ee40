//! `tessera demo`: the server on a throw-away data directory, a sample application and a sample resource service beside it.
//!
//! Everything goes over HTTP, as with any application: the sample knows nothing of Tessera's inside.

mod pages;
mod relying_party;
mod resource;
mod verify;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;
use ipnet::IpNet;
use oauth2::{HttpRequest, HttpResponse};
use tokio::net::TcpListener;

use self::relying_party::RelyingParty;
use self::resource::Resource;
use self::verify::Verifier;
use super::serve::{Stop, finish};
use super::setup::{self, Mode};
use super::{Exit, Failure, Settings, print};
use crate::app::App;
use crate::base::encoding::base64url;
use crate::base::secret::{TokenKind, random};
use crate::base::time::Clock;
use crate::config::{Sources, load};
use crate::identity::identifier::Canonical;
use crate::outbound::{Outbound, OutboundError};
use crate::serve::Prepared;
use crate::store::policy_stores::{self, StoreFilter};
use crate::store::users;

const MODEL: &str = include_str!("../../../policies/examples/docs.fga");
/// The networks that the sample reaches: this machine.
const LOOPBACK: &str = "127.0.0.0/8";

/// Arguments of `tessera demo`. Tessera itself listens where `--listen` says.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where the sample application listens
    #[arg(
        long = "app-listen",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9000"
    )]
    app: SocketAddr,
    /// Where the sample resource service listens
    #[arg(
        long = "resource-listen",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9001"
    )]
    resource: SocketAddr,
}

/// The sign-in and the secrets that this run made up.
struct MadeUp {
    password: String,
    app_secret: String,
    resource_secret: String,
}

/// Runs the demo until a signal.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Failure> {
    let data = Throwaway::make()?;
    let mut stop = Stop::listen()?;
    let app_listener = bind(arguments.app).await?;
    let resource_listener = bind(arguments.resource).await?;
    let url = |listener: &TcpListener| {
        listener
            .local_addr()
            .map(|address| format!("http://{address}"))
    };
    let (app_url, resource_url) = (url(&app_listener)?, url(&resource_listener)?);

    let made_up = MadeUp::new();
    let prepared = prepare(&data.0, settings.listen()).await?;
    let store_id = fill(&prepared.app, &data.0, &app_url, &made_up).await?;
    let issuer = prepared.app.config.issuer.clone();
    let server = prepared.serve()?;

    let http = Outbound::new(&[LOOPBACK.parse::<IpNet>().map_err(failed)?]).map_err(failed)?;
    let verifier = Verifier::discover(http.clone(), &issuer)
        .await
        .map_err(failed)?;
    let resource = Resource {
        verifier: verifier.clone(),
        http: http.clone(),
        client_id: "documents".to_owned(),
        client_secret: made_up.resource_secret.clone(),
        store_id,
    };
    let application = RelyingParty {
        verifier,
        http,
        client_id: "paper".to_owned(),
        client_secret: made_up.app_secret.clone(),
        url: app_url.clone(),
        resource_url,
        visitors: Mutex::new(HashMap::new()),
    };
    let application = axum::serve(app_listener, relying_party::router(Arc::new(application)));
    let resource = axum::serve(resource_listener, resource::router(Arc::new(resource)));
    print::out(&banner(&issuer, &app_url, &made_up))?;
    tokio::select! {
        () = stop.asked() => {}
        ended = application.into_future() => ended?,
        ended = resource.into_future() => ended?,
    }
    finish(server, stop).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = "choose other addresses with --app-listen and --resource-listen";
        Failure::new(
            Exit::CannotListen,
            format!("cannot listen on {address}: {error}; {advice}"),
        )
    })
}

/// The server on throw-away data. Nothing of this process's environment reaches it.
async fn prepare(data: &Path, listen: Option<&str>) -> Result<Prepared, Failure> {
    let mut flags = vec![("data", data.join("data").display().to_string())];
    flags.extend(listen.map(|listen| ("listen", listen.to_owned())));
    let sources = Sources {
        file: None,
        environment: Vec::new(),
        flags,
    };
    Ok(Prepared::new(load(&sources)?, Clock::System).await?)
}

/// Clients, a person, the store with its model, and the one document that the person may see; the store's id.
async fn fill(
    app: &App,
    directory: &Path,
    app_url: &str,
    made_up: &MadeUp,
) -> Result<String, Failure> {
    std::fs::write(directory.join("docs.fga"), MODEL)?;
    let now = app.clock.now();
    let people = format!(
        r#"
[[clients]]
client_id = "paper"
client_name = "Paper & Quill"
client_secret = "{}"
redirect_uris = ["{app_url}/cb"]
post_logout_redirect_uris = ["{app_url}/"]
grant_types = ["authorization_code", "refresh_token"]
scope = "openid profile email offline_access"

[[clients]]
client_id = "documents"
client_name = "Document service"
client_secret = "{}"
grant_types = ["client_credentials"]
roles = ["policy_manager"]

[[users]]
username = "ada"
email = "ada@example.com"
email_verified = true
name = "Ada Lovelace"
password = "{}"
"#,
        made_up.app_secret, made_up.resource_secret, made_up.password
    );
    setup::apply_text(app, &people, directory, (Mode::Commit, now)).await?;
    let mut conn = app.db.read().await?;
    let ada = users::find_credentials(&mut conn, &Canonical::of_typed("ada")).await?;
    drop(conn);
    let ada = ada
        .ok_or_else(|| failed("the demo's user is not there"))?
        .user
        .id;
    let store = format!(
        r#"
[[stores]]
name = "docs"
model = "docs.fga"
tuples = [ {{ user = "user:{ada}", relation = "owner", object = "doc:plan" }} ]
"#
    );
    setup::apply_text(app, &store, directory, (Mode::Commit, now)).await?;
    let filter = StoreFilter {
        name: Some("docs"),
        after: "",
    };
    let found = policy_stores::list(&mut app.db.read().await?, filter, 1).await?;
    let store = found
        .into_iter()
        .next()
        .ok_or_else(|| failed("the demo's store is not there"))?;
    Ok(store.id)
}

impl MadeUp {
    fn new() -> Self {
        let secret = || TokenKind::ClientSecret.generate().expose().clone();
        Self {
            password: base64url(&random::<15>()),
            app_secret: secret(),
            resource_secret: secret(),
        }
    }
}

fn banner(issuer: &str, app_url: &str, made_up: &MadeUp) -> String {
    format!(
        "tessera demo\n  open     {app_url}\n  sign in  ada\n  password {}\n  issuer   {issuer}\n\
         Everything is thrown away when you stop it (Ctrl-C).\n",
        made_up.password
    )
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Other, error)
}

/// A directory that goes when the demo ends.
struct Throwaway(PathBuf);

impl Throwaway {
    fn make() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tessera-demo-{}", base64url(&random::<9>())));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The adapter from the `oauth2` crate onto the guarded outbound client.
fn exchange(http: &Outbound) -> impl Fn(HttpRequest) -> Exchange {
    let http = http.clone();
    move |request| {
        let http = http.clone();
        Box::pin(async move {
            let answer = http.send(request).await?;
            let mut response = HttpResponse::new(answer.body);
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

type Exchange = std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, OutboundError>> + Send>>;
