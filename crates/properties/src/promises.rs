//! What workloads and their checks show: each macro is given the first contradiction (`None` without one) and how often
//! something was compared, and has a companion that shows that this was not never.
//!
//! Like all macros here they decide nothing.

/// After each request of a workload. `error`: `None` for an answered one, or why there is no answer.
#[macro_export]
macro_rules! workload_request {
    ($error:expr) => {{
        let error: Option<&str> = $error;
        $crate::__sdk::assert_sometimes!(
            error.is_none(),
            $crate::message::REQUESTS_ANSWERED,
            &$crate::__json!({ "error": error })
        );
        $crate::__sdk::assert_sometimes!(
            error.is_some(),
            $crate::message::REQUESTS_UNANSWERED,
            &$crate::__json!({ "error": error })
        );
    }};
}

/// After transactions. `held` and `differed`: how many took their first branch, and their second.
#[macro_export]
macro_rules! comparisons_decide {
    ($held:expr, $differed:expr) => {{
        let (held, differed): (usize, usize) = ($held, $differed);
        $crate::__sdk::assert_sometimes!(
            held > 0,
            $crate::message::COMPARISONS_HOLD,
            &$crate::__json!({ "times": held })
        );
        $crate::__sdk::assert_sometimes!(
            differed > 0,
            $crate::message::COMPARISONS_DIFFER,
            &$crate::__json!({ "times": differed })
        );
    }};
}

/// After audits of a bank.
#[macro_export]
macro_rules! bank_keeps_its_total {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::BANK_TOTAL,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::BANK_AUDITED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a list that a watch kept up to date was compared with a later list.
#[macro_export]
macro_rules! mirror_is_true {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::MIRROR_TRUE,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::MIRROR_COMPARED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After snapshots.
#[macro_export]
macro_rules! snapshot_is_intact {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::SNAPSHOT_INTACT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::SNAPSHOT_TAKEN,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After what snapshots hold was compared with what their store shows.
#[macro_export]
macro_rules! snapshot_is_true {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::SNAPSHOT_TRUE,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::SNAPSHOT_COMPARED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After puts under an alarm about space.
#[macro_export]
macro_rules! space_is_refused {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::SPACE_REFUSED,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::SPACE_ALARMED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After changes of the cluster.
#[macro_export]
macro_rules! membership_is_as_asked {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::MEMBERSHIP_AS_ASKED,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::MEMBERSHIP_CHANGED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a learner was given other addresses.
#[macro_export]
macro_rules! learner_stays {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::LEARNER_STAYS,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::LEARNER_MOVED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a user has watched more than it may read.
#[macro_export]
macro_rules! watch_is_permitted {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::WATCH_PERMITTED,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::WATCH_TRIED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a user has tried what is allowed and what is not.
#[macro_export]
macro_rules! permissions_hold {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::PERMISSIONS_HELD,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::PERMISSIONS_TRIED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After the quota of space was met, and room was made.
#[macro_export]
macro_rules! room_comes_back {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::ROOM_COMES_BACK,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::QUOTA_MET,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a history was checked for promises about revisions.
#[macro_export]
macro_rules! revisions_keep_promises {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::REVISIONS_KEPT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::REVISIONS_TESTED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a history was checked for promises about reads.
#[macro_export]
macro_rules! reads_keep_promises {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::READS_KEPT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::READS_TESTED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a history was checked for promises about watches.
#[macro_export]
macro_rules! watches_keep_promises {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::WATCHES_KEPT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::WATCHES_TESTED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a history was checked for promises about leases.
#[macro_export]
macro_rules! leases_keep_promises {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::LEASES_KEPT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::LEASES_TESTED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a history was checked for promises about locks and elections.
#[macro_export]
macro_rules! locks_keep_promises {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::LOCKS_KEPT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::LOCKS_TESTED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After a history was checked for promises about members.
#[macro_export]
macro_rules! members_keep_promises {
    ($broken:expr, $compared:expr) => {{
        let broken = $broken;
        $crate::__sdk::assert_always!(
            broken.is_none(),
            $crate::message::MEMBERS_KEPT,
            &$crate::__json!({ "broken": broken })
        );
        $crate::__sdk::assert_sometimes!(
            $compared > 0,
            $crate::message::MEMBERS_TESTED,
            &$crate::__json!({ "compared": $compared })
        );
    }};
}

/// After watches. `times`: messages with changes.
#[macro_export]
macro_rules! watch_delivers {
    ($times:expr) => {{
        let times: usize = $times;
        $crate::__sdk::assert_sometimes!(
            times > 0,
            $crate::message::WATCH_DELIVERS,
            &$crate::__json!({ "times": times })
        );
    }};
}

/// After leases were left alone. `times`: how many were seen to end.
#[macro_export]
macro_rules! lease_runs_out {
    ($times:expr) => {{
        let times: usize = $times;
        $crate::__sdk::assert_sometimes!(
            times > 0,
            $crate::message::LEASE_RUNS_OUT,
            &$crate::__json!({ "times": times })
        );
    }};
}

/// After waits for locks. `times`: how many were granted.
#[macro_export]
macro_rules! lock_is_granted {
    ($times:expr) => {{
        let times: usize = $times;
        $crate::__sdk::assert_sometimes!(
            times > 0,
            $crate::message::LOCK_GRANTED,
            &$crate::__json!({ "times": times })
        );
    }};
}

/// After reads of members' own states. `times`: members that answered.
#[macro_export]
macro_rules! replicas_are_read {
    ($times:expr) => {{
        let times: usize = $times;
        $crate::__sdk::assert_sometimes!(
            times > 0,
            $crate::message::REPLICAS_READ,
            &$crate::__json!({ "times": times })
        );
    }};
}
