//! Requests that the store refused for a reason which tells what it held.

use history::{Call, Operation, Outcome};

use super::{Action, Refusal};

/// What a refusal was about; `None` where it tells nothing.
pub(super) fn refused(operation: &Operation<'_>) -> Option<Action<'static>> {
    let failure = match (&operation.outcome, &operation.call) {
        (Outcome::Failed(failure), _) => failure,
        // What did not change anything did nothing.
        (Outcome::Unknown(Some(failure)), Call::Range(_)) => failure,
        _ => return None,
    };
    let why = match (&*failure.class, &*failure.message) {
        ("lease-not-found", _) => Refusal::NoLease,
        ("compacted", _) => Refusal::Compacted,
        ("future-revision", _) => Refusal::Future,
        (_, message) if message.contains("requested lease not found") => Refusal::NoLease,
        (_, message) if message.contains("required revision has been compacted") => Refusal::Compacted,
        (_, message) if message.contains("required revision is a future revision") => Refusal::Future,
        _ => return None,
    };
    let mut about = Vec::new();
    match why {
        Refusal::NoLease => leases(&operation.call, &mut about),
        Refusal::Compacted | Refusal::Future => revisions(&operation.call, &mut about),
    }
    about.sort_unstable();
    about.dedup();
    // Of several, nobody knows which it was.
    let [about] = about[..] else { return None };
    Some(Action::Refused { why, about })
}

fn leases(call: &Call<'_>, about: &mut Vec<i64>) {
    match call {
        Call::Put(put) if put.lease != 0 => about.push(put.lease),
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).for_each(|call| leases(call, about)),
        Call::Revoke { lease } => about.push(*lease),
        _ => {}
    }
}

fn revisions(call: &Call<'_>, about: &mut Vec<i64>) {
    match call {
        // What a member reads from its own state tells of that member only: it may be what was refused, so that nobody
        // knows about what.
        Call::Range(range) if range.revision > 0 && range.serializable => about.extend([range.revision, 0]),
        Call::Range(range) if range.revision > 0 => about.push(range.revision),
        Call::Txn(txn) => txn.success.iter().chain(&txn.failure).for_each(|call| revisions(call, about)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use history::{Range, Txn};

    use super::*;

    #[test]
    fn what_one_member_reads_from_its_own_state_leaves_it_open_what_was_refused() {
        let read = |revision, serializable| Call::Range(Range { revision, serializable, ..Range::default() });
        let about = |success| {
            let mut about = Vec::new();
            revisions(&Call::Txn(Txn { success, ..Txn::default() }), &mut about);
            about
        };
        assert_eq!(about(vec![read(7, false), read(0, true)]), [7]);
        assert!(about(vec![read(7, false), read(9, true)]).len() > 1);
        assert!(about(vec![read(9, true)]).len() > 1);
    }
}
