//! The plan's clock: it runs with real time, and stands still while faults have to wait. It is told what time it is.

use std::time::Duration;

use history::Nanos;

/// Time on the plan's clock.
#[derive(Debug, Default)]
pub(super) struct PlanClock {
    /// What had passed when it was last started or stopped.
    passed: Duration,
    /// Since when it runs.
    runs_since: Option<Nanos>,
}

impl PlanClock {
    /// Lets it run, or stand still.
    pub(super) fn run(&mut self, runs: bool, now: Nanos) {
        match (self.runs_since, runs) {
            (None, true) => self.runs_since = Some(now),
            (Some(since), false) => {
                self.passed += now.since(since);
                self.runs_since = None;
            }
            _ => {}
        }
    }

    /// How long it takes until it shows `at`, if it runs on.
    pub(super) fn until(&self, at: Duration, now: Nanos) -> Duration {
        let running = self.runs_since.map_or(Duration::ZERO, |since| now.since(since));
        at.saturating_sub(self.passed + running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_when_told_to() {
        let (mut clock, at) = (PlanClock::default(), |ms: u64| Nanos(ms * 1_000_000));
        let left = |clock: &PlanClock, now| clock.until(Duration::from_millis(100), at(now)).as_millis();
        assert_eq!(left(&clock, 50), 100, "it does not run yet");
        clock.run(true, at(50));
        assert_eq!(left(&clock, 80), 70);
        clock.run(false, at(80));
        clock.run(false, at(90));
        assert_eq!(left(&clock, 500), 70);
        clock.run(true, at(500));
        clock.run(true, at(510));
        assert_eq!(left(&clock, 530), 40);
        assert_eq!(left(&clock, 900), 0);
    }
}
