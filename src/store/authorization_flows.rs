//! Table `authorization_flows`: authorization requests on their way through login and consent.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::{FlowId, UserId};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::authorize::AuthorizeRequest;

/// A request on its way.
#[derive(Clone, Debug)]
pub struct FlowRow {
    /// Its id: a handle, worth nothing without the browser's cookie.
    pub id: FlowId,
    /// The hash of the cookie of the browser that began it.
    pub binding_hash: TokenHash,
    /// What was asked.
    pub request: AuthorizeRequest,
    /// Whom the client's `id_token_hint` names.
    pub hinted_subject: Option<String>,
    /// Who agreed on its consent page.
    pub consented_by: Option<UserId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl FromRow for FlowRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let request: String = row.get("request")?;
        let consented_by: Option<String> = row.get("consented_by")?;
        Ok(Self {
            id: FlowId::parse(&id)
                .map_err(|error| StoreError::corrupt("authorization_flows.id", &error))?,
            binding_hash: TokenHash::from_stored(row.get("binding_hash")?),
            request: serde_json::from_str(&request)
                .map_err(|error| StoreError::corrupt("authorization_flows.request", &error))?,
            hinted_subject: row.get("hinted_subject")?,
            consented_by: consented_by
                .map(|id| UserId::parse(&id))
                .transpose()
                .map_err(|error| StoreError::corrupt("authorization_flows.consented_by", &error))?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

/// Keeps a new flow.
pub async fn insert(tx: &mut Tx, flow: &FlowRow) -> Result<(), StoreError> {
    let request = serde_json::to_string(&flow.request)
        .map_err(|error| StoreError::corrupt("authorization_flows.request", &error))?;
    tx.exec(
        q("INSERT INTO authorization_flows (id, binding_hash, client_id, request, hinted_subject, created_at, expires_at) \
           VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(flow.id.as_str())
            .bind(flow.binding_hash.as_str())
            .bind(&flow.request.client_id)
            .bind(request)
            .bind(flow.hinted_subject.clone())
            .bind(flow.created_at)
            .bind(flow.expires_at),
    )
    .await?;
    Ok(())
}

/// The flow, if it has not expired.
pub async fn find_live(
    conn: &mut Conn,
    id: &FlowId,
    now: Timestamp,
) -> Result<Option<FlowRow>, StoreError> {
    conn.opt(
        q("SELECT id, binding_hash, request, hinted_subject, consented_by, created_at, expires_at \
           FROM authorization_flows WHERE id = $1 AND expires_at > $2")
            .bind(id.as_str())
            .bind(now),
    )
    .await
}

/// Notes who agreed; `false` when the flow is gone.
pub async fn set_consented(
    tx: &mut Tx,
    id: &FlowId,
    user_id: &UserId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE authorization_flows SET consented_by = $2 WHERE id = $1 AND expires_at > $3")
                .bind(id.as_str())
                .bind(user_id.as_str())
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Forgets that a person agreed on the consent pages of a client's requests on their way.
pub async fn forget_consent(
    tx: &mut Tx,
    user_id: &UserId,
    client_id: &str,
) -> Result<u64, StoreError> {
    tx.exec(
        q("UPDATE authorization_flows SET consented_by = NULL WHERE client_id = $1 AND consented_by = $2")
            .bind(client_id)
            .bind(user_id.as_str()),
    )
    .await
}

/// Ends a flow; `false` when it had ended already, so that it answers once.
pub async fn delete(tx: &mut Tx, id: &FlowId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM authorization_flows WHERE id = $1").bind(id.as_str()))
        .await?;
    Ok(rows == 1)
}

/// Deletes at most `limit` expired flows; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM authorization_flows WHERE id IN \
           (SELECT id FROM authorization_flows WHERE expires_at <= $1 LIMIT $2)")
        .bind(now)
        .bind(limit),
    )
    .await
}
