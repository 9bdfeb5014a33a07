//! One operation as the generic checkers see it: who, from when to when, what was asked, and what came of it.
//!
//! It knows no store and no file format.

/// The return of an operation that never returned.
pub const OPEN: u64 = u64::MAX;

/// One operation on an object with operations `O` and replies `R`.
///
/// # Why intervals are closed
///
/// An operation takes effect at one instant of `call..=returned`, both ends included, and several operations may take
/// effect at the same instant, in some order. So two operations with `a.returned == b.call` are concurrent.
///
/// Were intervals open, such a pair would count as ordered, `a` before `b`. But a clock has a resolution: the two
/// stamps being equal says only that both were taken within one tick, and the request of `b` may have left before the
/// reply of `a` arrived. Take a write of 1 over an older 0, acknowledged at tick 5, and a read of 0 called at tick 5. If
/// the call came first within that tick, the read was allowed to see 0, and a checker that orders the two would call a
/// correct store wrong. The other way round costs nothing but a chance to see a violation shorter than one tick. Only a
/// wrong "invalid" is unforgivable, so ties are concurrent: at equal times, calls come before returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<O, R> {
    /// Who did it. A client does one thing at a time; nothing depends on it but what people read.
    pub client: u32,
    /// When it was called, on any clock that never runs backwards. Only the order of times matters.
    pub call: u64,
    /// When its outcome was known, on the same clock; [`OPEN`] if it never was.
    pub returned: u64,
    /// What was asked.
    pub op: O,
    /// What came of it.
    pub outcome: Outcome<R>,
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// It took effect between call and return, and this was the reply.
    Ok(R),
    /// It certainly did not take effect and never will.
    Failed,
    /// It took effect at some instant after its call, be it long after its return, or it never does.
    Unknown,
}

impl<O, R> Entry<O, R> {
    /// An operation with a reply.
    pub fn ok(client: u32, call: u64, returned: u64, op: O, reply: R) -> Self {
        Self { client, call, returned, op, outcome: Outcome::Ok(reply) }
    }

    /// An operation with an unknown outcome.
    pub fn unknown(client: u32, call: u64, op: O) -> Self {
        Self { client, call, returned: OPEN, op, outcome: Outcome::Unknown }
    }

    /// The same with another operation.
    pub(crate) fn map_op<P>(self, map: impl FnOnce(O) -> P) -> Entry<P, R> {
        let Self { client, call, returned, op, outcome } = self;
        Entry { client, call, returned, op: map(op), outcome }
    }

    /// The last instant at which it may take effect.
    #[must_use]
    pub fn deadline(&self) -> u64 {
        match self.outcome {
            Outcome::Ok(_) => self.returned,
            Outcome::Failed | Outcome::Unknown => OPEN,
        }
    }
}
