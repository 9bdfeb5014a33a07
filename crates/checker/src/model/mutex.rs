//! A lock that one client holds at a time.

use super::Model;
use crate::entry::Outcome;

/// A lock, free at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutex;

/// A request to the lock. Holders name themselves, so that a release by somebody else shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MutexOp {
    /// Take it, for this holder.
    Acquire(u32),
    /// Give it back, by this holder.
    Release(u32),
}

/// Whether the request was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MutexReply {
    /// It was.
    Granted,
    /// It was not: somebody held the lock, or the releaser did not.
    Refused,
}

impl Model for Mutex {
    type State = Option<u32>;
    type Op = MutexOp;
    type Reply = MutexReply;
    type Key = ();

    fn init(&self) -> Option<u32> {
        None
    }

    fn step(&self, state: &Option<u32>, op: &MutexOp) -> (Option<Option<u32>>, MutexReply) {
        match (*op, *state) {
            (MutexOp::Acquire(holder), None) => (Some(Some(holder)), MutexReply::Granted),
            (MutexOp::Release(holder), Some(held_by)) if holder == held_by => {
                (Some(None), MutexReply::Granted)
            }
            _ => (None, MutexReply::Refused),
        }
    }

    fn is_read_only(&self, _: &MutexOp, reply: &MutexReply) -> bool {
        *reply == MutexReply::Refused
    }

    fn describe(&self, op: &MutexOp, outcome: &Outcome<MutexReply>) -> String {
        let (done, todo, holder) = match *op {
            MutexOp::Acquire(holder) => ("acquired", "acquire", holder),
            MutexOp::Release(holder) => ("released", "release", holder),
        };
        match outcome {
            Outcome::Ok(MutexReply::Granted) => format!("{done} the lock as holder {holder}"),
            Outcome::Ok(MutexReply::Refused) => format!("was refused to {todo} the lock as holder {holder}"),
            _ => super::tried(&format!("{todo} the lock as holder {holder}"), outcome),
        }
    }
}
