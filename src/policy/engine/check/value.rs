//! Kleene's three values, and the two errors that may lose to an answer.

/// The value of a relation, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    True,
    False,
    /// It only leads back to a question that is being answered.
    Unknown,
    /// The depth was reached before it was decided.
    TooDeep,
    /// A condition on the way could not be evaluated.
    Failed,
}

impl Value {
    pub(super) const fn known(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    /// Any true wins over errors; errors win over what is not known (OpenFGA's union).
    pub(super) const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::TooDeep, _) | (_, Self::TooDeep) => Self::TooDeep,
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::False, Self::False) => Self::False,
        }
    }

    /// Any false wins over errors; errors win over what is not known (OpenFGA's intersection).
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::TooDeep, _) | (_, Self::TooDeep) => Self::TooDeep,
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::True, Self::True) => Self::True,
        }
    }

    pub(super) const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::TooDeep => Self::TooDeep,
            Self::Failed => Self::Failed,
        }
    }
}
