//! A person's account, as values.

use super::identifier::{Email, Username};
use super::password::PasswordHash;
use super::profile::Profile;
use crate::base::id::UserId;
use crate::base::time::Timestamp;

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The `sub` of this person's tokens.
    pub id: UserId,
    /// What the person is called here; unique without regard to case.
    pub username: String,
    /// An address, unique without regard to case.
    pub email: Option<String>,
    /// Whether the address is known to be the person's.
    pub email_verified: bool,
    /// How the person wants to be addressed.
    pub name: Option<String>,
    /// What else the person tells.
    pub profile: Profile,
    /// Whether the person may sign in.
    pub state: UserState,
    /// Tokens and sessions from before this instant are void.
    pub tokens_valid_from: Timestamp,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// What to call the person on a page.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.username)
    }
}

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// Yes.
    Active,
    /// Not until an administrator unlocks the account.
    Locked,
}

impl UserState {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
        }
    }

    /// Parses the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "locked" => Some(Self::Locked),
            _ => None,
        }
    }
}

/// What an account is made from.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The username.
    pub username: Username,
    /// An address.
    pub email: Option<Email>,
    /// Whether the address is known to be the person's.
    pub email_verified: bool,
    /// How the person wants to be addressed.
    pub name: Option<DisplayName>,
    /// What else the person tells.
    pub profile: Profile,
    /// The password; without one the person cannot sign in with a password.
    pub password: Option<PasswordHash>,
}

/// What of an account is to change; `None` leaves a value alone.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Another username.
    pub username: Option<Username>,
    /// Another address, or none at all, and whether it is known to be the person's.
    pub email: Option<Option<(Email, bool)>>,
    /// Another name, or none at all.
    pub name: Option<Option<DisplayName>>,
    /// Another profile, as a whole.
    pub profile: Option<Profile>,
}

/// A name to show: 1 to 120 characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

/// A text that is no name to show.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the name must have 1 to 120 characters and no line breaks or other control characters")]
pub struct InvalidName;

impl DisplayName {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        let valid =
            (1..=120).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        valid.then(|| Self(text.to_owned())).ok_or(InvalidName)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(
            DisplayName::parse(" Ada Lovelace ").unwrap().as_str(),
            "Ada Lovelace"
        );
        for text in ["", "  ", "a\nb", "a\u{7}", &"x".repeat(121)] {
            assert!(DisplayName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn states_have_one_text_each() {
        for state in [UserState::Active, UserState::Locked] {
            assert_eq!(UserState::parse(state.as_str()), Some(state));
        }
        assert_eq!(UserState::parse("deleted"), None);
    }
}
