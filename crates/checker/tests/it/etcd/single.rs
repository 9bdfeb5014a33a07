//! One operation, written down by hand.

use history::{Call, Nanos, Operation, Outcome};

/// An operation that took 4 ns, or was never over if nobody knows how it ended.
pub(crate) fn operation(
    number: u64,
    at: u64,
    call: Call<'static>,
    outcome: Outcome<'static>,
) -> Operation<'static> {
    let ended = !matches!(outcome, Outcome::Unknown(_));
    Operation {
        file: 0,
        number,
        client: 1,
        member: "".into(),
        call,
        invoked: Nanos(at),
        returned: ended.then_some(Nanos(at + 4)),
        outcome,
    }
}
