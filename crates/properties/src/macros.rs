//! One macro for each thing that a command can show: a property, together with the companion that proves it was put
//! to the test. They expand in the command, so that its catalog holds them and no other command's does.
//!
//! They must not decide anything: conditions come from the library that the command called.

/// After each put. `error`: `None` for an acknowledged one, or why there is no acknowledgement.
#[macro_export]
macro_rules! put_request {
    ($error:expr) => {{
        let error: Option<&str> = $error;
        $crate::__sdk::assert_sometimes!(
            error.is_none(),
            $crate::message::PUTS_SUCCEED,
            &$crate::__json!({ "error": error })
        );
        $crate::__sdk::assert_sometimes!(
            error.is_some(),
            $crate::message::PUTS_FAIL,
            &$crate::__json!(null)
        );
    }};
}

/// After each get. `error`: `None` for an answered one (a missing key is an answer), or why there is no answer.
#[macro_export]
macro_rules! get_request {
    ($error:expr) => {{
        let error: Option<&str> = $error;
        $crate::__sdk::assert_sometimes!(
            error.is_none(),
            $crate::message::GETS_SUCCEED,
            &$crate::__json!({ "error": error })
        );
        $crate::__sdk::assert_sometimes!(
            error.is_some(),
            $crate::message::GETS_FAIL,
            &$crate::__json!(null)
        );
    }};
}

/// After reads were compared with what was written. `mismatch`: `None` without one; `acknowledged`: how many
/// acknowledged writes were compared.
#[macro_export]
macro_rules! values_stay_consistent {
    ($mismatch:expr, $acknowledged:expr) => {{
        let mismatch = $mismatch;
        let acknowledged: usize = $acknowledged;
        $crate::__sdk::assert_always!(
            mismatch.is_none(),
            $crate::message::VALUES_CONSISTENT,
            &$crate::__json!({ "mismatch": mismatch })
        );
        $crate::__sdk::assert_sometimes!(
            acknowledged > 0,
            $crate::message::VALUES_READ_BACK,
            &$crate::__json!({ "acknowledged": acknowledged })
        );
    }};
}

/// After puts without an answer were read. `applied`: how many of them were found.
#[macro_export]
macro_rules! unknown_turned_out_applied {
    ($applied:expr) => {{
        let applied: usize = $applied;
        $crate::__sdk::assert_sometimes!(
            applied > 0,
            $crate::message::UNKNOWN_APPLIED,
            &$crate::__json!({ "applied": applied })
        );
    }};
}

/// After a sequence of requests. `regression`: `None` without one; `advanced`: whether two were compared.
#[macro_export]
macro_rules! revisions_never_go_back {
    ($regression:expr, $advanced:expr) => {{
        let regression = $regression;
        $crate::__sdk::assert_always!(
            regression.is_none(),
            $crate::message::REVISIONS_ORDERED,
            &$crate::__json!({ "regression": regression })
        );
        $crate::__sdk::assert_sometimes!(
            $advanced,
            $crate::message::REVISIONS_ADVANCE,
            &$crate::__json!(null)
        );
    }};
}

/// Before faults begin. `lacking`: what is not as it must be, in words; `recorded`: the revision that was written down.
#[macro_export]
macro_rules! cluster_is_ready {
    ($ready:expr, $lacking:expr, $recorded:expr) => {{
        $crate::__sdk::assert_always!(
            $ready,
            $crate::message::READY,
            &$crate::__json!({ "lacking": $lacking })
        );
        if let Some(revision) = $recorded {
            let revision: i64 = revision;
            $crate::__sdk::assert_reachable!(
                $crate::message::START_RECORDED,
                &$crate::__json!({ "revision": revision })
            );
        }
    }};
}

/// While faults are injected. `mismatch`: `None` without one; `checked`: acknowledged writes of other commands
/// that were read.
#[macro_export]
macro_rules! writes_stay_readable {
    ($mismatch:expr, $checked:expr) => {{
        let mismatch = $mismatch;
        let checked: usize = $checked;
        $crate::__sdk::assert_always!(
            mismatch.is_none(),
            $crate::message::DURABLE,
            &$crate::__json!({ "mismatch": mismatch })
        );
        $crate::__sdk::assert_sometimes!(
            checked > 0,
            $crate::message::DURABLE_CHECKED,
            &$crate::__json!({ "checked": checked })
        );
    }};
}

/// After the wait for recovery. `lacking`: what is not as it must be, in words; `awaited`: it was not whole at once.
#[macro_export]
macro_rules! cluster_recovers {
    ($recovered:expr, $lacking:expr, $awaited:expr) => {{
        $crate::__sdk::assert_always!(
            $recovered,
            $crate::message::RECOVERED,
            &$crate::__json!({ "lacking": $lacking })
        );
        $crate::__sdk::assert_sometimes!(
            $awaited,
            $crate::message::RECOVERY_AWAITED,
            &$crate::__json!(null)
        );
    }};
}

/// After recovery. `mismatch`: `None` without one; `checked`: acknowledged writes that were read.
#[macro_export]
macro_rules! writes_are_kept {
    ($mismatch:expr, $checked:expr) => {{
        let mismatch = $mismatch;
        let checked: usize = $checked;
        $crate::__sdk::assert_always!(
            mismatch.is_none(),
            $crate::message::KEPT,
            &$crate::__json!({ "mismatch": mismatch })
        );
        $crate::__sdk::assert_sometimes!(
            checked > 0,
            $crate::message::KEPT_CHECKED,
            &$crate::__json!({ "checked": checked })
        );
    }};
}

/// After members were compared. `divergence`: `None` without one; `compared`: how many members were.
#[macro_export]
macro_rules! members_converge {
    ($divergence:expr, $compared:expr) => {{
        let divergence = $divergence;
        let compared: usize = $compared;
        $crate::__sdk::assert_always!(
            divergence.is_none(),
            $crate::message::CONVERGED,
            &$crate::__json!({ "divergence": divergence })
        );
        $crate::__sdk::assert_sometimes!(
            compared > 1,
            $crate::message::CONVERGED_COMPARED,
            &$crate::__json!({ "compared": compared })
        );
    }};
}

/// After the merged history was checked. `violation`: `None` without one; `decided`: the checker decided about
/// operations that could have been wrong.
#[macro_export]
macro_rules! history_is_linearizable {
    ($violation:expr, $decided:expr) => {{
        let violation = $violation;
        $crate::__sdk::assert_always!(
            violation.is_none(),
            $crate::message::LINEARIZABLE,
            &$crate::__json!({ "violation": violation })
        );
        $crate::__sdk::assert_sometimes!(
            $decided,
            $crate::message::LINEARIZABLE_DECIDED,
            &$crate::__json!(null)
        );
    }};
}
