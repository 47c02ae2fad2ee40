//! Lists: the objects that a subject is related to, and the subjects that are related to an object.
//!
//! Both walk the tuples from the side that is given, along the relations that can matter by the model, and never look at
//! all objects of a type. What is met along unions alone is in the list; what stands behind an `and`, a `but not` or more
//! hops than a check may take is a candidate, and the check decides it.
//!
//! INVARIANT: a list says what the check says of each entry, and it is whole: past a bound the answer is an error.

mod frontier;
mod objects;
mod users;

use super::check::CheckError;

pub use objects::{ObjectsQuestion, list_objects};
pub use users::{UsersFilter, UsersQuestion, list_users};

/// Which part of a list, in the order of its entries' text.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Entries after this one.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries, sorted by their text.
    pub entries: Vec<T>,
    /// Whether there are entries after these.
    pub has_more: bool,
    /// Relations and tuples looked at.
    pub steps: u32,
}

/// Takes from sorted candidates what the window wants: those that are certain, and those that the check confirms.
fn take<C, T>(
    candidates: Vec<C>,
    limit: usize,
    mut decide: impl FnMut(C) -> Result<Option<T>, CheckError>,
) -> Result<(Vec<T>, bool), CheckError> {
    let mut entries = Vec::new();
    for candidate in candidates {
        let Some(entry) = decide(candidate)? else {
            continue;
        };
        if entries.len() == limit {
            return Ok((entries, true));
        }
        entries.push(entry);
    }
    Ok((entries, false))
}

#[cfg(test)]
mod tests;
