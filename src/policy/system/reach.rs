//! How much of its owner's power a credential brings: all of it, or named permissions, in all stores or in one.
//!
//! A limit only takes away. Whoever is within it still needs what [`super::allows`] and [`super::allows_store`] ask for.

use std::collections::BTreeSet;

use super::{Permission, StorePermission};

/// What of its owner's power a caller may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Whole,
    /// A part.
    Limited(Limits),
}

/// Named permissions, in all stores or in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    system: BTreeSet<Permission>,
    store: BTreeSet<StorePermission>,
    only_store: Option<String>,
}

/// Why limits make no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LimitError {
    /// No permission has this name.
    #[error("`{name}` is not a permission; name some of {}", names().join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// A key that made keys would outlive its own revocation.
    #[error("`{0}` is for no key: it could make keys that outlive it; leave it out")]
    MakesKeys(Permission),
    /// The permission is not one in a store.
    #[error("`{0}` is no permission in one store; leave it out, or leave out the store")]
    NotInOneStore(Permission),
    /// The list is empty.
    #[error("`permissions` is empty; name some, or leave it out for all over permission stores")]
    Empty,
}

impl Reach {
    /// Whether it covers a permission of Tessera's own.
    pub fn covers(&self, permission: Permission) -> bool {
        match self {
            Self::Whole => true,
            Self::Limited(limits) => limits.system.contains(&permission),
        }
    }

    /// Whether it covers a permission in a store.
    pub fn covers_in(&self, store: &str, permission: StorePermission) -> bool {
        match self {
            Self::Whole => true,
            Self::Limited(limits) => {
                limits.store.contains(&permission)
                    && limits
                        .only_store
                        .as_deref()
                        .is_none_or(|only| only == store)
            }
        }
    }
}

impl Limits {
    /// The named permissions; without names all over permission stores.
    pub fn choose(
        names: Option<&[String]>,
        only_store: Option<String>,
    ) -> Result<Self, LimitError> {
        let Some(names) = names else {
            let system = match only_store {
                Some(_) => BTreeSet::new(),
                None => [Permission::ReadStores, Permission::ManageStores].into(),
            };
            return Ok(Self {
                system,
                store: StorePermission::ALL.iter().copied().collect(),
                only_store,
            });
        };
        if names.is_empty() {
            return Err(LimitError::Empty);
        }
        let mut limits = Self {
            system: BTreeSet::new(),
            store: BTreeSet::new(),
            only_store,
        };
        for name in names {
            if let Some(permission) = StorePermission::parse(name) {
                limits.store.insert(permission);
                continue;
            }
            match Permission::parse(name) {
                None => return Err(LimitError::Unknown { name: name.clone() }),
                Some(permission @ Permission::ManageApiKeys) => {
                    return Err(LimitError::MakesKeys(permission));
                }
                Some(permission) if limits.only_store.is_some() => {
                    return Err(LimitError::NotInOneStore(permission));
                }
                Some(permission) => limits.system.insert(permission),
            };
        }
        Ok(limits)
    }

    /// Limits as they were kept. A name that this version does not know opens nothing.
    pub fn kept(permissions: &str, only_store: Option<String>) -> Self {
        let names = || permissions.split_whitespace();
        Self {
            system: names().filter_map(Permission::parse).collect(),
            store: names().filter_map(StorePermission::parse).collect(),
            only_store,
        }
    }

    /// The permissions' names, those of Tessera's own first.
    pub fn permissions(&self) -> Vec<&'static str> {
        let system = self.system.iter().map(|one| one.as_str());
        system
            .chain(self.store.iter().map(|one| one.as_str()))
            .collect()
    }
}

/// What a key can be limited to.
fn names() -> Vec<&'static str> {
    let system = Permission::ALL
        .iter()
        .filter(|one| **one != Permission::ManageApiKeys)
        .map(|one| one.as_str());
    let store = StorePermission::ALL.iter().map(|one| one.as_str());
    store.chain(system).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str], store: Option<&str>) -> Result<Limits, LimitError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Limits::choose(Some(&names), store.map(str::to_owned))
    }

    #[test]
    fn permissions_of_stores_and_of_the_system_have_different_names() {
        for one in StorePermission::ALL {
            assert_eq!(Permission::parse(one.as_str()), None, "{one}");
        }
    }

    #[test]
    fn without_names_a_key_opens_permission_stores_and_nothing_else() {
        let reach = Reach::Limited(Limits::choose(None, None).unwrap());
        for permission in Permission::ALL {
            let stores = [Permission::ReadStores, Permission::ManageStores];
            assert_eq!(
                reach.covers(*permission),
                stores.contains(permission),
                "{permission}"
            );
        }
        for permission in StorePermission::ALL {
            assert!(reach.covers_in("S", *permission), "{permission}");
        }
        let one = Reach::Limited(Limits::choose(None, Some("S".to_owned())).unwrap());
        for permission in Permission::ALL {
            assert!(!one.covers(*permission), "{permission}");
        }
        assert!(one.covers_in("S", StorePermission::Manage));
        assert!(!one.covers_in("s", StorePermission::Manage));
        assert!(!one.covers_in("", StorePermission::Check));
    }

    #[test]
    fn a_name_opens_itself_alone() {
        let reach = Reach::Limited(choose(&["can_read", "can_manage_users"], None).unwrap());
        for permission in Permission::ALL {
            let named = *permission == Permission::ManageUsers;
            assert_eq!(reach.covers(*permission), named, "{permission}");
        }
        for permission in StorePermission::ALL {
            let named = *permission == StorePermission::Read;
            assert_eq!(reach.covers_in("S", *permission), named, "{permission}");
        }
        assert!(Reach::Whole.covers(Permission::ManageApiKeys));
        assert!(Reach::Whole.covers_in("S", StorePermission::Manage));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would_be_right() {
        let error = |names, store| choose(names, store).unwrap_err().to_string();
        assert!(
            error(&["can_fly"], None)
                .starts_with("`can_fly` is not a permission; name some of can_manage, ")
        );
        assert!(
            error(&["can_manage_api_keys"], None)
                .starts_with("`can_manage_api_keys` is for no key")
        );
        assert!(
            error(&["can_check", "can_read_users"], Some("S"))
                .starts_with("`can_read_users` is no permission in one store")
        );
        assert_eq!(choose(&[], None), Err(LimitError::Empty));
    }

    #[test]
    fn limits_are_kept_as_text_and_unknown_names_open_nothing() {
        let limits = choose(&["can_read", "can_check", "can_read_users"], None).unwrap();
        let text = limits.permissions().join(" ");
        assert_eq!(text, "can_read_users can_read can_check");
        assert_eq!(Limits::kept(&text, None), limits);
        assert_eq!(Limits::kept("can_fly", None).permissions(), [""; 0]);
    }
}
