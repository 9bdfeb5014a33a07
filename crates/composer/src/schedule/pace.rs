//! When the next driver and the next anytime command are due, as the plan's segments say. Knows time, not
//! rules: whether a due command may start is decided elsewhere.

use crate::plan::{Pick, Plan, Segment};
use std::time::Duration;

/// The place in the plan's segments. All times count from the beginning of the drive.
#[derive(Debug, Default)]
pub(super) struct Pace {
    index: Option<u32>,
    begin: Duration,
    segment: Segment,
    next_step: usize,
    next_arrival: usize,
    /// The step at the head, with the time from which it is due. It outlives its segment once it is due, so
    /// that a serial driver that waits for others is not forgotten.
    head: Option<(Pick, Duration)>,
}

impl Pace {
    /// Moves to the segment of this time and brings the next step to the head.
    pub(super) fn advance(&mut self, plan: &Plan, elapsed: Duration) {
        let length = Duration::from_millis(plan.segment_ms.max(1));
        let index = u32::try_from(elapsed.as_nanos() / length.as_nanos()).unwrap_or(u32::MAX);
        if self.index != Some(index) {
            let begin = length.saturating_mul(index);
            let head = self.head.take().filter(|(_, due)| *due <= begin);
            let segment = plan.segment(index).into_owned();
            *self = Pace { index: Some(index), begin, segment, head, ..Pace::default() };
        }
        if self.head.is_none() {
            self.bring_next(self.begin);
        }
    }

    /// How many parallel drivers may run beside each other now.
    pub(super) fn parallel(&self) -> usize {
        self.segment.parallel as usize
    }

    /// The driver that is due, if any; it stays at the head until it is taken.
    pub(super) fn due_driver(&self, elapsed: Duration) -> Option<&Pick> {
        self.head.as_ref().filter(|(_, due)| *due <= elapsed).map(|(pick, _)| pick)
    }

    /// Takes the driver at the head; the pause of the next one begins now.
    pub(super) fn take_driver(&mut self, elapsed: Duration) -> Option<Pick> {
        let taken = self.head.take().map(|(pick, _)| pick);
        self.bring_next(elapsed.max(self.begin));
        taken
    }

    /// Takes the next anytime command that is due.
    pub(super) fn take_arrival(&mut self, elapsed: Duration) -> Option<Pick> {
        let arrival = self.segment.arrivals.get(self.next_arrival)?;
        if self.begin + Duration::from_millis(arrival.at_ms) > elapsed {
            return None;
        }
        self.next_arrival += 1;
        Some(arrival.pick.clone())
    }

    /// The next moment after `elapsed` at which time alone changes something. A driver that is due by then
    /// waits for others, not for time.
    pub(super) fn wake(&self, plan: &Plan, elapsed: Duration) -> Duration {
        let segment_end = self.begin + Duration::from_millis(plan.segment_ms.max(1));
        let arrival =
            self.segment.arrivals.get(self.next_arrival).map(|a| self.begin + Duration::from_millis(a.at_ms));
        let driver = self.head.as_ref().map(|(_, due)| *due).filter(|due| *due > elapsed);
        [Some(segment_end), arrival, driver].into_iter().flatten().min().unwrap_or(segment_end)
    }

    fn bring_next(&mut self, after: Duration) {
        self.head = self.segment.steps.get(self.next_step).map(|step| {
            let due = after.saturating_add(Duration::from_millis(step.pause_ms));
            (step.pick.clone(), due)
        });
        self.next_step += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::plan::{PlanConfig, Shape};
    use crate::template::Listed;

    #[test]
    fn a_pause_counts_from_the_start_before_it() {
        let listed = [Listed { command: "main/parallel_driver_a".into(), kind: Kind::ParallelDriver }];
        let plan = Plan::draw(&listed, &PlanConfig::new(1, Duration::from_secs(30))).unwrap();
        assert_eq!(plan.shape, Shape::Mixture);
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        for step in plan.segments[0].steps.iter().take(5) {
            pace.advance(&plan, now);
            let due = now + Duration::from_millis(step.pause_ms);
            assert!(pace.due_driver(due - Duration::from_millis(1)).is_none());
            assert_eq!(pace.due_driver(due), Some(&step.pick));
            // It had to wait for others; the next one's pause does not shrink by that.
            now = due + Duration::from_millis(70);
            assert_eq!(pace.take_driver(now).as_ref(), Some(&step.pick));
        }
    }
}
