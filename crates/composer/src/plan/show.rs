//! A plan as text for a person: one line per decision. It shows all that the stored plan holds.

use super::{Pick, Plan, Segment, Shape};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan of template {}, seed {}, {}", self.template, self.seed, seconds(self.duration_ms))?;
        for candidate in &self.commands {
            writeln!(
                f,
                "  command {}  weight {}  deadline {}",
                candidate.command,
                candidate.weight,
                seconds(candidate.deadline_ms)
            )?;
        }
        match &self.first {
            Some(pick) => writeln!(f, "first: {pick}")?,
            None => writeln!(f, "first: none")?,
        }
        match &self.shape {
            Shape::Singleton(pick) => writeln!(f, "drivers: only {pick}")?,
            Shape::Mixture => writeln!(f, "drivers: at most {} beside each other", self.max_parallel)?,
            Shape::AnytimeOnly => writeln!(f, "drivers: none, only anytime commands")?,
        }
        for (index, segment) in self.segments.iter().enumerate() {
            write_segment(f, index as u64 * self.segment_ms, &self.shape, segment)?;
        }
        let further = (self.segment_count() as usize).saturating_sub(self.segments.len());
        if further > 0 {
            writeln!(f, "and {further} further segments, drawn from the same seed when they begin")?;
        }
        match self.terminal.as_slice() {
            [] => writeln!(f, "end: no terminal command"),
            [only] => writeln!(f, "end: {only}"),
            [wanted, others @ ..] => {
                write!(f, "end: {wanted}")?;
                others.iter().try_for_each(|other| write!(f, ", or where that is not allowed {other}"))?;
                writeln!(f)
            }
        }
    }
}

fn write_segment(f: &mut fmt::Formatter<'_>, begin_ms: u64, shape: &Shape, segment: &Segment) -> fmt::Result {
    match shape {
        Shape::Mixture => writeln!(f, "from {}: {} parallel", seconds(begin_ms), segment.parallel)?,
        Shape::Singleton(_) | Shape::AnytimeOnly => writeln!(f, "from {}", seconds(begin_ms))?,
    }
    for step in &segment.steps {
        writeln!(f, "  after {:>5} ms  {}", step.pause_ms, step.pick)?;
    }
    for arrival in &segment.arrivals {
        writeln!(f, "  at    {:>5} ms  {}", arrival.at_ms, arrival.pick)?;
    }
    Ok(())
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  seed {}", self.command, self.seed)
    }
}

/// Exact, without floating point: `3.75 s`, `60 s`.
fn seconds(ms: u64) -> String {
    let fraction = format!("{:03}", ms % 1_000);
    match fraction.trim_end_matches('0') {
        "" => format!("{} s", ms / 1_000),
        digits => format!("{}.{digits} s", ms / 1_000),
    }
}
