//! Declaring, changing and forgetting types of authorization details (RFC 9396). The setup file and the admin API both come through here.

use super::protocol::registration::MetadataFault;
use crate::base::id::DetailTypeId;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::authorization_details_types::{self, DetailTypeRow};
use crate::store::{Conn, StoreError, Tx};

pub use super::protocol::detail_type::NewDetailType;

/// Why a type could not be declared or changed.
#[derive(Debug, thiserror::Error)]
pub enum DetailTypeError {
    /// Everything that is wrong with it.
    #[error("{}", MetadataFault::join(.0))]
    Invalid(Vec<MetadataFault>),
    /// The name on the wire is taken.
    #[error("a type `{0}` exists already; update it")]
    Taken(String),
    /// Clients and grants name it.
    #[error("`type`: must stay `{0}`; declare another type instead")]
    Fixed(String),
    /// There is no such one.
    #[error("there is no authorization details type `{0}`")]
    NotFound(DetailTypeId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Declares a type.
pub async fn register(
    tx: &mut Tx,
    new: &NewDetailType,
    now: Timestamp,
) -> Result<DetailTypeRow, DetailTypeError> {
    let row = DetailTypeRow {
        id: DetailTypeId::new(now),
        declared: new.check().map_err(DetailTypeError::Invalid)?,
        created_at: now,
        updated_at: now,
    };
    if !authorization_details_types::insert(tx, &row).await? {
        return Err(DetailTypeError::Taken(row.declared.type_name.into()));
    }
    record(tx, &row.id, "created", now).await?;
    Ok(row)
}

/// Replaces a type's name for people and its schema; whether anything changed. What people have agreed to stays agreed.
pub async fn update(
    tx: &mut Tx,
    (id, new): (&DetailTypeId, &NewDetailType),
    now: Timestamp,
) -> Result<bool, DetailTypeError> {
    let declared = new.check().map_err(DetailTypeError::Invalid)?;
    let present = get(tx, id).await?.declared;
    if declared.type_name != present.type_name {
        return Err(DetailTypeError::Fixed(present.type_name.into()));
    }
    if declared == present {
        return Ok(false);
    }
    if !authorization_details_types::update(tx, id, &declared, now).await? {
        return Err(DetailTypeError::NotFound(id.clone()));
    }
    record(tx, id, "updated", now).await?;
    Ok(true)
}

/// Forgets a type: nobody can ask for it any more. What was granted stays granted.
pub async fn delete(tx: &mut Tx, id: &DetailTypeId, now: Timestamp) -> Result<(), DetailTypeError> {
    if !authorization_details_types::delete(tx, id).await? {
        return Err(DetailTypeError::NotFound(id.clone()));
    }
    record(tx, id, "deleted", now).await?;
    Ok(())
}

/// The type, which must exist.
pub async fn get(conn: &mut Conn, id: &DetailTypeId) -> Result<DetailTypeRow, DetailTypeError> {
    let found = authorization_details_types::find(conn, id).await?;
    found.ok_or_else(|| DetailTypeError::NotFound(id.clone()))
}

async fn record(
    tx: &mut Tx,
    id: &DetailTypeId,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::DetailTypeChanged {
        detail_type_id: id.clone(),
        change,
    };
    events::record(tx, &event, now).await
}
