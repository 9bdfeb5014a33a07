//! The properties by name. A message is the property's identity in every report: it must stay as it is from release
//! to release, and no two properties may share one.

/// Every property of the commands, each with the rule it is judged by.
pub const ALL: &[(&str, Kind)] = &[
    (PUTS_SUCCEED, Kind::Sometimes),
    (PUTS_FAIL, Kind::Sometimes),
    (GETS_SUCCEED, Kind::Sometimes),
    (GETS_FAIL, Kind::Sometimes),
    (VALUES_CONSISTENT, Kind::Always),
    (VALUES_READ_BACK, Kind::Sometimes),
    (UNKNOWN_APPLIED, Kind::Sometimes),
    (REVISIONS_ORDERED, Kind::Always),
    (REVISIONS_ADVANCE, Kind::Sometimes),
    (READY, Kind::Always),
    (START_RECORDED, Kind::Reachable),
    (DURABLE, Kind::Always),
    (DURABLE_CHECKED, Kind::Sometimes),
    (RECOVERED, Kind::Always),
    (RECOVERY_AWAITED, Kind::Sometimes),
    (KEPT, Kind::Always),
    (KEPT_CHECKED, Kind::Sometimes),
    (CONVERGED, Kind::Always),
    (CONVERGED_COMPARED, Kind::Sometimes),
    (LINEARIZABLE, Kind::Always),
    (LINEARIZABLE_DECIDED, Kind::Sometimes),
];

/// How a property is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True in every evaluation, and evaluated.
    Always,
    /// True in at least one.
    Sometimes,
    /// Evaluated at all.
    Reachable,
}

/// A put was acknowledged.
pub const PUTS_SUCCEED: &str = "Client can make successful put requests";
/// A put was not acknowledged: without this no fault has touched a write.
pub const PUTS_FAIL: &str = "Client put requests can fail";
/// A get was answered.
pub const GETS_SUCCEED: &str = "Client can make successful get requests";
/// A get was not answered: without this no fault has touched a read.
pub const GETS_FAIL: &str = "Client get requests can fail";

/// No read contradicts what was written.
pub const VALUES_CONSISTENT: &str = "Database key values stay consistent";
/// Its companion: an acknowledged write was compared.
pub const VALUES_READ_BACK: &str = "Acknowledged writes are read back";
/// A write without an answer was found by a read.
pub const UNKNOWN_APPLIED: &str = "A write whose outcome was unknown can turn out to be applied";

/// A later request sees a revision that is not older.
pub const REVISIONS_ORDERED: &str = "Revisions never go back from one request of a client to its next";
/// Its companion: there were two to compare.
pub const REVISIONS_ADVANCE: &str = "Revisions advance from one request of a client to its next";

/// The cluster is whole before faults begin.
pub const READY: &str = "Every member serves a write and a linearizable read before faults begin";
/// Its companion: the run's start was written down.
pub const START_RECORDED: &str = "The cluster revision at the start of the run is recorded";

/// What was acknowledged stays, faults or not.
pub const DURABLE: &str = "Acknowledged writes stay readable while faults are injected";
/// Its companion: writes of other commands were looked at.
pub const DURABLE_CHECKED: &str = "Acknowledged writes of other commands are read while faults are injected";

/// Without faults the cluster is whole again before the deadline.
pub const RECOVERED: &str = "Every member serves a write and a linearizable read once faults have stopped";
/// Its companion: there was something to recover from.
pub const RECOVERY_AWAITED: &str = "The cluster needs time to recover once faults have stopped";
/// What was acknowledged is there at the end.
pub const KEPT: &str = "Acknowledged writes are there or overwritten once the cluster has recovered";
/// Its companion: there were such writes.
pub const KEPT_CHECKED: &str = "Acknowledged writes are read once the cluster has recovered";

/// Members are replicas of each other.
pub const CONVERGED: &str =
    "All members have the same revision and the same key-space hash once the cluster is quiet";
/// Its companion: there were several members, and they were quiet.
pub const CONVERGED_COMPARED: &str = "Revisions and key-space hashes of several members are compared";

/// All clients' operations have one order that explains every reply.
pub const LINEARIZABLE: &str = "The history of all clients is linearizable";
/// Its companion: the checker came to a decision about operations that could have been wrong.
pub const LINEARIZABLE_DECIDED: &str = "The history of all clients is decided by the checker";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_message_is_unique_and_a_sentence() {
        let unique: BTreeSet<&str> = ALL.iter().map(|(message, _)| *message).collect();
        assert_eq!(unique.len(), ALL.len());
        for message in unique {
            assert!(message.starts_with(char::is_uppercase) && !message.ends_with('.'), "{message}");
        }
    }

    #[test]
    fn every_constant_is_listed() {
        let constants = include_str!("message.rs").lines().filter(|line| line.starts_with("pub const"));
        assert_eq!(constants.filter(|line| line.contains(": &str =")).count(), ALL.len());
    }
}
