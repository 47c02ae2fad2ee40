//! A tuple with what limits it: a condition that must hold, an instant after which it counts no more.
//!
//! The limits are no part of a tuple's identity: one tuple cannot exist with and without a condition.

use serde_json::{Map, Value};

use super::budget::Patience;
use super::condition::INLINE;
use super::tuple::Tuple;
use crate::base::time::Timestamp;

/// Values for a condition's parameters, by name.
pub type Context = Map<String, Value>;

/// A tuple with what limits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// Who has which relation to what.
    pub tuple: Tuple,
    /// When that counts.
    pub limits: Limits,
}

/// When a tuple counts; always, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Only when this condition holds.
    pub condition: Option<TupleCondition>,
    /// Only before this instant.
    pub expires_at: Option<Timestamp>,
}

/// A condition as a tuple names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleCondition {
    /// The condition's name in the model.
    pub name: String,
    /// Values that the tuple fixes; they win over those of a request.
    pub context: Context,
}

/// What a question brings along that tuples are held against.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Values for the parameters of conditions.
    pub context: &'a Context,
    /// The instant that tuples must not have expired at.
    pub now: Timestamp,
    /// How long the asker waits; for ever, if nobody says. Then the steps alone end the question.
    pub patience: Option<&'a dyn Patience>,
}

impl<'a> Circumstances<'a> {
    /// Circumstances at an instant, of somebody who waits as long as it takes.
    pub const fn at(context: &'a Context, now: Timestamp) -> Self {
        Self {
            context,
            now,
            patience: None,
        }
    }
}

impl Limits {
    /// Whether the tuple counts always.
    pub const fn is_empty(&self) -> bool {
        self.condition.is_none() && self.expires_at.is_none()
    }

    /// Whether the tuple holds its condition's text itself.
    pub fn is_inline(&self) -> bool {
        self.condition
            .as_ref()
            .is_some_and(|condition| condition.name == INLINE)
    }

    /// Whether the tuple has expired at an instant.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl From<Tuple> for Relationship {
    fn from(tuple: Tuple) -> Self {
        Self {
            tuple,
            limits: Limits::default(),
        }
    }
}
