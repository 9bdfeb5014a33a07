//! The rules by which a search leaves things out, and the budget within which it has to end.
//!
//! Each rule is a theorem; its proof is where it is applied. Each can be switched off, so that tests can hold the search
//! with it against the search without it.

/// Which rules a search uses, and how. All by default; tests switch them one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Operations that change nothing are taken as soon as they are legal.
    pub reads_at_once: bool,
    /// Of two configurations that differ in the unknown operations used, one that used fewer makes the other superfluous.
    pub dominance: bool,
    /// Unknown operations of one effect are used oldest first.
    pub symmetry: bool,
    /// No unknown operation is used where an open one with a reply would do the same.
    pub exchange: bool,
    /// What commutes with the returning operation is not taken before it.
    pub commute: bool,
    /// Nothing is taken before a return forces it.
    pub lazy: bool,
    /// An unknown operation is only taken if it changes the state.
    pub useful: bool,
    /// What can no longer give the replies to come is left at once.
    pub foresight: bool,
    /// States that no reply to come tells apart are made one.
    pub forget: bool,
    /// What works on another part than the returning operation is not taken before it.
    pub independence: bool,
    /// Values that nobody asks about are made alike.
    pub blur: bool,
    /// Which engine searches.
    pub tactic: Tactic,
    /// Growable sets even where narrow ones suffice.
    pub wide: bool,
}

/// Which engine searches. Either is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tactic {
    /// Breadth first for a moment, then both at once.
    #[default]
    Race,
    /// Both at once from the start.
    RaceAtOnce,
    /// Breadth first only.
    Breadth,
    /// Depth first only.
    Depth,
    /// Attempts that leave much out, then ever less; by turns breadth first and depth first.
    Hasty,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reads_at_once: true,
            dominance: true,
            symmetry: true,
            exchange: true,
            commute: true,
            lazy: true,
            useful: true,
            foresight: true,
            forget: true,
            independence: true,
            blur: true,
            tactic: Tactic::Race,
            wide: false,
        }
    }
}

impl Rules {
    /// Not one of them.
    #[must_use]
    pub fn none() -> Self {
        Self {
            reads_at_once: false,
            dominance: false,
            symmetry: false,
            exchange: false,
            commute: false,
            lazy: false,
            useful: false,
            foresight: false,
            forget: false,
            independence: false,
            blur: false,
            tactic: Tactic::Race,
            wide: false,
        }
    }
}

/// What a search may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Configurations looked at. A million take about a fifth of a second.
    pub steps: u64,
    /// Configurations and states held at once, for each thread. A million take about 100 MB with few unknown outcomes.
    pub held: usize,
}

impl Default for Budget {
    /// Half a minute to minutes, and less than two gigabytes for each thread.
    fn default() -> Self {
        Self { steps: 200_000_000, held: 8_000_000 }
    }
}

/// Why a search ended without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    Steps,
    Held,
    Cancelled,
    /// It left something out on trial, and found nothing.
    Patience,
}

/// Counts what a search spends.
pub(super) struct Meter<'a> {
    pub(super) budget: Budget,
    pub(super) steps: u64,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Meter<'a> {
    pub(super) fn new(budget: Budget, cancelled: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { budget, steps: 0, cancelled }
    }

    /// One more step, with so many things held.
    pub(super) fn step(&mut self, held: usize) -> Result<(), GaveUp> {
        self.steps += 1;
        if self.steps > self.budget.steps {
            return Err(GaveUp::Steps);
        }
        if held > self.budget.held {
            return Err(GaveUp::Held);
        }
        // The question may be a system call: not too often, and yet within a millisecond.
        if self.steps.is_multiple_of(1024) && (self.cancelled)() {
            return Err(GaveUp::Cancelled);
        }
        Ok(())
    }
}
