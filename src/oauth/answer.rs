//! Sends an authorization response on its way: signed if its mode says so (JARM section 2.1), as a redirect or as a form that posts itself.

use axum::response::Response;

use super::protocol::claims::TokenType;
use super::protocol::client::Client;
use super::protocol::response::{Delivery, Redirect};
use super::respond::{fault_page, internal, see_other};
use super::sealed;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::web::form_post;

/// The response that carries an answer to the client.
pub async fn send(app: &App, client: &Client, redirect: &Redirect, now: Timestamp) -> Response {
    let issuer = &app.config.issuer;
    let parameters = if redirect.channel.signed {
        let claims = redirect.claims(issuer, now);
        let protection = client.settings.metadata.tokens.authorization();
        let signed = (TokenType::AuthorizationResponse, &claims);
        match sealed::jwt(app, (client, protection), signed, now).await {
            Ok(jwt) => vec![("response", jwt)],
            Err(error) => return fault_page(&internal(&error)),
        }
    } else {
        redirect.parameters(issuer)
    };
    match redirect.delivery(parameters) {
        Delivery::Location(url) => see_other(&url),
        Delivery::Form { action, fields } => form_post::respond(&action, &fields),
    }
}
