//! `tessera authorization-details-type`: types of authorization details (RFC 9396), by their id or their name on the wire.

use serde_json::Value;

use super::{Kind, PAGE, Work, mistake, replacement};
use crate::base::id::DetailTypeId;
use crate::cli::{Exit, Failure};
use crate::oauth::declared::Shown;
use crate::oauth::detail_type::{self, DetailTypeError, NewDetailType};
use crate::oauth::protocol::detail_type::DetailType;
use crate::store::Conn;
use crate::store::authorization_details_types::{self, DetailTypeRow};

/// Types of authorization details.
pub(in crate::cli) struct DetailTypes;

impl Kind for DetailTypes {
    type Row = DetailTypeRow;
    type Declared = DetailType;

    async fn list(conn: &mut Conn, after: Option<&Self::Row>) -> Result<Vec<Self::Row>, Failure> {
        let after = after.map(|row| &row.id);
        Ok(authorization_details_types::list_after(conn, after, PAGE).await?)
    }

    async fn get(conn: &mut Conn, name: &str) -> Result<Self::Row, Failure> {
        if let Ok(id) = DetailTypeId::parse(name) {
            return Ok(detail_type::get(conn, &id).await?);
        }
        let found = authorization_details_types::find_named(conn, name).await?;
        found.ok_or_else(|| {
            mistake(format_args!(
                "there is no authorization details type `{name}`; list them"
            ))
        })
    }

    async fn create(work: &mut Work<'_>, given: Value) -> Result<Self::Row, Failure> {
        let new: NewDetailType = replacement(given)?;
        Ok(detail_type::register(&mut work.tx, &new, work.now).await?)
    }

    async fn update(work: &mut Work<'_>, row: &Self::Row, given: Value) -> Result<(), Failure> {
        let new: NewDetailType = replacement(given)?;
        detail_type::update(&mut work.tx, (&row.id, &new), work.now).await?;
        Ok(())
    }

    async fn delete(work: &mut Work<'_>, row: &Self::Row) -> Result<(), Failure> {
        Ok(detail_type::delete(&mut work.tx, &row.id, work.now).await?)
    }

    fn line(row: &Self::Row) -> String {
        let declared = &row.declared;
        format!(
            "{}  {}  \"{}\"",
            row.id,
            declared.type_name.as_str(),
            declared.name
        )
    }

    fn show(row: Self::Row) -> Shown<DetailType> {
        row.into()
    }
}

impl From<DetailTypeError> for Failure {
    fn from(error: DetailTypeError) -> Self {
        match error {
            DetailTypeError::Store(error) => error.into(),
            error @ (DetailTypeError::Invalid(_)
            | DetailTypeError::Taken(_)
            | DetailTypeError::Fixed(_)
            | DetailTypeError::NotFound(_)) => Self::new(Exit::Configuration, error),
        }
    }
}
