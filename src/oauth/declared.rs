//! What administrators declare (resource servers, types of authorization details, trusted issuers), as the admin API and the command
//! line show it and take it back: what was read can be changed and handed in.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::protocol::detail_type::{DetailType, NewDetailType};
use super::protocol::jwt_bearer::{NewTrustedIssuer, TrustedIssuer};
use super::protocol::resource_server::{NewResourceServer, ResourceServer};
use crate::base::time::Timestamp;
use crate::store::authorization_details_types::DetailTypeRow;
use crate::store::resource_servers::ResourceServerRow;
use crate::store::trusted_issuers::TrustedIssuerRow;

/// One, as it is shown. What of it can be changed is what [`Replacement`] takes.
#[derive(Debug, Serialize)]
pub struct Shown<T> {
    /// Its id; none where its name is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is declared.
    #[serde(flatten)]
    pub declared: T,
    /// Since when it is, in the form of RFC 3339.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
}

impl<T> Shown<T> {
    fn new(id: Option<String>, declared: T, (created, updated): (Timestamp, Timestamp)) -> Self {
        Self {
            id,
            declared,
            created_at: created.rfc3339(),
            updated_at: updated.rfc3339(),
        }
    }
}

impl From<ResourceServerRow> for Shown<ResourceServer> {
    fn from(row: ResourceServerRow) -> Self {
        let times = (row.created_at, row.updated_at);
        Self::new(Some(row.id.to_string()), row.server, times)
    }
}

impl From<DetailTypeRow> for Shown<DetailType> {
    fn from(row: DetailTypeRow) -> Self {
        let times = (row.created_at, row.updated_at);
        Self::new(Some(row.id.to_string()), row.declared, times)
    }
}

impl From<TrustedIssuerRow> for Shown<TrustedIssuer> {
    fn from(row: TrustedIssuerRow) -> Self {
        Self::new(None, row.trusted, (row.created_at, row.updated_at))
    }
}

/// What replaces one: what can be changed, and, unread, what is shown beside it.
#[derive(Debug)]
pub struct Replacement<T>(pub T);

/// What a [`Replacement`] is of.
pub trait Replaceable: DeserializeOwned {
    /// Members of what is shown that nobody changes.
    const READ_ONLY: &'static [&'static str] = &["id", "created_at", "updated_at"];
}

impl Replaceable for NewResourceServer {}

impl Replaceable for NewDetailType {}

impl Replaceable for NewTrustedIssuer {
    const READ_ONLY: &'static [&'static str] = &["name", "created_at", "updated_at"];
}

impl<'de, T: Replaceable> Deserialize<'de> for Replacement<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        members.retain(|name, _| !T::READ_ONLY.contains(&name.as_str()));
        T::deserialize(Value::Object(members))
            .map(Self)
            .map_err(D::Error::custom)
    }
}
