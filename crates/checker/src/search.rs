//! The generic engine: decides any [`Model`] by search, within a budget.
//!
//! It must not know any model, nor how a history is split. Where a history offers unique values or revisions, other
//! engines decide it without a search.

mod antichain;
mod bits;
mod depth;
mod foresight;
mod frontier;
mod hasty;
mod race;
pub(crate) mod rules;
mod space;
mod step;
mod timeline;
mod trace;

pub(crate) use race::{Decided, decide, decide_inline};
