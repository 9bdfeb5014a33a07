//! One directed link: what is done to the bytes on it, and how many there were.

use std::ops::Sub;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::reply::Trigger;
use crate::fault::Disruption;

/// A directed link.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// What each fault does, by the fault's number.
    disruptions: Mutex<Vec<(u64, Disruption)>>,
    policy: watch::Sender<Policy>,
    jitter: AtomicU64,
    tally: Tally,
    /// Whether somebody waits for an answer on it; looked at with every piece, so it is cheap.
    armed: AtomicBool,
    trigger: Mutex<Option<Arc<Trigger>>>,
}

/// What is done to bytes now: all disruptions together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) cut: bool,
    pub(super) hold: bool,
    pub(super) reset: bool,
    mean_ms: u64,
    jitter_ms: u64,
    bytes_per_s: Option<u64>,
}

#[derive(Debug, Default)]
struct Tally {
    opened: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    held: AtomicU64,
    delayed: AtomicU64,
    paced: AtomicU64,
    resets: AtomicU64,
}

/// What went over a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests of peers, or connections of clients, that were begun over it.
    pub opened: u64,
    /// Bytes that arrived. Of requests and answers between peers, heads count with their approximate length.
    pub bytes: u64,
    /// Bytes that were lost.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub dropped: u64,
    /// Bytes that were held back.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub held: u64,
    /// Bytes that arrived later than they would have.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub delayed: u64,
    /// Bytes that waited for their turn on a narrow link.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub paced: u64,
    /// Connections and requests that were reset.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub resets: u64,
}

/// A link by name, with what went over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// What.
    #[serde(flatten)]
    pub counts: Counts,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            opened: self.opened.saturating_sub(before.opened),
            bytes: self.bytes.saturating_sub(before.bytes),
            dropped: self.dropped.saturating_sub(before.dropped),
            held: self.held.saturating_sub(before.held),
            delayed: self.delayed.saturating_sub(before.delayed),
            paced: self.paced.saturating_sub(before.paced),
            resets: self.resets.saturating_sub(before.resets),
        }
    }
}

impl Link {
    pub(super) fn disturb(&self, id: u64, disruption: Disruption) {
        self.change(|all| all.push((id, disruption)));
    }

    pub(super) fn lift(&self, id: u64) {
        self.change(|all| all.retain(|(other, _)| *other != id));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<(u64, Disruption)>)) {
        let mut all = self.disruptions.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut all);
        let policy = Policy::of(&all);
        self.policy.send_if_modified(|now| std::mem::replace(now, policy) != policy);
    }

    /// The policy and its changes.
    pub(super) fn policy(&self) -> watch::Receiver<Policy> {
        self.policy.subscribe()
    }

    /// When bytes that come now shall arrive, those before them at `previous`; `None` for at once.
    pub(super) fn due(&self, policy: Policy, len: usize, previous: Option<Instant>) -> Option<Instant> {
        if policy.mean_ms == 0 && policy.bytes_per_s.is_none() {
            return None;
        }
        let mut due = Instant::now();
        if policy.mean_ms > 0 {
            add(&self.tally.delayed, len);
            due += self.delay(policy);
        }
        // In a stream nothing overtakes.
        due = previous.map_or(due, |previous| due.max(previous));
        if let Some(rate) = policy.bytes_per_s {
            add(&self.tally.paced, len);
            let nanos = u128::from(count(len)) * 1_000_000_000 / u128::from(rate.max(1));
            due += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
        Some(due)
    }

    /// A number from the middle of the range to its ends, from a sequence that is spread well.
    fn delay(&self, policy: Policy) -> Duration {
        // SplitMix64: its state only counts, so that many connections can share it.
        let mut z = self.jitter.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let span_us = policy.jitter_ms * 2_000;
        let drawn_us = if span_us == 0 { 0 } else { (z ^ (z >> 31)) % (span_us + 1) };
        Duration::from_micros((policy.mean_ms * 1_000 + drawn_us).saturating_sub(policy.jitter_ms * 1_000))
    }

    pub(super) fn opened(&self) {
        add(&self.tally.opened, 1);
    }

    pub(super) fn delivered(&self, len: usize) {
        add(&self.tally.bytes, len);
        if self.armed.load(Ordering::Relaxed) {
            let trigger = self.trigger.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(trigger) = trigger {
                trigger.delivered(len);
            }
        }
    }

    /// Lets a trigger know of what is delivered from now on; `None` for nobody.
    pub(super) fn arm(&self, trigger: Option<Arc<Trigger>>) {
        self.armed.store(trigger.is_some(), Ordering::Relaxed);
        *self.trigger.lock().unwrap_or_else(PoisonError::into_inner) = trigger;
    }

    pub(super) fn dropped(&self, len: usize) {
        add(&self.tally.dropped, len);
    }

    pub(super) fn held(&self, len: usize) {
        add(&self.tally.held, len);
    }

    pub(super) fn was_reset(&self) {
        add(&self.tally.resets, 1);
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Tally { opened, bytes, dropped, held, delayed, paced, resets } = &self.tally;
        Counts {
            opened: read(opened),
            bytes: read(bytes),
            dropped: read(dropped),
            held: read(held),
            delayed: read(delayed),
            paced: read(paced),
            resets: read(resets),
        }
    }
}

impl Policy {
    /// The longest that a delay of it holds anything back.
    pub(super) fn longest_delay(self) -> Duration {
        Duration::from_millis(self.mean_ms + self.jitter_ms)
    }

    pub(super) fn is_paced(self) -> bool {
        self.bytes_per_s.is_some()
    }

    fn of(disruptions: &[(u64, Disruption)]) -> Self {
        let mut policy = Self::default();
        for (_, disruption) in disruptions {
            match *disruption {
                Disruption::Cut => policy.cut = true,
                Disruption::Hold => policy.hold = true,
                Disruption::Reset => policy.reset = true,
                // A connection makes losses good below us: this is refused while planning.
                Disruption::Loss { .. } => {}
                Disruption::Delay { mean_ms, jitter_ms } => {
                    policy.mean_ms += mean_ms;
                    policy.jitter_ms += jitter_ms;
                }
                Disruption::Bandwidth { bytes_per_s } => {
                    policy.bytes_per_s =
                        Some(policy.bytes_per_s.map_or(bytes_per_s, |narrower| narrower.min(bytes_per_s)));
                }
            }
        }
        policy
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn add(counter: &AtomicU64, len: usize) {
    counter.fetch_add(count(len), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_on_one_link_add_up_and_are_lifted_one_by_one() {
        let link = Link::default();
        let now = link.policy();
        link.disturb(1, Disruption::Delay { mean_ms: 50, jitter_ms: 10 });
        link.disturb(2, Disruption::Cut);
        link.disturb(3, Disruption::Delay { mean_ms: 5, jitter_ms: 0 });
        link.disturb(4, Disruption::Bandwidth { bytes_per_s: 9 });
        link.disturb(5, Disruption::Bandwidth { bytes_per_s: 7 });
        let policy = *now.borrow();
        assert!(policy.cut && !policy.hold && !policy.reset);
        assert_eq!((policy.mean_ms, policy.jitter_ms, policy.bytes_per_s), (55, 10, Some(7)));
        link.lift(2);
        assert!(!now.borrow().cut);
        for id in [1, 3, 4, 5] {
            link.lift(id);
        }
        assert_eq!(*now.borrow(), Policy::default());
    }

    #[tokio::test]
    async fn delays_stay_within_their_jitter_and_order() {
        let link = Link::default();
        assert_eq!(link.due(Policy::default(), 1, None), None);
        link.disturb(1, Disruption::Delay { mean_ms: 50, jitter_ms: 40 });
        let policy = *link.policy().borrow();
        let drawn: Vec<_> = (0..1_000).map(|_| link.delay(policy).as_micros()).collect();
        assert!(drawn.iter().all(|us| (10_000..=90_000).contains(us)));
        assert!(
            drawn.iter().any(|us| *us < 20_000) && drawn.iter().any(|us| *us > 80_000),
            "all of the range"
        );
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(link.due(policy, 7, Some(later)), Some(later), "nothing overtakes");
        assert_eq!(link.counts().delayed, 7);
    }

    #[tokio::test]
    async fn a_narrow_link_gives_each_byte_its_time() {
        let link = Link::default();
        link.disturb(1, Disruption::Bandwidth { bytes_per_s: 1_000 });
        let policy = *link.policy().borrow();
        let first = link.due(policy, 500, None).unwrap();
        let second = link.due(policy, 500, Some(first)).unwrap();
        assert_eq!(second - first, Duration::from_millis(500));
        assert_eq!(link.counts().paced, 1_000);
    }
}
