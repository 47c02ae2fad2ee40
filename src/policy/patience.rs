//! How long a request is worth going on with, by a clock that nobody can set. The engine has none: it asks.

use std::time::{Duration, Instant};

use super::engine::budget::Patience;

/// The end of somebody's patience.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// So long from now; never, if that is beyond all clocks.
    pub(super) fn after(length: Duration) -> Self {
        Self(Instant::now().checked_add(length))
    }
}

impl Patience for Deadline {
    fn is_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_once_its_length_has() {
        assert!(Deadline::after(Duration::ZERO).is_over());
        assert!(!Deadline::after(Duration::from_mins(1)).is_over());
        assert!(!Deadline::after(Duration::MAX).is_over());
    }
}
