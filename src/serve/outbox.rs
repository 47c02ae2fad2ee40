//! The worker of the outbox: takes what is due, sends it through the guarded client, notes what came of it.
//!
//! Every node runs it; the claims of [`crate::events::outbox`] share the work. Between sending and noting, a node may die: then the letter
//! is sent again.

use std::sync::Arc;

use http::Request;
use tokio::task::JoinSet;

use crate::app::App;
use crate::events::outbox::{self, Letter, Outcome, Taken};
use crate::oauth::backchannel::ping;
use crate::oauth::backchannel_logout;
use crate::store::{self, StoreError};

/// Sends everything that is due; ends early when the server begins to stop.
pub async fn deliver_due(app: Arc<App>) -> Result<(), StoreError> {
    while !app.stopping.is_cancelled() {
        let batch = outbox::take(&app.db, app.clock.now()).await?;
        if batch.is_empty() {
            break;
        }
        // As many at once as one taking gives.
        let mut sending = JoinSet::new();
        for taken in batch {
            sending.spawn(deliver(Arc::clone(&app), taken));
        }
        let mut failure = None;
        while let Some(ended) = sending.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failure = Some(error),
                // The claim passes; the attempt was counted when it began.
                Err(error) => tracing::error!(%error, "sending a letter failed badly"),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(())
}

/// Tells the metrics what waits.
pub async fn count(app: Arc<App>) -> Result<(), StoreError> {
    let (pending, dead) = store::outbox::count(&mut app.db.read().await?).await?;
    app.metrics.note_outbox(pending, dead);
    Ok(())
}

async fn deliver(app: Arc<App>, taken: Taken) -> Result<(), StoreError> {
    let outcome = attempt(&app, &taken).await;
    if let Outcome::Failed(error) = &outcome {
        let kind = taken.letter.kind();
        tracing::warn!(
            kind,
            destination = taken.destination,
            error,
            "a letter did not arrive"
        );
    }
    let fate = outbox::settle(&app.db, &taken, &outcome, app.clock.now()).await?;
    app.metrics.count_outbox_attempt(fate.as_str());
    Ok(())
}

/// Sends a letter once, without noting it.
pub async fn attempt(app: &App, taken: &Taken) -> Outcome {
    match request(app, taken).await {
        Ok(Some(request)) => send(app, &taken.letter, request).await,
        Ok(None) => Outcome::Void,
        Err(error) => Outcome::Failed(error),
    }
}

/// What a letter says on the wire, made now; `None` when there is nobody to tell any more.
async fn request(app: &App, taken: &Taken) -> Result<Option<Request<Vec<u8>>>, String> {
    match &taken.letter {
        Letter::BackchannelLogout {
            client_id,
            user_id,
            session_id,
        } => {
            let session = (user_id, session_id);
            backchannel_logout::request(app, client_id, session, &taken.destination)
                .await
                .map_err(|error| error.to_string())
        }
        Letter::BackchannelPing {
            client_id,
            request_id,
        } => ping::request(app, client_id, request_id)
            .await
            .map_err(|error| error.to_string()),
    }
}

async fn send(app: &App, letter: &Letter, request: Request<Vec<u8>>) -> Outcome {
    match app.outbound.send(request).await {
        Ok(answer) if answer.status.is_success() => Outcome::Delivered,
        Ok(answer) if letter.ends_when_refused() && !answer.status.is_server_error() => {
            let (kind, status) = (letter.kind(), answer.status.as_u16());
            tracing::warn!(kind, status, "a letter was refused; it is not sent again");
            Outcome::Void
        }
        Ok(answer) => Outcome::Failed(format!("the answer was {}", answer.status)),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
