//! Changes that a watch must have delivered and did not: known from acknowledgements, reads or other watches.

use history::Call;

use super::super::Guarantee;
use super::super::changes::{Change, What};
use super::super::keys::Key;
use super::super::record::failed;
use super::super::tally::Tallies;
use super::Walk;

pub(super) fn check(walk: &Walk<'_, '_>, tallies: &mut Tallies) {
    // Lost lines may have been events.
    if !walk.watched.complete {
        return;
    }
    let first = walk.delivered.iter().map(|(revision, _)| *revision).min();
    let from = match (walk.start, first) {
        (Some(start), _) => start,
        // Where it began is not known; it is complete from its first event on.
        (None, Some(first)) => first,
        (None, None) => return,
    };
    let to = walk.reached.max(walk.progress);
    let mut delivered = walk.delivered.clone();
    delivered.sort_unstable();
    delivered.dedup();
    let asked = walk.watched.watch.revision > 0;
    let first = first.unwrap_or(i64::MAX);
    let mut began = false;
    expected(walk, from, to, &mut |change| {
        let made = delivered.binary_search(&(change.revision, change.key)).is_ok();
        let guarantee = match change.revision {
            revision if asked && revision <= first => Guarantee::WatchResumable,
            revision if revision <= walk.reached => Guarantee::WatchReliable,
            _ => Guarantee::WatchBookmarkable,
        };
        // One beginning is one comparison, however many changes prove it.
        let counts = guarantee != Guarantee::WatchResumable || !std::mem::replace(&mut began, true);
        tallies.compared(guarantee, u64::from(counts));
        if !made {
            tallies.broke(guarantee, || left_out(walk, change));
        }
    });
}

/// All known changes of these revisions that pass the request's range and filters.
fn expected<'h>(walk: &Walk<'_, 'h>, from: i64, to: i64, see: &mut impl FnMut(&Change<'h>)) {
    let watch = walk.watched.watch;
    let keys = walk.record.keys.range(&watch.key, watch.end.as_ref());
    let passes = |change: &&Change<'_>| match change.what {
        What::Put(_) => !watch.no_put,
        What::Delete => !watch.no_delete,
    };
    let changes = &walk.record.changes;
    let all = changes.within(from, to);
    if keys.len() < all.len() {
        for key in keys {
            changes.of_key_within(key, from, to).filter(passes).for_each(&mut *see);
        }
    } else {
        let of_range = |change: &&Change<'_>| keys.contains(&change.key);
        all.iter().filter(of_range).filter(passes).for_each(see);
    }
}

fn left_out(walk: &Walk<'_, '_>, change: &Change<'_>) -> crate::Violation {
    let words = super::Words(walk.record);
    let how_far = match (change.revision <= walk.reached, walk.delivered.is_empty()) {
        (true, _) => format!("delivered events up to revision {}", walk.reached),
        (false, true) => format!("notified of progress up to revision {}", walk.progress),
        (false, false) => format!(
            "delivered events up to revision {} and notified of progress up to revision {}",
            walk.reached, walk.progress
        ),
    };
    let compacted = matches!(change.what, What::Delete) && compaction_at(walk, change.revision);
    let rule = if compacted { "delete-at-compaction-left-out" } else { "change-left-out" };
    let at = if compacted { ", the revision that was compacted" } else { "" };
    let did = format!("{how_far}, but never {}{at}", words.change(change));
    let mut violation = walk.violation(rule, &did, Some(walk.record.keys.name(change.key)));
    violation.operations.extend(super::super::words::teller(change));
    violation.operations.sort_unstable();
    violation
}

fn compaction_at(walk: &Walk<'_, '_>, at: i64) -> bool {
    let compacts = |call: &Call<'_>| matches!(call, Call::Compact { revision, .. } if *revision == at);
    walk.record.history.operations.iter().any(|operation| compacts(&operation.call) && !failed(operation))
}

/// A key's versions count the writes of it: a watch that jumps over some has left writes out, whoever made them.
pub(super) fn versions(walk: &Walk<'_, '_>, seen: super::Seen<'_>, tallies: &mut Tallies) {
    let history::Event::Put { kv, .. } = seen.event else { return };
    let count = walk.versions_left_out(seen.key, kv);
    if count <= 0 || !walk.sees_all() || seen.revision < walk.reached {
        return;
    }
    tallies.compared(Guarantee::WatchReliable, 1);
    let key: Key = seen.key;
    tallies.broke(Guarantee::WatchReliable, || {
        let did = format!(
            "delivered version {} of key {} at revision {}, but never {count} versions before it",
            kv.version,
            walk.record.keys.name(key),
            kv.mod_revision
        );
        walk.violation("versions-left-out", &did, Some(walk.record.keys.name(key)))
    });
}
