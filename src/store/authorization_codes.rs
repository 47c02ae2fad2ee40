//! Table `authorization_codes`: redeemed once, by one conditional statement.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::GrantId;
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::dpop::Thumbprint;
use crate::oauth::protocol::pkce::CodeChallenge;

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its grant.
    pub grant_id: GrantId,
    /// The client it was issued to.
    pub client_id: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// Whether the authorization request named that URI.
    pub redirect_uri_sent: bool,
    /// PKCE.
    pub code_challenge: Option<CodeChallenge>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// The key that must redeem it (RFC 9449 section 10).
    pub dpop_jkt: Option<Thumbprint>,
}

impl FromRow for Code {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let grant_id: String = row.get("grant_id")?;
        let challenge: Option<String> = row.get("code_challenge")?;
        let jkt: Option<String> = row.get("dpop_jkt")?;
        Ok(Self {
            grant_id: GrantId::parse(&grant_id)
                .map_err(|error| StoreError::corrupt("authorization_codes.grant_id", &error))?,
            client_id: row.get("client_id")?,
            redirect_uri: row.get("redirect_uri")?,
            redirect_uri_sent: row.get("redirect_uri_sent")?,
            code_challenge: challenge
                .map(|text| {
                    CodeChallenge::parse(&text).ok_or_else(|| {
                        StoreError::corrupt("authorization_codes.code_challenge", "no challenge")
                    })
                })
                .transpose()?,
            nonce: row.get("nonce")?,
            dpop_jkt: jkt
                .map(Thumbprint::try_from)
                .transpose()
                .map_err(|error| StoreError::corrupt("authorization_codes.dpop_jkt", &error))?,
        })
    }
}

/// Keeps a new code.
pub async fn insert(
    tx: &mut Tx,
    hash: &TokenHash,
    code: &Code,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO authorization_codes (code_hash, grant_id, client_id, redirect_uri, redirect_uri_sent, \
           code_challenge, nonce, issued_at, expires_at, dpop_jkt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(hash.as_str())
            .bind(code.grant_id.as_str())
            .bind(&code.client_id)
            .bind(&code.redirect_uri)
            .bind(code.redirect_uri_sent)
            .bind(code.code_challenge.as_ref().map(CodeChallenge::as_str))
            .bind(code.nonce.clone())
            .bind(now)
            .bind(expires_at)
            .bind(code.dpop_jkt.as_ref().map(Thumbprint::as_str)),
    )
    .await?;
    Ok(())
}

/// Redeems a code of this client, if it was not redeemed before and has not expired: the one statement that decides races.
pub async fn redeem(
    tx: &mut Tx,
    hash: &TokenHash,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Code>, StoreError> {
    tx.opt(
        q("UPDATE authorization_codes SET redeemed_at = $3 \
           WHERE code_hash = $1 AND client_id = $2 AND redeemed_at IS NULL AND expires_at > $3 \
           RETURNING grant_id, client_id, redirect_uri, redirect_uri_sent, code_challenge, nonce, dpop_jkt")
        .bind(hash.as_str())
        .bind(client_id)
        .bind(now),
    )
    .await
}

/// The grant of a code that this client has redeemed before.
pub async fn find_redeemed(
    conn: &mut Conn,
    hash: &TokenHash,
    client_id: &str,
) -> Result<Option<GrantId>, StoreError> {
    let grant: Option<String> = conn
        .opt(
            q("SELECT grant_id FROM authorization_codes \
               WHERE code_hash = $1 AND client_id = $2 AND redeemed_at IS NOT NULL")
            .bind(hash.as_str())
            .bind(client_id),
        )
        .await?;
    grant
        .map(|text| GrantId::parse(&text))
        .transpose()
        .map_err(|error| StoreError::corrupt("authorization_codes.grant_id", &error))
}

/// Deletes at most `limit` codes that expired before `expired_before`; how many. Spent codes are kept a while after they
/// expired, so that a late second use is still known as one.
pub async fn delete_expired(
    tx: &mut Tx,
    expired_before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM authorization_codes WHERE code_hash IN \
           (SELECT code_hash FROM authorization_codes WHERE expires_at < $1 LIMIT $2)")
        .bind(expired_before)
        .bind(limit),
    )
    .await
}
