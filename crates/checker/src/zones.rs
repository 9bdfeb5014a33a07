//! Registers whose written values are all different: decided without a search, in the time of a sort.
//!
//! It must be exact, or say that it cannot tell.
//!
//! # Groups
//!
//! Every value is written once, so a read names the write it saw, and a value is held once, for one stretch of time. A
//! value's *group* is its write and its reads. Operations are closed intervals; let `f` be the first return in a group and `s`
//! the last call.
//!
//! - If `f < s` (*forward*), the value must be held throughout `[f, s]`: the operation that returns at `f` has seen or written
//!   it by then, the one called at `s` does so no earlier.
//! - If `f >= s` (*backward*), every instant of `[s, f]` lies in all intervals of the group: all of it fits at any one of them.
//!
//! A successful compare-and-set from a to b reads a and writes b at one instant, so group b follows group a at once: groups
//! joined in this way are a *block*, held one value after the other, with `f` and `s` of all its operations. A block can be
//! walked once: in the order of the chain, no operation may return before one that comes earlier is called.
//!
//! **Theorem** (without failed compare-and-sets). The history is linearizable exactly if each value read was written; no two
//! compare-and-sets succeed from one value, nor in a circle; each block can be walked; no two forward blocks' spans
//! overlap in more than an instant; and no backward block's span lies strictly inside of a forward one.
//!
//! *Necessary*: a value that is held once cannot be held before, between and after another; two spans that must be held
//! cannot overlap; a backward block must be held at some instant of its span. *Sufficient*: place forward blocks at their
//! spans, backward ones at an instant of theirs that is not inside of a forward span. This orders the blocks such that an
//! operation of an earlier block is never called after one of a later block has returned, so this order, walked block by
//! block, respects the intervals.
//!
//! # Unknown outcomes
//!
//! An unknown write may take effect at any time after its call: its return is the end of time. If nobody has seen its value,
//! not even through the compare-and-sets that built on it, it can be left out: an order with it at the very end is
//! legal exactly if the order without it is. If somebody has, it took effect. So unknown outcomes cost nothing.
//!
//! # Failed compare-and-sets
//!
//! One that expected a says that some instant of its interval does not hold a. This is not local: see [`order`].

mod groups;
mod order;

use crate::entry::Entry;
use crate::model::{Register, RegisterOp, RegisterReply, Value};
use crate::options::{Budget, Options, Rules, Tactic};
use crate::search;

/// An operation on a register.
pub(crate) type RegisterEntry = Entry<RegisterOp, RegisterReply>;

/// What the zones came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// With an order, if one was asked for.
    Valid { order: Vec<u32> },
    /// These operations cannot be explained, whatever the others do.
    Invalid { core: Vec<u32> },
    /// Some value was written more than once, or what failed compare-and-sets say could not be settled here.
    Open,
}

/// Decides a register that holds `init` at first.
pub(crate) fn decide(init: Value, entries: &[RegisterEntry], witness: bool) -> Decided {
    let Some(groups) = groups::Groups::new(init, entries) else { return Decided::Open };
    let blocks = match groups.blocks() {
        Ok(blocks) => blocks,
        Err(core) => return Decided::Invalid { core },
    };
    if groups.refused.is_empty() && !witness {
        return Decided::Valid { order: Vec::new() };
    }
    match order::place(&groups, blocks) {
        Ok(placed) => Decided::Valid { order: if witness { placed.witness() } else { Vec::new() } },
        Err(order::Failed::Refused(core)) => Decided::Invalid { core },
        Err(order::Failed::Open) => Decided::Open,
    }
}

/// Steps of a small search for an order of few blocks.
const PROPOSAL_STEPS: u64 = 50_000;

/// An order of these operations, of which none reads what is held at first; a proposal, to be judged.
fn propose(entries: &[RegisterEntry]) -> Option<Vec<u32>> {
    let budget = Budget { steps: PROPOSAL_STEPS, ..Budget::default() };
    let rules = Rules { tactic: Tactic::Breadth, ..Rules::default() };
    let options = Options { budget, rules, ..Options::default() };
    match search::decide(&Register::default(), entries, &options, true) {
        search::Decided::Valid { order } => Some(order),
        _ => None,
    }
}
