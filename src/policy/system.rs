//! Tessera's own administration: a store like any other, with the model `policies/system.fga`.
//!
//! Subjects are `user:<UserId>` and `client:<client_id>`; roles are held on `system:tessera`, rights in one store on
//! `store:<id>` and `store_type:<id>/<type>` (`stores`). A role is a relation that a
//! subject is written into; a permission is a relation computed from roles. Decisions are fully consistent: a role that was
//! taken away is gone with the next request, on every node.
//!
//! The store can be read through the permission API, never written: its model comes with the binary, its tuples from
//! [`assign_role`] and [`remove_role`]. So nobody becomes administrator by way of a permission to manage stores.

use std::fmt;

use super::change::{Changes, OnConflict};
use super::engine::relationship::Context;
use super::engine::tuple::{Object, Subject, Tuple, TupleError};
use super::engine::{dsl, json};
use super::error::PolicyError;
use super::models::write_model;
use super::replica::Consistency;
use super::service::{CheckRequest, Policy};
use super::stores::create_store;
use super::write::{Written, write};
use crate::base::time::Timestamp;
use crate::store::policy_tuples::{TupleFilter, TupleParts};
use crate::store::{Conn, Db, StoreError, Tx, meta, policy_models, policy_tuples};

const MODEL: &str = include_str!("../../policies/system.fga");
const STORE_NAME: &str = "tessera";
/// The row of table `meta` that names the store.
const STORE_FACT: &str = "system_store";
const OBJECT: &str = "system:tessera";
/// Roles that one subject can have, with room.
const ROLE_ROWS: u32 = 100;

macro_rules! relations {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The relation's name in the model.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The one of that name, if there is one.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

relations! {
    /// What a person or a client can be made.
    Role {
        /// May do everything.
        Admin = "admin",
        /// May read everything.
        Auditor = "auditor",
        /// May manage people, but give nobody a role.
        UserManager = "user_manager",
        /// May manage clients, but give none a role.
        ClientManager = "client_manager",
        /// May manage permission stores, their models and tuples.
        PolicyManager = "policy_manager",
        /// May take everybody's place when tokens are exchanged.
        Impersonator = "impersonator",
        /// May act for everybody when tokens are exchanged.
        Delegate = "delegate",
    }
}

relations! {
    /// What somebody may do in Tessera itself.
    Permission {
        /// See people.
        ReadUsers = "can_read_users",
        /// Make, change, lock people.
        ManageUsers = "can_manage_users",
        /// See clients.
        ReadClients = "can_read_clients",
        /// Register, change, disable clients.
        ManageClients = "can_manage_clients",
        /// See resource servers and the types of authorization details.
        ReadResourceServers = "can_read_resource_servers",
        /// Register, change, forget them.
        ManageResourceServers = "can_manage_resource_servers",
        /// See who has which role.
        ReadRoles = "can_read_roles",
        /// Give and take roles.
        ManageRoles = "can_manage_roles",
        /// See API keys, without their secrets.
        ReadApiKeys = "can_read_api_keys",
        /// Make and revoke API keys.
        ManageApiKeys = "can_manage_api_keys",
        /// See stores, models and tuples; ask checks.
        ReadStores = "can_read_stores",
        /// Make and delete stores, write models and tuples.
        ManageStores = "can_manage_stores",
        /// See signing keys' public halves and states.
        ReadKeys = "can_read_keys",
        /// Rotate signing keys.
        ManageKeys = "can_manage_keys",
        /// Read the events.
        ReadEvents = "can_read_events",
        /// See messages to other servers.
        ReadOutbox = "can_read_outbox",
        /// Send dead messages again, or remove them.
        ManageOutbox = "can_manage_outbox",
        /// See the issuers whose assertions are grants.
        ReadTrust = "can_read_trust",
        /// Trust an issuer, or no more.
        ManageTrust = "can_manage_trust",
    }
}

mod acting;
mod reach;
mod stores;

pub use acting::{
    ActingPermission, ActingRight, acting_for, allows_acting, give_acting, holds_acting_rights,
    take_acting,
};
pub use reach::{LimitError, Limits, Reach};
pub(super) use stores::take_all_rights;
pub use stores::{
    PlacedRight, RightError, StorePermission, StoreRight, allows_store, allows_writes, give_right,
    holds_store_rights, rights_in, take_right,
};

impl Role {
    /// What the role is for, in words for an administrator.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Admin => "may do everything",
            Self::Auditor => "may read everything",
            Self::UserManager => "may manage people, but give nobody a role",
            Self::ClientManager => "may manage clients, but give none a role",
            Self::PolicyManager => "may manage permission stores, their models and tuples",
            Self::Impersonator => "may take everybody's place when it exchanges tokens",
            Self::Delegate => {
                "may act for everybody when tokens are exchanged, and is named in them"
            }
        }
    }
}

/// Makes the store, or brings its model up to date; the store's id.
pub(super) async fn ensure(db: &Db, now: Timestamp) -> Result<String, PolicyError> {
    let model = dsl::parse(MODEL)?;
    let mut tx = db.write().await?;
    let id = if let Some(id) = meta::find(&mut tx, STORE_FACT).await? {
        id
    } else {
        let store = create_store(&mut tx, STORE_NAME, now).await?;
        let kept = meta::keep(&mut tx, STORE_FACT, &store.id).await?;
        if kept != store.id {
            // Another node was first; what this transaction made is rolled back.
            return Ok(kept);
        }
        kept
    };
    let body = json::emit(&model).to_string();
    let stored = match policy_models::latest_id(&mut tx, &id).await? {
        Some(latest) => policy_models::find(&mut tx, &id, &latest).await?,
        None => None,
    };
    if stored.is_none_or(|row| row.body != body) {
        write_model(&mut tx, &id, &model, now).await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// Whether a subject (`user:usr_..`, `client:web`) may do something, as of everything committed so far.
pub async fn allows(
    policy: &Policy,
    subject: &str,
    permission: Permission,
    now: Timestamp,
) -> Result<bool, PolicyError> {
    let Ok(subject @ Subject::Object(_)) = Subject::parse(subject) else {
        return Ok(false);
    };
    let request = CheckRequest {
        model_id: "",
        object: &object()?,
        relation: permission.as_str(),
        subject: &subject,
        contextual: &[],
        context: &Context::new(),
    };
    let store = policy.system_store();
    let answer = policy
        .check(store, &request, &Consistency::Full, now)
        .await?;
    Ok(answer.allowed)
}

/// Gives a subject a role; `None` when it has it already.
///
/// Call [`Policy::committed`] with the result after the commit.
pub async fn assign_role(
    tx: &mut Tx,
    subject: &str,
    role: Role,
    now: Timestamp,
) -> Result<Written, PolicyError> {
    give(tx, role_tuple(subject, role)?, now).await
}

/// Takes a role from a subject, if it has it.
///
/// Call [`Policy::committed`] with the result after the commit.
pub async fn remove_role(
    tx: &mut Tx,
    subject: &str,
    role: Role,
    now: Timestamp,
) -> Result<Written, PolicyError> {
    take(tx, role_tuple(subject, role)?, now).await
}

/// The roles of a subject.
pub async fn roles_of(conn: &mut Conn, subject: &str) -> Result<Vec<Role>, PolicyError> {
    let filter = TupleFilter::Subject {
        object_type: "system",
        subject,
        relation: None,
    };
    let store = store_id(conn).await?;
    let rows = policy_tuples::list(conn, &store, filter, (None, ROLE_ROWS)).await?;
    Ok(rows
        .iter()
        .filter_map(|row| Role::parse(&row.parts.relation))
        .collect())
}

/// Everybody who has a role, in pages after a subject and role.
pub async fn role_assignments(
    conn: &mut Conn,
    after: Option<(&str, Role)>,
    limit: u32,
) -> Result<Vec<(String, Role)>, PolicyError> {
    let store = store_id(conn).await?;
    let object = object()?;
    let after = after.map(|(subject, role)| TupleParts {
        object_type: object.type_name().to_owned(),
        object_id: object.id().to_owned(),
        relation: role.as_str().to_owned(),
        subject: subject.to_owned(),
    });
    let filter = TupleFilter::Object {
        object_type: object.type_name(),
        object_id: object.id(),
        relation: None,
        subject: None,
    };
    let rows = policy_tuples::list(conn, &store, filter, (after.as_ref(), limit)).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.parts.subject, Role::parse(&row.parts.relation)?)))
        .collect())
}

/// Whether anybody is an administrator.
pub async fn any_admin(conn: &mut Conn) -> Result<bool, PolicyError> {
    let store = store_id(conn).await?;
    Ok(policy_tuples::any(conn, &store, "system", Role::Admin.as_str()).await?)
}

/// Writes a tuple of the system store, unless it is there.
async fn give(tx: &mut Tx, tuple: Tuple, now: Timestamp) -> Result<Written, PolicyError> {
    let changes = Changes {
        writes: vec![tuple.into()],
        on_duplicate: OnConflict::Ignore,
        ..Changes::default()
    };
    let store = store_id(tx).await?;
    write(tx, &store, &changes, now).await
}

/// Deletes a tuple of the system store, if it is there.
async fn take(tx: &mut Tx, tuple: Tuple, now: Timestamp) -> Result<Written, PolicyError> {
    let changes = Changes {
        deletes: vec![tuple],
        on_missing: OnConflict::Ignore,
        ..Changes::default()
    };
    let store = store_id(tx).await?;
    write(tx, &store, &changes, now).await
}

async fn store_id(conn: &mut Conn) -> Result<String, PolicyError> {
    meta::find(conn, STORE_FACT)
        .await?
        .ok_or(PolicyError::Store(StoreError::NotFound))
}

fn object() -> Result<Object, TupleError> {
    Object::parse(OBJECT)
}

fn role_tuple(subject: &str, role: Role) -> Result<Tuple, TupleError> {
    match Subject::parse(subject)? {
        subject @ Subject::Object(_) => Ok(Tuple {
            object: object()?,
            relation: role.as_str().to_owned(),
            subject,
        }),
        // Nobody makes everybody an administrator.
        Subject::Wildcard(_) | Subject::Userset(..) => Err(TupleError::Subject(subject.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::validate::validate;
    use super::*;

    #[test]
    fn every_role_and_permission_is_a_relation_of_the_model() {
        let model = dsl::parse(MODEL).unwrap();
        assert_eq!(validate(&model), Ok(()));
        let system = model.find_type("system").unwrap();
        let (assignable, computed): (Vec<_>, Vec<_>) = system
            .relations
            .iter()
            .partition(|(_, relation)| !relation.restrictions.is_empty());
        let names = |list: Vec<(&String, _)>| {
            let mut names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            names.join(" ")
        };
        let sorted = |mut names: Vec<&str>| {
            names.sort_unstable();
            names.join(" ")
        };
        assert_eq!(
            names(assignable),
            sorted(Role::ALL.iter().map(|role| role.as_str()).collect())
        );
        assert_eq!(
            names(computed),
            sorted(Permission::ALL.iter().map(|one| one.as_str()).collect())
        );
    }

    #[test]
    fn only_single_subjects_get_roles() {
        assert!(role_tuple("user:usr_1", Role::Admin).is_ok());
        assert!(role_tuple("user:*", Role::Admin).is_err());
        assert!(role_tuple("system:tessera#admin", Role::Admin).is_err());
        assert!(role_tuple("nonsense", Role::Admin).is_err());
    }
}
