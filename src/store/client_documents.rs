//! Table `client_documents`: until when the row of a client whose id is an address is as good as the document there.

use super::{Conn, StoreError, Tx, q};
use crate::base::time::Timestamp;
use crate::oauth::protocol::client::ClientId;

/// When a document was fetched, and until when it is used without looking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Until when it is good.
    pub fresh_until: Timestamp,
}

/// What is known of a client's document.
pub async fn find(conn: &mut Conn, client_id: &ClientId) -> Result<Option<Freshness>, StoreError> {
    let found: Option<(i64, i64)> = conn
        .opt(
            q("SELECT fetched_at, fresh_until FROM client_documents WHERE client_id = $1")
                .bind(client_id.as_str()),
        )
        .await?;
    Ok(found.map(|(fetched_at, fresh_until)| Freshness {
        fetched_at: Timestamp::from_ms(fetched_at),
        fresh_until: Timestamp::from_ms(fresh_until),
    }))
}

/// Notes that the document was fetched; of two nodes that did, the later fetch counts.
pub async fn note(
    tx: &mut Tx,
    client_id: &ClientId,
    freshness: Freshness,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO client_documents AS d (client_id, fetched_at, fresh_until) VALUES ($1, $2, $3) \
           ON CONFLICT (client_id) DO UPDATE SET fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until \
           WHERE d.fetched_at <= excluded.fetched_at")
            .bind(client_id.as_str())
            .bind(freshness.fetched_at)
            .bind(freshness.fresh_until),
    )
    .await?;
    Ok(())
}
