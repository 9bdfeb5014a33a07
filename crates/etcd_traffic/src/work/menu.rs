//! Calls of any shape: transactions up to the limits and just beyond, values as large as may be, reads with every option.

use history::{Call, Compare, Comparison, Delete, Put, Range, Reply, Sort, SortBy, Target, Txn, WriteError};

use super::keys::{get, put};
use super::{Report, Site};
use crate::client::Client;
use crate::draw::Draw;

/// etcd takes so many calls in one transaction (`--max-txn-ops`), unless it is told otherwise.
const CALLS_MAX: u64 = 128;
/// etcd takes so many bytes in one request (`--max-request-bytes`), and its gRPC server half a megabyte more.
const REQUEST_MAX: usize = 1_572_864;
/// A value at these limits is rare: it takes as much room in the history.
const HUGE_ODDS: u64 = 60;
/// Transactions of the menu draw from so many keys.
const KEYS: u64 = 200;

/// One transaction of any shape, or one value at a limit.
pub(super) async fn transaction<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    if site.once_in(HUGE_ODDS) {
        return huge(site, client, report).await;
    }
    let calls = site.one_of(&[1, 2, 4, 4, 16, 16, CALLS_MAX - 1, CALLS_MAX, CALLS_MAX + 1]);
    // Each key in one call only: etcd refuses two writes of one key.
    let from = site.below(KEYS);
    let mut next = (from..).map(|n| site.key("menu", n % KEYS));
    let mut branch = |count: u64| {
        next.by_ref().take(usize::try_from(count).unwrap_or(0)).map(|key| write_or_read(site, key)).collect()
    };
    let (success, failure) = (branch(calls), branch(site.below(3)));
    let compares = site.one_of(&[0, 1, 1, 2, 8, 100]);
    let compare = (0..compares).map(|_| compare(site)).collect();
    site.ask(client, &Call::Txn(Txn { compare, success, failure }), report).await?.ok();
    Ok(())
}

fn write_or_read<D: Draw>(site: &Site<'_, '_, '_, D>, key: String) -> Call<'static> {
    match site.below(6) {
        0..3 => {
            let value = site.text();
            Call::Put(Put {
                key: key.into(),
                value: value.into(),
                prev_kv: site.once_in(4),
                ..Put::default()
            })
        }
        3 => Call::Delete(Delete { key: key.into(), end: None, prev_kv: site.once_in(2) }),
        // No revision is asked for beside writes: the members of etcd before 3.7 may go apart over one that is compacted.
        _ => Call::Range(Range { key: key.into(), keys_only: site.once_in(4), ..Range::default() }),
    }
}

fn compare<D: Draw>(site: &Site<'_, '_, '_, D>) -> Compare<'static> {
    let n = || i64::try_from(site.below(5)).unwrap_or(0);
    let target = match site.below(5) {
        0 => Target::Value(site.text().into()),
        1 => Target::Version(n()),
        2 => Target::Create(n()),
        3 => Target::Mod(n()),
        _ => Target::Lease(0),
    };
    let comparison =
        site.one_of(&[Comparison::Equal, Comparison::NotEqual, Comparison::Greater, Comparison::Less]);
    let key = site.key("menu", site.below(KEYS)).into();
    let end = site.once_in(10).then(|| site.all_of("menu").1.into());
    Compare { key, end, target, comparison }
}

/// A value just below what etcd takes, just above it, and above what its gRPC server takes.
async fn huge<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let size = site.one_of(&[REQUEST_MAX - 1_024, REQUEST_MAX + 1_024, REQUEST_MAX + (1 << 20)]);
    let text = site.text();
    let mut value = text.repeat(size.div_ceil(text.len()));
    value.truncate(size);
    let key = site.key("huge", 0);
    site.ask(client, &Call::Put(put(&key, &value)), report).await?.ok();
    site.ask(client, &get(&key), report).await?.ok();
    let call = Call::Delete(Delete { key: key.as_str().into(), end: None, prev_kv: false });
    site.ask(client, &call, report).await?.ok();
    Ok(())
}

/// Reads with any options, of what other workloads write; also several in one transaction that writes nothing.
pub(super) async fn read<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let space = site.one_of(&["register", "bank", "append", "recreate", "menu", "watch", "mirror"]);
    let (first, end) = site.all_of(space);
    // Something is there to be read, whatever else the run has.
    if site.once_in(6) {
        let (key, value) = (site.key(space, "read"), site.value());
        if !matches!(space, "bank" | "append") {
            site.ask(client, &Call::Put(put(&key, &value)), report).await?.ok();
        }
    }
    let head = match site.ask(client, &get(&first), report).await? {
        Ok(reply) => reply.revision(),
        Err(_) => return Ok(()),
    };
    let any = || {
        let sorts = [None, None, Some(SortBy::Key), Some(SortBy::Value), Some(SortBy::Version)];
        let by = site.one_of(&sorts).or_else(|| site.once_in(4).then_some(SortBy::Mod));
        Range {
            key: first.as_str().into(),
            end: (!site.once_in(4)).then(|| end.as_str().into()),
            limit: site.one_of(&[0_i64, 0, 1, 3, 50]),
            // From long ago up to one that is not there yet: compacted ones and future ones are refused.
            revision: match site.below(4) {
                0 => (head - i64::try_from(site.below(300)).unwrap_or(0)).max(1),
                1 => head - i64::try_from(site.below(5)).unwrap_or(0).min(head - 1),
                2 if site.once_in(8) => head + 1_000_000,
                _ => 0,
            },
            serializable: site.once_in(3),
            keys_only: site.once_in(4),
            count_only: site.once_in(6),
            sort: by.map(|by| Sort { by, descending: site.once_in(2) }),
        }
    };
    let call = match site.below(4) {
        0 => Call::Txn(Txn { success: vec![Call::Range(any()), Call::Range(any())], ..Txn::default() }),
        _ => Call::Range(any()),
    };
    if let Ok(Reply::Range { more: true, count, .. }) = site.ask(client, &call, report).await? {
        // The rest of a long list, at the head of now: pages of different revisions are different lists.
        let range = Range { key: first.as_str().into(), end: Some(end.as_str().into()), ..Range::default() };
        if count < 1_000 {
            site.ask(client, &Call::Range(range), report).await?.ok();
        }
    }
    Ok(())
}
