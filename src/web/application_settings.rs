//! What an application needs to know after it was registered: its settings, and code that uses them.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::layout::{Csp, Page, Width, respond};
use super::links;
use crate::app::App;
use crate::oauth::client::Registered;
use crate::oauth::paths;

/// The page with the settings. The secret is shown here and never again.
pub fn page(app: &App, registered: &Registered) -> Response {
    let settings = &registered.client.settings;
    let page = Page {
        title: "Application registered",
        width: Width::Wide,
        body: html! {
            h1 { (settings.client_name) " is registered" }
            p .lead { "Enter these settings in the application, and it can offer “Login with Tessera”." }
            (values(app, registered))
            h2 { "Use it" }
            p .small { "With Node and the package " code { "openid-client" } ":" }
            pre tabindex="0" { code { (snippet(app, registered)) } }
            a .button .quiet href=(links::path(&app.config, "/")) { "Done" }
        },
    };
    respond(StatusCode::OK, &page, &Csp::same_origin())
}

fn values(app: &App, registered: &Registered) -> Markup {
    let client = &registered.client;
    let issuer = &app.config.issuer;
    html! {
        dl {
            (value("Issuer", issuer))
            (value("Discovery", &format!("{issuer}{}", paths::OPENID_CONFIGURATION)))
            (value("Client id", client.client_id.as_str()))
            @if let Some(secret) = &registered.generated_secret {
                (value("Client secret", secret.expose()))
            }
            @for uri in &client.settings.redirect_uris {
                (value("Redirect URI", uri.as_str()))
            }
        }
        @if registered.generated_secret.is_some() {
            div .notice role="note" { "Keep the secret now: Tessera stores only its fingerprint and cannot show it again." }
        }
    }
}

fn value(name: &str, text: &str) -> Markup {
    html! { dt { (name) } dd { code .value { (text) } } }
}

/// A sign-in with `openid-client` 6. Every value stands as a JSON string, so none can end the literal it stands in.
fn snippet(app: &App, registered: &Registered) -> String {
    let client = &registered.client;
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let issuer = quote(&app.config.issuer);
    let client_id = quote(client.client_id.as_str());
    let redirect_uri = client
        .settings
        .redirect_uris
        .first()
        .map_or_else(String::new, |uri| quote(uri.as_str()));
    let (secret, authentication) = if client.secret_mac.is_some() {
        (
            "process.env.CLIENT_SECRET",
            "oidc.ClientSecretBasic(process.env.CLIENT_SECRET)",
        )
    } else {
        ("undefined", "oidc.None()")
    };
    // Plain HTTP is for trying things out on one machine; the library wants to be told so.
    let options = if app.config.issuer.starts_with("https://") {
        ""
    } else {
        ",\n  { execute: [oidc.allowInsecureRequests] },"
    };
    format!(
        "import * as oidc from \"openid-client\";

const tessera = await oidc.discovery(
  new URL({issuer}),
  {client_id},
  {secret},
  {authentication}{options}
);

// Send the browser to `url`.
const verifier = oidc.randomPKCECodeVerifier();
const url = oidc.buildAuthorizationUrl(tessera, {{
  redirect_uri: {redirect_uri},
  scope: \"openid profile email\",
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: \"S256\",
}});

// It comes back to the redirect URI: `callback` is the whole address.
const tokens = await oidc.authorizationCodeGrant(tessera, callback, {{
  pkceCodeVerifier: verifier,
}});
console.log(tokens.claims());
"
    )
}
