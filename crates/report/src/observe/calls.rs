//! The names of calls, as history files have them.

use std::ops::{Deref, DerefMut};

/// All names; the most frequent first, as each operation's is looked up. The last is for what is newer than this list.
pub const CALLS: [&str; 43] = [
    "put",
    "get",
    "status",
    "txn",
    "delete",
    "watch",
    "keepalive",
    "grant",
    "revoke",
    "ttl",
    "leases",
    "lock",
    "unlock",
    "hold",
    "campaign",
    "proclaim",
    "resign",
    "leader",
    "compact",
    "hash",
    "members",
    "add-member",
    "remove-member",
    "promote-member",
    "update-member",
    "move-leader",
    "alarms",
    "raise",
    "disarm",
    "defragment",
    "snapshot",
    "login",
    "auth-enable",
    "auth-disable",
    "add-user",
    "delete-user",
    "add-role",
    "delete-role",
    "grant-role",
    "revoke-role",
    "allow",
    "forbid",
    "other",
];

/// Something for each call, in the order of [`CALLS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByCall<T>([T; CALLS.len()]);

impl<T: Default> Default for ByCall<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

impl<T> Deref for ByCall<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for ByCall<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// The place of a name in [`CALLS`].
#[must_use]
pub fn call(name: &str) -> usize {
    CALLS.iter().position(|known| *known == name).unwrap_or(CALLS.len() - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Where calls are given their names.
    const NAMED: &str = include_str!("../../../history/src/call.rs");

    #[test]
    fn every_kind_of_call_has_a_place_of_its_own() {
        let given: BTreeSet<&str> = (NAMED.lines())
            .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \"")?.1.strip_suffix("\","))
            .collect();
        assert!(given.len() > 30, "{given:?}");
        let known: BTreeSet<&str> = CALLS.into_iter().filter(|name| *name != "other").collect();
        assert_eq!(given, known);
        assert_eq!(known.len() + 1, CALLS.len(), "no name is there twice");
        assert_eq!(CALLS[call("of tomorrow")], "other");
        assert_eq!(CALLS[call("lock")], "lock");
    }
}
