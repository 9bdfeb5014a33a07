//! The one clock of a run: `CLOCK_MONOTONIC`, shared by all processes and containers of a host.
//!
//! It must not offer wall time for ordering anything: clock faults move wall time, and never this.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds of `CLOCK_MONOTONIC`. Comparable between processes of one boot, meaningless between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The latest instant: the return of an operation that never returned.
    pub const MAX: Self = Self(u64::MAX);

    /// The time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This instant moved by `duration`, at most [`Nanos::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Nanos {
    /// Seconds with three decimals, as people read them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000)
    }
}

/// Now, on the clock of every history.
#[must_use]
pub fn now() -> Nanos {
    read(ClockId::Monotonic)
}

/// Nanoseconds since 1970 UTC, for people to find a run by. Never compare it with anything.
#[must_use]
pub fn wall() -> Nanos {
    read(ClockId::Realtime)
}

fn read(clock: ClockId) -> Nanos {
    let t = clock_gettime(clock);
    let nanos = t.tv_sec.saturating_mul(1_000_000_000).saturating_add(t.tv_nsec);
    Nanos(u64::try_from(nanos).unwrap_or(0))
}

/// The kernel's identity of this boot (`/proc/sys/kernel/random/boot_id`), or `unknown` where it is hidden.
/// Stamps of two boots share no order.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards() {
        let stamps: Vec<Nanos> = (0..1_000).map(|_| now()).collect();
        assert!(stamps.is_sorted());
        assert!(stamps[0] > Nanos(0));
    }

    #[test]
    fn distances_saturate() {
        assert_eq!(Nanos(5).since(Nanos(9)), Duration::ZERO);
        assert_eq!(Nanos(9).since(Nanos(5)), Duration::from_nanos(4));
        assert_eq!(Nanos::MAX.plus(Duration::from_secs(1)), Nanos::MAX);
    }
}
