//! Identifiers: one type a kind, a prefix people can read, a ULID that sorts by creation time.
//!
//! An identifier is public and never a secret (ASVS 11.5.1): secrets come from [`super::secret`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use super::secret::random;
use super::time::Timestamp;

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{given}` is not {what}; expected `{prefix}_` and 26 letters and digits")]
pub struct InvalidId {
    given: String,
    what: &'static str,
    prefix: &'static str,
}

/// A new ULID text (26 upper-case characters) for the instant `now`, with 80 random bits.
pub fn new_ulid(now: Timestamp) -> String {
    let ms = u64::try_from(now.ms()).unwrap_or(0);
    Ulid::from_parts(ms, u128::from_be_bytes(random::<16>())).to_string()
}

/// The ULID text of these 128 bits: for an identifier that is derived, not made.
pub fn ulid_of(bits: u128) -> String {
    Ulid::from(bits).to_string()
}

/// Whether `text` is a canonical ULID: 26 characters of Crockford's alphabet, upper case, no overflow.
pub fn is_ulid(text: &str) -> bool {
    Ulid::from_string(text).is_ok_and(|id| id.to_string() == text)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A new identifier for the instant `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(format!(concat!($prefix, "_{}"), new_ulid(now).to_ascii_lowercase()))
            }

            /// Parses the exact form that [`Self::new`] makes.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid = text
                    .strip_prefix(concat!($prefix, "_"))
                    .filter(|rest| !rest.bytes().any(|byte| byte.is_ascii_uppercase()))
                    .is_some_and(|rest| is_ulid(&rest.to_ascii_uppercase()));
                if valid {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { given: text.to_owned(), what: $what, prefix: $prefix })
                }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A person's account; the `sub` of that person's tokens.
    UserId, "usr", "a user id"
);
id!(
    /// One sign-in of one browser; the `sid` of the tokens issued in it. Not the cookie's secret.
    SessionId, "ses", "a session id"
);
id!(
    /// What one authorization gave to one client: the lineage of every token that came from it.
    GrantId, "gnt", "a grant id"
);
id!(
    /// One authorization request on its way through login and consent.
    FlowId, "flw", "a flow id"
);
id!(
    /// One API key. Not its secret.
    ApiKeyId, "key", "an API key's id"
);
id!(
    /// One request of a device for an authorization. Not its device code.
    DeviceId, "dev", "a device request's id"
);
id!(
    /// One authentication request that a client made without a browser. Not its `auth_req_id`.
    BackchannelId, "bcr", "a backchannel request's id"
);
id!(
    /// One initial access token, with which clients are registered. Not its secret.
    InitialTokenId, "iat", "an initial access token's id"
);
id!(
    /// A service that tokens are for. Not its identifier on the wire.
    ResourceServerId, "rsv", "a resource server's id"
);
id!(
    /// A type of authorization details. Not its name on the wire.
    DetailTypeId, "adt", "an authorization details type's id"
);
id!(
    /// One recorded event.
    EventId, "evt", "an event id"
);
id!(
    /// One message in the outbox.
    MessageId, "msg", "a message id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_own_canonical_form() {
        let id = UserId::new(Timestamp::from_ms(1_700_000_000_000));
        assert_eq!(UserId::parse(id.as_str()), Ok(id.clone()));
        assert!(SessionId::parse(id.as_str()).is_err(), "another kind's id");
        assert!(UserId::parse(&id.as_str().to_ascii_uppercase()).is_err());
        assert!(UserId::parse("usr_").is_err());
        assert!(UserId::parse("").is_err());
    }

    #[test]
    fn ids_sort_by_time() {
        let early = UserId::new(Timestamp::from_ms(1));
        let late = UserId::new(Timestamp::from_ms(2));
        assert!(early < late);
    }

    #[test]
    fn ulids_are_upper_case_and_bounded() {
        assert!(is_ulid(&new_ulid(Timestamp::from_ms(0))));
        assert!(!is_ulid("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), "over 128 bits");
        assert!(!is_ulid("01arz3ndektsv4rrffq69g5fav"));
    }
}
