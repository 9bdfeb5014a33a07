//! A plan as text for a person: what each monkey is like, then one line per fault.

use std::fmt;

use super::{Plan, PlannedFault, PlannedMonkey};
use crate::fault::Kind;

/// More than a person reads; what is beyond is counted.
const SHOWN_FAULTS: usize = 200;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, seed, overlap, .. } = self;
        let time = seconds(self.duration_ms);
        writeln!(f, "faults of profile {profile}, seed {seed}, {time}: at most {overlap} at the same time")?;
        for monkey in &self.monkeys {
            writeln!(f, "  {monkey}")?;
        }
        for (monkey, reason) in &self.left_out {
            writeln!(f, "  left out: {monkey}, as {reason}")?;
        }
        let mut faults = self.faults();
        for fault in faults.by_ref().take(SHOWN_FAULTS) {
            writeln!(f, "  at {:>8}  {fault}", seconds(fault.at_ms))?;
        }
        match faults.count() {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

impl fmt::Display for PlannedMonkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, on, every_ms, lasts_ms, .. } = self;
        write!(f, "{name} on {on}, every {} to {} ms", every_ms.low, every_ms.high)?;
        if lasts_ms.high > 0 {
            write!(f, ", for {} to {} ms", lasts_ms.low, lasts_ms.high)?;
        }
        if self.millionths < super::CERTAIN {
            write!(f, ", with probability {}", f64::from(self.millionths) / f64::from(super::CERTAIN))?;
        }
        if self.exclusive {
            write!(f, ", alone")?;
        }
        if self.await_recovery {
            write!(f, ", then until all are ready")?;
        }
        Ok(())
    }
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} on {}", self.monkey, self.kind, self.on)?;
        if matches!(self.kind, Kind::Links(_)) || !self.on.needs_leader() && self.order.len() > 1 {
            write!(f, " ({})", self.order.join(" "))?;
        }
        if self.kind.is_instant() { Ok(()) } else { write!(f, ", for {} ms", self.lasts_ms) }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}
