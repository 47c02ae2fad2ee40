//! `tessera demo`: the server on a throw-away data directory, a sample application and a sample resource service beside it.

mod pages;
mod relying_party;
mod resource;
mod verify;

use oauth2::{HttpRequest, HttpResponse};

use crate::outbound::{Outbound, OutboundError};

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
