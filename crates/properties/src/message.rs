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
    (REQUESTS_ANSWERED, Kind::Sometimes),
    (REQUESTS_UNANSWERED, Kind::Sometimes),
    (COMPARISONS_HOLD, Kind::Sometimes),
    (COMPARISONS_DIFFER, Kind::Sometimes),
    (BANK_TOTAL, Kind::Always),
    (BANK_AUDITED, Kind::Sometimes),
    (MIRROR_TRUE, Kind::Always),
    (MIRROR_COMPARED, Kind::Sometimes),
    (WATCH_DELIVERS, Kind::Sometimes),
    (LEASE_RUNS_OUT, Kind::Sometimes),
    (LOCK_GRANTED, Kind::Sometimes),
    (SNAPSHOT_INTACT, Kind::Always),
    (SNAPSHOT_TAKEN, Kind::Sometimes),
    (SNAPSHOT_TRUE, Kind::Always),
    (SNAPSHOT_COMPARED, Kind::Sometimes),
    (SPACE_REFUSED, Kind::Always),
    (SPACE_ALARMED, Kind::Sometimes),
    (MEMBERSHIP_AS_ASKED, Kind::Always),
    (MEMBERSHIP_CHANGED, Kind::Sometimes),
    (LEARNER_STAYS, Kind::Always),
    (LEARNER_MOVED, Kind::Sometimes),
    (PERMISSIONS_HELD, Kind::Always),
    (PERMISSIONS_TRIED, Kind::Sometimes),
    (WATCH_PERMITTED, Kind::Always),
    (WATCH_TRIED, Kind::Sometimes),
    (ROOM_COMES_BACK, Kind::Always),
    (QUOTA_MET, Kind::Sometimes),
    (REPLICAS_READ, Kind::Sometimes),
    (REVISIONS_KEPT, Kind::Always),
    (REVISIONS_TESTED, Kind::Sometimes),
    (READS_KEPT, Kind::Always),
    (READS_TESTED, Kind::Sometimes),
    (WATCHES_KEPT, Kind::Always),
    (WATCHES_TESTED, Kind::Sometimes),
    (LEASES_KEPT, Kind::Always),
    (LEASES_TESTED, Kind::Sometimes),
    (LOCKS_KEPT, Kind::Always),
    (LOCKS_TESTED, Kind::Sometimes),
    (MEMBERS_KEPT, Kind::Always),
    (MEMBERS_TESTED, Kind::Sometimes),
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

/// A request of a workload was answered.
pub const REQUESTS_ANSWERED: &str = "Requests of workloads are answered";
/// One was refused or not answered: without this neither a limit nor a fault was met.
pub const REQUESTS_UNANSWERED: &str = "Requests of workloads can be refused or go unanswered";
/// A transaction took its first branch.
pub const COMPARISONS_HOLD: &str = "The comparisons of a transaction can hold";
/// A transaction took its second branch: somebody else was faster.
pub const COMPARISONS_DIFFER: &str = "The comparisons of a transaction can fail";

/// Transfers are atomic, and reads are of one revision.
pub const BANK_TOTAL: &str = "Transfers between accounts neither make nor lose money";
/// Its companion: all accounts were read at one revision.
pub const BANK_AUDITED: &str = "All accounts are read at one revision and summed up";
/// A controller's cache is right.
pub const MIRROR_TRUE: &str = "A list that a watch keeps up to date is what a later list shows";
/// Its companion: the watch came as far as the later list.
pub const MIRROR_COMPARED: &str = "A list that a watch keeps up to date is compared with a later list";
/// A watch was of use.
pub const WATCH_DELIVERS: &str = "A watch delivers changes";
/// A lease was left alone until its end.
pub const LEASE_RUNS_OUT: &str = "A lease runs out by itself and its keys go";
/// Somebody came first in line.
pub const LOCK_GRANTED: &str = "A lock or an election is won";

/// A copy is whole.
pub const SNAPSHOT_INTACT: &str = "A snapshot ends with the digest of what comes before it";
/// Its companion.
pub const SNAPSHOT_TAKEN: &str = "A snapshot is read to its end";
/// It is a copy of that store.
pub const SNAPSHOT_TRUE: &str = "A snapshot holds what the store held at its revision";
/// Its companion: the store showed all keys of that revision.
pub const SNAPSHOT_COMPARED: &str = "A snapshot is compared with the store";
/// The alarm does what it is for.
pub const SPACE_REFUSED: &str = "Puts are refused while an alarm about space is raised";
/// Its companion.
pub const SPACE_ALARMED: &str = "A put is tried while an alarm about space is raised";
/// Changes of the cluster are made and undone.
pub const MEMBERSHIP_AS_ASKED: &str = "Members are the ones that were asked for";
/// Its companion.
pub const MEMBERSHIP_CHANGED: &str = "A change of members is acknowledged and looked at";
/// Who has no vote gets none by moving.
pub const LEARNER_STAYS: &str = "A learner stays a learner when its addresses change";
/// Its companion.
pub const LEARNER_MOVED: &str = "A learner gets other addresses";
/// Roles mean something.
pub const PERMISSIONS_HELD: &str = "Users can do what their roles allow, and nothing else";
/// Its companion.
pub const PERMISSIONS_TRIED: &str = "A user tries what is allowed and what is not";
/// They mean it for watches, too.
pub const WATCH_PERMITTED: &str = "A watch delivers only keys that its user may read";
/// Its companion.
pub const WATCH_TRIED: &str = "A user watches more keys than it may read";
/// A full store is not full for ever.
pub const ROOM_COMES_BACK: &str = "Puts are taken again once room was made and the alarm was taken back";
/// Its companion.
pub const QUOTA_MET: &str = "The quota of space is met, and room is made";
/// A member showed its own state.
pub const REPLICAS_READ: &str = "Members are read from their own state";

/// All promises of the checker about one subject, in what a command saw by itself, or in what all of them saw.
pub const REVISIONS_KEPT: &str = "Revisions never go back and are never more than were asked for";
/// Its companion.
pub const REVISIONS_TESTED: &str = "Revisions that clients were told are compared";
/// The same about reads.
pub const READS_KEPT: &str =
    "Reads show acknowledged writes, old revisions as they were, and nothing of the future";
/// Its companion.
pub const READS_TESTED: &str = "Reads are compared with the writes that they had to show";
/// The same about watches.
pub const WATCHES_KEPT: &str = "Watches deliver every change once, in order, whole and as it was";
/// Its companion.
pub const WATCHES_TESTED: &str = "Changes that watches delivered are compared";
/// The same about leases.
pub const LEASES_KEPT: &str = "Keys of leases stay for the promised time and go with their lease";
/// Its companion.
pub const LEASES_TESTED: &str = "Ends of leases are compared with what was promised";
/// The same about locks.
pub const LOCKS_KEPT: &str = "Locks are granted in order, and older tokens are fenced off";
/// Its companion.
pub const LOCKS_TESTED: &str = "Grants of locks and writes with their tokens are compared";
/// The same about members.
pub const MEMBERS_KEPT: &str = "Members that have applied the same hold the same";
/// Its companion.
pub const MEMBERS_TESTED: &str = "What members say of themselves is compared";

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
