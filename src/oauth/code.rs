//! Issuing an authorization code: the grant, the code and their event in one transaction.

use super::protocol::authorize::AuthorizeRequest;
use super::protocol::client::{Client, Origin};
use super::protocol::grant::GrantDetails;
use super::subject::{pairwise, pairwise_sid};
use crate::app::App;
use crate::base::id::GrantId;
use crate::base::secret::{Secret, TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::identity::session::SignIn;
use crate::store::authorization_codes::{self, Code};
use crate::store::grants::{self, Grant};
use crate::store::{StoreError, Tx, clients};

/// What a granted request gets.
#[derive(Debug)]
pub struct Issued {
    /// The grant.
    pub grant: Grant,
    /// The code, if the response type has one.
    pub code: Option<Secret<String>>,
}

/// A grant for the request, with its code; `None` when the client was disabled, or the person locked, since they were looked at.
pub async fn issue(
    app: &App,
    tx: &mut Tx,
    request: &AuthorizeRequest,
    (client, sign_in): (&Client, &SignIn),
    now: Timestamp,
) -> Result<Option<Issued>, StoreError> {
    let grant = Grant {
        id: GrantId::new(now),
        client_id: client.client_id.as_str().to_owned(),
        user_id: sign_in.user_id.clone(),
        session_id: sign_in.session_id.clone(),
        // The registration as it is now, not as it was when the flow began (SECURITY row 9).
        scope: request.scope.intersection(&client.settings.scope),
        auth_time: sign_in.auth_time,
        amr: sign_in.amr().into_iter().map(str::to_owned).collect(),
        details: GrantDetails {
            resources: request.resources.clone(),
            claims: request.claims.clone(),
            subject: pairwise(&app.sealer, client, &sign_in.user_id),
            sid: pairwise_sid(
                &app.sealer,
                (client.client_id.as_str(), &client.settings.metadata),
                &sign_in.session_id,
            ),
            authorization_details: request
                .authorization_details
                .of_types(&client.settings.metadata.details.authorization_details_types),
            ..GrantDetails::default()
        },
        created_at: now,
    };
    if !grants::insert(tx, &grant).await? {
        return Ok(None);
    }
    if client.origin != Origin::Operator {
        clients::note_use(tx, &client.client_id, now).await?;
    }
    if !request.response_type.has_code() {
        let event = Event::IdTokenIssued {
            grant_id: grant.id.clone(),
            client_id: grant.client_id.clone(),
            user_id: grant.user_id.clone(),
        };
        events::record(tx, &event, now).await?;
        return Ok(Some(Issued { grant, code: None }));
    }
    let secret = TokenKind::AuthorizationCode.generate();
    let code = Code {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        redirect_uri_sent: request.redirect_uri_sent,
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        dpop_jkt: request.dpop_jkt.clone(),
    };
    let hash = TokenHash::of(secret.expose());
    let expires_at = now.plus(app.config.tokens.code_ttl_seconds);
    authorization_codes::insert(tx, &hash, &code, now, expires_at).await?;
    let event = Event::CodeIssued {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        user_id: grant.user_id.clone(),
    };
    events::record(tx, &event, now).await?;
    Ok(Some(Issued {
        grant,
        code: Some(secret),
    }))
}
