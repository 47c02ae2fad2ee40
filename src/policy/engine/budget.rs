//! What one question may cost: relations and tuples looked at, what conditions cost, and the asker's patience.

use std::fmt;

use super::check::CheckError;
use super::condition::Evaluated;

/// Relations and tuples that one question may look at, and what its conditions may cost together.
pub const STEPS: u32 = 300_000;
/// Steps between two looks at the asker's patience: some tens of microseconds.
const STEPS_BETWEEN_LOOKS: u32 = 1_024;

/// Steps that a tuple's own condition costs before it is evaluated.
const INLINE_STEPS: u32 = 30;

/// Whoever waits for an answer. The engine has no clock: it asks, now and then, whether it is still worth going on.
pub trait Patience: fmt::Debug + Sync {
    /// Whether nobody waits any more.
    fn is_over(&self) -> bool;
}

/// What a question has cost so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget<'a> {
    steps: u32,
    /// Past so many steps something is to be looked at: the patience, or that there are no more.
    pause: u32,
    patience: Option<&'a dyn Patience>,
}

impl<'a> Budget<'a> {
    /// A whole one.
    pub(super) const fn new(patience: Option<&'a dyn Patience>) -> Self {
        Self {
            steps: 0,
            pause: if patience.is_some() {
                STEPS_BETWEEN_LOOKS
            } else {
                STEPS
            },
            patience,
        }
    }

    /// One more relation or tuple.
    #[inline]
    pub(super) fn step(&mut self) -> Result<(), CheckError> {
        self.spend(1)
    }

    /// A tuple's own condition, which may have to be parsed first.
    pub(super) fn parsed(&mut self) -> Result<(), CheckError> {
        self.spend(INLINE_STEPS)
    }

    /// An evaluated condition.
    pub(super) fn evaluated(&mut self, evaluated: &Evaluated) -> Result<(), CheckError> {
        let cost = evaluated.cost.saturating_add(evaluated.read);
        self.spend(u32::try_from(cost).unwrap_or(u32::MAX))
    }

    #[inline]
    fn spend(&mut self, steps: u32) -> Result<(), CheckError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.pause {
            return self.look();
        }
        Ok(())
    }

    #[cold]
    fn look(&mut self) -> Result<(), CheckError> {
        if self.steps > STEPS {
            return Err(CheckError::Exhausted);
        }
        if self.patience.is_some_and(Patience::is_over) {
            return Err(CheckError::OutOfTime);
        }
        self.pause = self.steps.saturating_add(STEPS_BETWEEN_LOOKS).min(STEPS);
        Ok(())
    }

    /// Steps taken so far.
    pub(super) const fn steps(&self) -> u32 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Patience for so many looks.
    #[derive(Debug)]
    struct Looks(AtomicU32);

    impl Patience for Looks {
        fn is_over(&self) -> bool {
            let left = self.0.load(Ordering::Relaxed);
            self.0.store(left.saturating_sub(1), Ordering::Relaxed);
            left == 0
        }
    }

    fn spend_all(patience: Option<&dyn Patience>) -> (CheckError, u32) {
        let mut budget = Budget::new(patience);
        loop {
            if let Err(error) = budget.step() {
                return (error, budget.steps());
            }
        }
    }

    #[test]
    fn the_steps_end_whether_or_not_somebody_waits() {
        assert_eq!(spend_all(None), (CheckError::Exhausted, STEPS + 1));
        let patient = Looks(AtomicU32::new(u32::MAX));
        assert_eq!(
            spend_all(Some(&patient)),
            (CheckError::Exhausted, STEPS + 1)
        );
    }

    #[test]
    fn patience_is_looked_at_every_thousand_steps() {
        let looks = Looks(AtomicU32::new(2));
        let (error, steps) = spend_all(Some(&looks));
        assert_eq!(error, CheckError::OutOfTime);
        assert!((3_072..3_080).contains(&steps), "{steps}");
    }

    #[test]
    fn costs_beyond_all_counting_end_the_question() {
        let mut budget = Budget::new(None);
        let evaluated = Evaluated {
            outcome: Ok(true),
            cost: 100,
            read: u64::MAX,
        };
        assert_eq!(budget.evaluated(&evaluated), Err(CheckError::Exhausted));
    }
}
