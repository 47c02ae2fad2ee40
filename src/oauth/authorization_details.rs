//! Authorization details (RFC 9396) against the types that administrators declared, and in words for people.

use super::protocol::authorization_details::{AuthorizationDetails, Detail, invalid};
use super::protocol::error::{Fault, quoted};
use crate::base::id::UserId;
use crate::base::time::{Seconds, Timestamp};
use crate::store::authorization_details_types::{self, DetailTypeRow};
use crate::store::{Conn, Db, StoreError, Tx, agreed_details};

/// How long an agreement to details is remembered: they are about one thing at one time, unlike scopes.
pub const AGREED_SECONDS: Seconds = Seconds::new(90 * 86_400);

/// Refuses details of a type that nobody declared, and those that are not what their type wants.
pub async fn check(
    db: &Db,
    details: &AuthorizationDetails,
) -> Result<Result<(), Fault>, StoreError> {
    if details.is_empty() {
        return Ok(Ok(()));
    }
    let types = {
        let mut conn = db.read().await?;
        types_of(&mut conn, details).await?
    };
    for detail in details.iter() {
        let name = quoted(detail.type_name());
        let Some(row) = declared(&types, detail) else {
            return Ok(Err(invalid(format!(
                "the type {name} is not declared here; an administrator can declare it"
            ))));
        };
        if let Some(fault) = row.declared.fault_of(&detail.value()) {
            let description =
                format!("a detail of the type {name} is not what its type wants, {fault}");
            return Ok(Err(invalid(description)));
        }
    }
    Ok(Ok(()))
}

/// A detail with what people call its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownDetail {
    /// What people call its type.
    pub type_name: String,
    /// The detail.
    pub detail: Detail,
}

/// Details for a page.
pub async fn shown(
    conn: &mut Conn,
    details: &AuthorizationDetails,
) -> Result<Vec<ShownDetail>, StoreError> {
    let types = types_of(conn, details).await?;
    let show = |detail: &Detail| ShownDetail {
        type_name: declared(&types, detail).map_or_else(
            || detail.type_name().to_owned(),
            |row| row.declared.name.clone(),
        ),
        detail: detail.clone(),
    };
    Ok(details.iter().map(show).collect())
}

/// Whether the person has agreed to exactly these details before; nobody needs to agree to none.
pub async fn are_agreed(
    conn: &mut Conn,
    (user_id, client_id): (&UserId, &str),
    details: &AuthorizationDetails,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if details.is_empty() {
        return Ok(true);
    }
    let agreed = (client_id, details.digest());
    let since = now.minus(AGREED_SECONDS);
    agreed_details::contains(conn, user_id, (agreed.0, &agreed.1), since).await
}

/// Remembers what the person agreed to.
pub async fn agree(
    tx: &mut Tx,
    (user_id, client_id): (&UserId, &str),
    details: &AuthorizationDetails,
    now: Timestamp,
) -> Result<(), StoreError> {
    if details.is_empty() {
        return Ok(());
    }
    agreed_details::add(tx, user_id, (client_id, &details.digest()), now).await
}

/// The declared types of these details.
async fn types_of(
    conn: &mut Conn,
    details: &AuthorizationDetails,
) -> Result<Vec<DetailTypeRow>, StoreError> {
    let mut rows: Vec<DetailTypeRow> = Vec::new();
    for detail in details.iter() {
        if declared(&rows, detail).is_none() {
            let name = detail.type_name();
            rows.extend(authorization_details_types::find_named(conn, name).await?);
        }
    }
    Ok(rows)
}

fn declared<'a>(rows: &'a [DetailTypeRow], detail: &Detail) -> Option<&'a DetailTypeRow> {
    rows.iter()
        .find(|row| row.declared.type_name.as_str() == detail.type_name())
}
