//! Which types of authorization details a client may ask for (RFC 9396 section 10).

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::detail_type::TypeName;
use crate::oauth::protocol::registration::{Faults, NewClient};

/// Most types of one client.
const TYPES: usize = 50;

/// What it may ask for beyond scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DetailTypes {
    /// The types by their names on the wire; none when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<TypeName>,
}

impl DetailTypes {
    /// Checks what was handed in. Whether a type is declared is asked when it is used: client and type may come in any order.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        const FIELD: &str = "authorization_details_types";
        let texts = &new.authorization_details_types;
        if texts.len() > TYPES {
            faults.add(FIELD, format!("must be at most {TYPES} types"));
        }
        let mut types = Vec::with_capacity(texts.len());
        for text in texts {
            if let Some(name) = faults.keep(FIELD, TypeName::parse(text))
                && !types.contains(&name)
            {
                types.push(name);
            }
        }
        Self {
            authorization_details_types: types,
        }
    }
}
