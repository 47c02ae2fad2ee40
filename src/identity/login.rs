//! The steps of a sign-in, as one pure decision: what is known of the account, what was proved, what follows.
//!
//! A further factor is a variant of [`Factor`] and a field of [`Evidence`]; the compiler then lists what must know it.

use serde::{Deserialize, Serialize};

use super::password::Verdict;
use super::user::UserState;

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something the person knows.
    Password,
}

impl Factor {
    /// The factor's name in `amr` (RFC 8176 section 2).
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
        }
    }
}

/// What is known of the account that was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Nobody has that name.
    Unknown,
    /// Somebody has.
    Known(UserState),
}

/// What a person showed.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// The account that was named.
    pub account: Account,
    /// What verifying the password found.
    pub password: Verdict,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The person is who they say: a session may begin.
    Complete {
        /// What was proved.
        factors: Vec<Factor>,
        /// The password's hash is of yesterday's parameters.
        rehash: bool,
    },
    /// Not proved. One answer for a wrong name, a wrong password and a locked account (SECURITY R13).
    Refuse,
}

/// Decides the next step.
pub fn next(evidence: Evidence) -> Step {
    match (evidence.account, evidence.password) {
        (Account::Known(UserState::Active), Verdict::Match { outdated }) => Step::Complete {
            factors: vec![Factor::Password],
            rehash: outdated,
        },
        (
            Account::Unknown | Account::Known(UserState::Locked | UserState::Active),
            Verdict::Match { .. } | Verdict::Mismatch,
        ) => Step::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_account_with_the_right_password_signs_in() {
        let right = Verdict::Match { outdated: false };
        for (account, password, complete) in [
            (Account::Known(UserState::Active), right, true),
            (Account::Known(UserState::Active), Verdict::Mismatch, false),
            (Account::Known(UserState::Locked), right, false),
            (Account::Known(UserState::Locked), Verdict::Mismatch, false),
            (Account::Unknown, right, false),
            (Account::Unknown, Verdict::Mismatch, false),
        ] {
            let step = next(Evidence { account, password });
            assert_eq!(
                matches!(step, Step::Complete { .. }),
                complete,
                "{account:?} {password:?}"
            );
        }
    }

    #[test]
    fn an_outdated_hash_is_renewed_when_the_password_is_at_hand() {
        let step = next(Evidence {
            account: Account::Known(UserState::Active),
            password: Verdict::Match { outdated: true },
        });
        assert_eq!(
            step,
            Step::Complete {
                factors: vec![Factor::Password],
                rehash: true
            }
        );
    }
}
