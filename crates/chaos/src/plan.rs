//! A plan: every fault of a run, decided before it begins. The same profile, seed, duration and environment give the
//! same plan on every machine.
//!
//! A plan says when faults begin on its own clock, which stands still while commands asked for quiet and while a monkey
//! waits for recovery. It does not say who leads. Time is cut into segments, each drawn from streams of its own and
//! healed at its end, so that a plan of any length is small: it holds what faults are drawn from, and [`Plan::faults`]
//! draws them.

mod draw;
mod show;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::environment::{Environment, Unavailable};
use crate::fault::Kind;
use crate::profile::{Monkey, Profile, QuietWindows, Range};
use crate::target::Target;

/// Long enough for the rarest monkey to have its turn, short enough that a healed system is seen now and then.
const SEGMENT_MS: u64 = 30_000;
/// Probabilities are kept as whole numbers of this: a plan's draws are exact.
const CERTAIN: u32 = 1_000_000;

/// All faults of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The profile's name.
    pub profile: String,
    /// All draws come from it.
    pub seed: u64,
    /// How long faults are applied.
    pub duration_ms: u64,
    /// The members' names.
    pub members: Vec<String>,
    /// At most so many faults at the same time.
    pub overlap: u32,
    /// Stretches without any fault.
    pub quiet: Option<QuietWindows>,
    /// Whether members shall be made swift before they start: see the chart's `environment_when_swift`.
    #[serde(default)]
    pub swift_members: bool,
    /// What disturbs.
    pub monkeys: Vec<PlannedMonkey>,
    /// Monkeys of the profile that cannot do anything here, with the reason.
    pub left_out: Vec<(String, String)>,
}

/// A monkey with all that it can do here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedMonkey {
    /// What it is called.
    pub name: String,
    /// What it may do; one is drawn each time.
    pub kinds: Vec<Kind>,
    /// To whom.
    pub on: Target,
    /// From the end of one of its faults to its next try.
    pub every_ms: Range,
    /// When its first try is, in each segment.
    pub first_ms: Range,
    /// How long a fault of its lasts.
    pub lasts_ms: Range,
    /// How likely a try becomes a fault, in millionths.
    pub millionths: u32,
    /// While its fault lasts, there is no other.
    pub exclusive: bool,
    /// After its fault, the plan stands still until every member is ready.
    pub await_recovery: bool,
}

/// One fault before it is known on whom it will be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// When it begins, on the plan's clock.
    pub at_ms: u64,
    /// How long it lasts.
    pub lasts_ms: u64,
    /// The monkey's name.
    pub monkey: String,
    /// What is done.
    pub kind: Kind,
    /// To whom.
    pub on: Target,
    /// All members, in the order drawn for it.
    pub order: Vec<String>,
    /// For what is drawn while it is applied.
    pub seed: u64,
    /// While it lasts, there is no other.
    pub exclusive: bool,
    /// After it, the plan stands still until every member is ready.
    pub await_recovery: bool,
}

/// Why no plan can be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A monkey of the suite wants a fault that is not available.
    #[error("the monkey `{monkey}` is refused: {kind} on {on} is not available: {reason}")]
    Unavailable {
        /// The monkey's name.
        monkey: String,
        /// What it would do.
        kind: String,
        /// To whom.
        on: String,
        /// Why it cannot.
        reason: Unavailable,
    },
    /// A monkey's numbers make no sense.
    #[error("the monkey `{monkey}` is refused: {reason}")]
    Senseless {
        /// The monkey's name.
        monkey: String,
        /// What is wrong, as a fragment.
        reason: String,
    },
}

impl Plan {
    /// Draws a plan. A monkey of `profile` that cannot do what it says does what is nearest, and is left out where there is
    /// nothing; one of `own`, which the suite names itself, is refused.
    ///
    /// # Errors
    /// Which monkey is refused, and why.
    pub fn draw(
        profile: &Profile,
        own: &[Monkey],
        seed: u64,
        duration: Duration,
        here: &Environment,
    ) -> Result<Self, PlanError> {
        let (mut monkeys, mut left_out) = (Vec::new(), Vec::new());
        for monkey in &profile.monkeys {
            let possible = |kind: &Kind| kind.available(&monkey.on, here).is_ok();
            let kinds: Vec<_> = monkey
                .kinds()
                .into_iter()
                .filter_map(|kind| if possible(&kind) { Some(kind) } else { kind.instead().filter(possible) })
                .collect();
            if kinds.is_empty() {
                let refused = monkey.kinds().iter().find_map(|kind| kind.available(&monkey.on, here).err());
                let reason =
                    refused.map_or_else(|| "it can do nothing".to_owned(), |reason| reason.to_string());
                left_out.push((monkey.called(), reason));
            } else {
                monkeys.extend(planned(monkey, kinds)?);
            }
        }
        for monkey in own {
            for kind in monkey.kinds() {
                kind.available(&monkey.on, here).map_err(|reason| {
                    let (kind, on) = (kind.to_string(), monkey.on.to_string());
                    PlanError::Unavailable { monkey: monkey.called(), kind, on, reason }
                })?;
            }
            monkeys.extend(planned(monkey, monkey.kinds())?);
        }
        Ok(Self {
            profile: profile.name.clone(),
            seed,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            members: here.members.clone(),
            overlap: profile.overlap.max(1),
            quiet: profile.quiet.clone(),
            swift_members: profile.swift_members,
            monkeys,
            left_out,
        })
    }

    /// All faults, in the order of time, drawn as they are asked for.
    pub fn faults(&self) -> impl Iterator<Item = PlannedFault> + '_ {
        (0..self.segments()).flat_map(|index| draw::segment(self, index))
    }

    /// As [`Self::faults`], for those who keep nothing else.
    pub(crate) fn into_faults(self) -> impl Iterator<Item = PlannedFault> + Send {
        (0..self.segments()).flat_map(move |index| draw::segment(&self, index))
    }

    fn segments(&self) -> u64 {
        self.duration_ms.div_ceil(SEGMENT_MS)
    }
}

/// `None` for a monkey of no weight.
fn planned(monkey: &Monkey, kinds: Vec<Kind>) -> Result<Option<PlannedMonkey>, PlanError> {
    let name = monkey.called();
    let senseless =
        |reason: &str| Err(PlanError::Senseless { monkey: name.clone(), reason: reason.to_owned() });
    if monkey.weight == 0 {
        return Ok(None);
    }
    if kinds.is_empty() {
        return senseless("its lists leave nothing to do");
    }
    let ranges = [Some(monkey.every_ms), Some(monkey.lasts_ms), monkey.first_ms];
    if ranges.iter().flatten().any(|range| range.low > range.high) {
        return senseless("a range begins above its end");
    }
    if monkey.every_ms.high == 0 {
        return senseless("without any pause (every_ms) it would do nothing else");
    }
    if monkey.lasts_ms.high > SEGMENT_MS / 2 {
        return senseless(&format!("a fault may last {} ms at most", SEGMENT_MS / 2));
    }
    if !(0.0..=1.0).contains(&monkey.probability) {
        return senseless("its probability is not between 0 and 1");
    }
    if kinds.iter().all(Kind::is_instant) && monkey.lasts_ms.high > 0 {
        return senseless("what it does happens at once, so lasts_ms has no meaning");
    }
    let weight = u64::from(monkey.weight);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
    let millionths = (monkey.probability * f64::from(CERTAIN)) as u32;
    Ok(Some(PlannedMonkey {
        kinds,
        on: monkey.on.clone(),
        every_ms: (monkey.every_ms.low / weight, monkey.every_ms.high / weight).into(),
        first_ms: monkey.first_ms.unwrap_or((0, monkey.every_ms.high / weight).into()),
        lasts_ms: monkey.lasts_ms,
        millionths,
        exclusive: monkey.exclusive,
        await_recovery: monkey.await_recovery,
        name,
    }))
}

#[cfg(test)]
mod tests;
