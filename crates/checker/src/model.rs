//! Sequential specifications: what an object does when nobody else is about.
//!
//! A model knows nothing of concurrency, time or unknown outcomes; those are the engines' business. What it may add,
//! beyond `init` and `step`, are facts that let an engine skip work; each says what it promises, and a false promise
//! makes verdicts wrong. The defaults promise nothing.

mod bank;
mod key_value;
mod keyed;
mod mutex;
mod register;
mod transactions;
mod versioned;

use std::borrow::Cow;
use std::fmt::Debug;
use std::hash::Hash;

pub use bank::{Bank, BankOp, BankReply};
pub use key_value::{KeyValue, KvOp, KvReply, Text};
pub use keyed::{Keyed, KeyedOp};
pub use mutex::{Mutex, MutexOp, MutexReply};
pub use register::{Register, RegisterOp, RegisterReply, Value};
pub use transactions::Transactions;
pub use versioned::{Versioned, VersionedReply};

use crate::entry::{Entry, Outcome};

/// The entries of a history of `M`.
pub type EntryOf<M> = Entry<<M as Model>::Op, <M as Model>::Reply>;

/// A deterministic object: a state, operations, and the reply that each operation gives in each state.
///
/// ```
/// use checker::{Model, Outcome};
///
/// /// Counts how often it was asked.
/// struct Counter;
///
/// impl Model for Counter {
///     type State = u64;
///     type Op = ();
///     type Reply = u64;
///     type Key = ();
///
///     fn init(&self) -> u64 {
///         0
///     }
///     fn step(&self, state: &u64, (): &()) -> (Option<u64>, u64) {
///         (Some(state + 1), state + 1)
///     }
///     fn describe(&self, (): &(), outcome: &Outcome<u64>) -> String {
///         format!("counted: {outcome:?}")
///     }
/// }
/// ```
pub trait Model: Sync {
    /// The object's state; equality and hash tell configurations apart, so a state must hold nothing that does not
    /// matter.
    type State: Clone + Eq + Hash + Debug + Send;
    /// A request, with its arguments.
    type Op: Clone + Eq + Hash + Debug + Send + Sync;
    /// A reply.
    type Reply: Clone + Eq + Debug + Send + Sync;
    /// Names an independent part of the object; `()` where there is one part.
    type Key: Clone + Ord + Hash + Debug + Send + Sync;

    /// The state before the first operation.
    fn init(&self) -> Self::State;

    /// What `op` does in `state`: the next state (`None`: unchanged), and the reply. It is called for operations with an
    /// unknown outcome too: what an operation does never depends on whether its client heard of it.
    fn step(&self, state: &Self::State, op: &Self::Op) -> (Option<Self::State>, Self::Reply);

    /// Promise: wherever `op` gives `reply`, the state stays as it is.
    fn is_read_only(&self, op: &Self::Op, reply: &Self::Reply) -> bool {
        let _ = (op, reply);
        false
    }

    /// Promise: `op` changes no state at all. An unknown outcome of it says nothing.
    fn never_writes(&self, op: &Self::Op) -> bool {
        let _ = op;
        false
    }

    /// Promise: some states of the object would give another reply. Where no operation of a history observes anything,
    /// nothing could have been wrong. Used for that only.
    fn observes(&self, op: &Self::Op, reply: &Self::Reply) -> bool {
        let _ = (op, reply);
        true
    }

    /// A representative of all operations that change every state as `op` does, whatever they reply. Operations of one
    /// effect with unknown outcomes are interchangeable. The default: only equal operations.
    fn effect(&self, op: &Self::Op) -> Self::Op {
        op.clone()
    }

    /// The independent part that `op` works on. Promise: operations on different parts neither see nor change
    /// each other's part. A history is then linearizable exactly if each part of it is (Herlihy and Wing's locality).
    fn partition(&self, op: &Self::Op) -> Option<Self::Key> {
        let _ = op;
        None
    }

    /// What a read-only operation with this reply is about, for [`Model::at_stake`]: any number. Numbers only decide which
    /// promises a search looks at, never what they say.
    fn subject(&self, op: &Self::Op, reply: &Self::Reply) -> Option<u64> {
        let _ = (op, reply);
        None
    }

    /// The subject of the reads that `op` may make impossible by taking effect in `state`.
    fn at_stake(&self, state: &Self::State, op: &Self::Op) -> Option<u64> {
        let _ = (state, op);
        None
    }

    /// The subject of all reads that `op` may provide a reply to.
    fn provider_of(&self, op: &Self::Op) -> Option<u64> {
        let _ = op;
        None
    }

    /// Promise, where it is false: from `state` on, `op` will not give `reply` unless an operation takes effect before that
    /// is a provider of that subject and [`Model::provides`] it.
    fn keeps(&self, state: &Self::State, op: &Self::Op, reply: &Self::Reply) -> bool {
        let _ = (state, op, reply);
        true
    }

    /// The state with what `op` wrote replaced by something that nobody asks about. Promise: two states that differ only in
    /// this, and of which neither keeps any reply of the subject at stake that is still to be explained, cannot be told
    /// apart by the operations that are left.
    fn forgotten(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State> {
        let _ = (state, op);
        None
    }

    /// See [`Model::keeps`].
    fn provides(&self, writer: &Self::Op, op: &Self::Op, reply: &Self::Reply) -> bool {
        let _ = (writer, op, reply);
        true
    }

    /// The history as one of a register, entry by entry, if the object is one: then unique values may decide it without a
    /// search. Promise: it is linearizable exactly if the register's is, by the same orders.
    fn as_register<'a>(&self, entries: &'a [EntryOf<Self>]) -> Option<AsRegister<'a>>
    where
        Self: Sized,
    {
        let _ = entries;
        None
    }

    /// Says why no reachable state gives this reply, where that is so whatever else happened.
    fn absurd(&self, op: &Self::Op, reply: &Self::Reply) -> Option<String> {
        let _ = (op, reply);
        None
    }

    /// May make operations alike that no reply of this history tells apart, so that more of them are interchangeable.
    /// Promise: the new history is linearizable exactly if the old one is, by the same orders.
    fn blur(&self, entries: &mut [EntryOf<Self>])
    where
        Self: Sized,
    {
        let _ = entries;
    }

    /// The part's name, for people.
    fn key_name(&self, key: &Self::Key) -> String {
        format!("{key:?}")
    }

    /// What happened, as the rest of a sentence that starts with the client: `read 3`.
    fn describe(&self, op: &Self::Op, outcome: &Outcome<Self::Reply>) -> String;
}

/// A history as one of a register: what it holds at first, and the operations.
pub type AsRegister<'a> = (Value, Cow<'a, [EntryOf<Register>]>);

/// The end of a sentence about an operation without a reply.
fn tried<R>(what: &str, outcome: &Outcome<R>) -> String {
    match outcome {
        Outcome::Failed => format!("failed to {what}"),
        _ => format!("tried to {what} (outcome unknown)"),
    }
}
