//! A histogram of latencies: eight steps to each doubling, so that any quantile is right to an eighth, in 800 bytes.

/// Steps to each doubling, as a power of two.
const STEP_BITS: u32 = 3;
const STEPS: usize = 1 << STEP_BITS;
/// Nothing below this matters to anyone: about a microsecond, as a power of two of nanoseconds.
const UNIT_BITS: u32 = 10;
/// The last doubling: 2^26 units are a minute and more, where clients have given up long since.
const DOUBLINGS: u32 = 26;
const LEN: usize = (DOUBLINGS as usize - STEP_BITS as usize + 2) * STEPS;

/// Counts of durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u32]>,
    total: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; LEN].into_boxed_slice(), total: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Counts one duration of so many nanoseconds.
    pub fn count(&mut self, ns: u64) {
        let count = &mut self.counts[step(ns)];
        *count = count.saturating_add(1);
        self.total += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own = own.saturating_add(*more);
        }
        self.total += other.total;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest, exactly, in nanoseconds.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// A duration that the share `quantile` (0 to 1) of all did not exceed, in nanoseconds, at most an eighth too long;
    /// 0 where nothing was counted.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        let wanted = ((self.total as f64 * quantile).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return end(index).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// By doubling: where it ends in nanoseconds, and how many fell into it, from the first to the last that has any.
    #[must_use]
    pub fn doublings(&self) -> Vec<(u64, u64)> {
        let half = STEPS / 2;
        let halves: Vec<(u64, u64)> = (self.counts.chunks(half).enumerate())
            .map(|(n, counts)| (end(n * half + half - 1), counts.iter().map(|count| u64::from(*count)).sum()))
            .collect();
        let first = halves.iter().position(|(_, count)| *count > 0).unwrap_or(0);
        let last = halves.iter().rposition(|(_, count)| *count > 0).map_or(0, |last| last + 1);
        halves[first.min(last)..last].to_vec()
    }
}

fn step(ns: u64) -> usize {
    let units = (ns >> UNIT_BITS).min((1 << (DOUBLINGS + 1)) - 1);
    if units < STEPS as u64 {
        return units as usize;
    }
    let log = 63 - units.leading_zeros();
    let within = (units >> (log - STEP_BITS)) as usize & (STEPS - 1);
    (log - STEP_BITS + 1) as usize * STEPS + within
}

/// Where a step ends, in nanoseconds.
fn end(step: usize) -> u64 {
    let units = if step < STEPS {
        step as u64 + 1
    } else {
        ((STEPS + step % STEPS + 1) as u64) << (step / STEPS - 1)
    };
    units << UNIT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_the_step_that_it_should_be_in() {
        for ns in [0, 1, 1_023, 1_024, 8_191, 8_192, 9_000, 1_000_000, 123_456_789, 60_000_000_000] {
            let found = step(ns);
            assert!(ns < end(found), "{ns}");
            assert!(found == 0 || end(found - 1) <= ns, "{ns}");
        }
        assert!((0..LEN - 1).all(|step| end(step) < end(step + 1)));
        assert_eq!(step(u64::MAX), LEN - 1);
    }

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ns(0.5), 0);
        for ms in 1..=1_000 {
            histogram.count(ms * 1_000_000);
        }
        for (quantile, exact) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1_000.0)] {
            let told = histogram.quantile_ns(quantile) as f64 / 1e6;
            assert!(told >= exact && told <= exact * 1.125, "{quantile}: {told}");
        }
        let total: u64 = histogram.doublings().iter().map(|(_, count)| count).sum();
        assert_eq!(total, histogram.total());
    }

    #[test]
    fn two_taken_together_are_as_one() {
        let (mut one, mut two, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
        for ns in [5, 70_000, 8_000_000] {
            one.count(ns);
            two.count(ns * 3);
            both.count(ns);
            both.count(ns * 3);
        }
        one.add(&two);
        assert_eq!(one, both);
    }
}
