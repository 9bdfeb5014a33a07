//! Corners where etcd has broken promises: each round goes to one of them by the shortest way. What is wrong there, if
//! anything, is the checker's to see, as everywhere.

use std::time::Duration;

use history::{
    Call, Compare, Comparison, Delete, KeyValue, Nanos, Put, Range, Reply, Target, Txn, Watch, WriteError,
    clock,
};

use super::keys::{get, put};
use super::leases::grant;
use super::{Report, Site};
use crate::client::{Client, Feed, Told, revision_of};
use crate::config::Member;
use crate::draw::Draw;

/// Such a round takes as long as a member may be away, and longer than a short lease.
const ROUND: Duration = Duration::from_secs(14);
/// A lease that is kept alive more often than it needs.
const LEASE_S: i64 = 3;
const KEPT_EVERY: Duration = Duration::from_millis(200);
/// Leases that are ready for the moment in which the leader changes, and far above what they live by themselves.
const READY: usize = 8;
const READY_S: i64 = 600;
/// A member that does not answer in this time is away.
const ANSWERS: Duration = Duration::from_millis(250);
/// Between two changes of what seldom changes, and two questions whether a member is back.
const SELDOM: Duration = Duration::from_millis(50);
/// One message is waited for so long.
const WAIT: Duration = Duration::from_millis(20);
/// Keys in a batch of a compaction, where suites ask for small ones; and the time from one batch to the next, and more.
const BATCH: i64 = 10;
const BATCH_LASTS: Duration = Duration::from_millis(14);
/// A revision that no run comes to.
const FAR: i64 = 1_000_000_000;

/// Writes, compacts them, and writes once more beside a read of what is compacted. Then it asks every member.
pub(super) async fn old_transaction<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let name = site.text();
    let keys: Vec<String> = (0..4).map(|n| site.key("old", format!("{name}{n}"))).collect();
    let mut head = 0;
    for key in &keys {
        let value = site.text();
        let Ok(reply) = site.ask(client, &Call::Put(put(key, &value)), report).await? else { return Ok(()) };
        head = reply.revision();
    }
    site.ask(client, &Call::Compact { revision: head, physical: site.once_in(2) }, report).await?.ok();
    let value = site.text();
    let there = Compare {
        key: keys[0].as_str().into(),
        end: None,
        target: Target::Version(1),
        comparison: Comparison::Equal,
    };
    let old = Range { key: keys[0].as_str().into(), revision: head - 1, ..Range::default() };
    let txn = Txn {
        compare: vec![there],
        success: vec![Call::Put(put(&keys[1], &value)), Call::Range(old)],
        failure: Vec::new(),
    };
    site.ask(client, &Call::Txn(txn), report).await?.ok();
    for member in &site.session.config().members {
        let Some(mut other) = site.client_of(member).await? else { continue };
        site.ask(&mut other, &get(&keys[1]), report).await?.ok();
        other.status().await?.ok();
    }
    Ok(())
}

/// Writes and deletes keys, compacts at the last deletion, leaves a moment for a kill, and watches from there.
pub(super) async fn tombstone<'r, D: Draw>(
    site: &Site<'r, '_, '_, D>,
    member: &'r Member,
    report: &mut Report,
) -> Result<(), WriteError> {
    let Some(mut client) = back(site, member).await? else { return Ok(()) };
    let name = site.text();
    // What is left of earlier rounds is in the first batches of a compaction. Which revisions come last in the last one
    // depends on how many there are in all.
    let few = (4 + site.below(10), 3);
    let (keys, gone) = site.one_of(&[few, few, few, (100, 100)]);
    let keys: Vec<String> = (0..keys).map(|n| site.key("tomb", format!("{name}{n:03}"))).collect();
    let gone = keys.len() - gone..;
    let values: Vec<String> = keys.iter().map(|_| site.text()).collect();
    let puts = keys.iter().zip(&values).map(|(key, value)| Call::Put(put(key, value)));
    let deletes = keys[gone]
        .iter()
        .map(|key| Call::Delete(Delete { key: key.as_str().into(), end: None, prev_kv: false }));
    // Many of them take two revisions, few of them one each.
    let calls: Vec<Call<'_>> = if keys.len() > 10 {
        let txn = |success: Vec<_>| Call::Txn(Txn { success, ..Txn::default() });
        vec![txn(puts.collect()), txn(deletes.collect())]
    } else {
        puts.chain(deletes).collect()
    };
    let mut last = 0;
    for call in &calls {
        let Ok(reply) = site.ask(&mut client, call, report).await? else { return Ok(()) };
        last = reply.revision();
    }
    let compact = Call::Compact { revision: last, physical: site.once_in(4) };
    let mut lost = site.ask(&mut client, &compact, report).await?.is_err();
    // Here a kill meets a compaction that is not over.
    let moment = site.one_of(&[5, 20, 20, 80]);
    tokio::time::sleep(Duration::from_millis(moment)).await;
    lost = lost || site.ask(&mut client, &get(&keys[0]), report).await?.is_err();
    if lost {
        let Some(again) = back(site, member).await? else { return Ok(()) };
        client = again;
    }
    let (first, end) = (site.key("tomb", &name), site.key("tomb", format!("{name}~")));
    let watch = Watch {
        key: first.as_str().into(),
        end: Some(end.as_str().into()),
        revision: last,
        ..Watch::default()
    };
    let mut feed = client.feed();
    feed.open(&watch, false).await?;
    // What comes behind shows that the deletion does not.
    let value = site.text();
    if let Ok(reply) = site.ask(&mut client, &Call::Put(put(&keys[0], &value)), report).await? {
        await_revision(site, &mut feed, reply.revision(), report).await?;
    }
    feed.close()
}

/// Over and over makes the store's rows as many as fill whole batches of a compaction, with a deletion as the last, and
/// compacts there. The deletion is gone from the disk before the next batch is found to be empty and the compaction is
/// noted as over: a kill in between leaves a store whose newest row is older than what was acknowledged.
pub(super) async fn full_batch<'r, D: Draw>(
    site: &Site<'r, '_, '_, D>,
    member: &'r Member,
    report: &mut Report,
) -> Result<(), WriteError> {
    let name = site.text();
    let keys: Vec<String> = (0..BATCH).map(|n| site.key("batch", format!("{name}{n:02}"))).collect();
    let value = site.text();
    let all = Range { key: "\0".into(), end: Some("\0".into()), count_only: true, ..Range::default() };
    let delete = Call::Delete(Delete { key: keys[0].as_str().into(), end: None, prev_kv: false });
    while site.goes_on(true) {
        let Some(mut client) = back(site, member).await? else { return Ok(()) };
        // A compaction leaves one row of each key that lives. Until the first one there may be more: then the round is in vain.
        while let Ok(reply) = site.ask(&mut client, &Call::Range(all.clone()), report).await? {
            let Reply::Range { count, .. } = reply else { break };
            let lacking = BATCH - (count + 1).rem_euclid(BATCH);
            let puts = keys.iter().take(usize::try_from(lacking).unwrap_or(0));
            let success = puts.map(|key| Call::Put(put(key, &value))).collect();
            let written = Call::Txn(Txn { success, ..Txn::default() });
            if site.ask(&mut client, &written, report).await?.is_err() {
                break;
            }
            let Ok(deleted) = site.ask(&mut client, &delete, report).await? else { break };
            let compact = Call::Compact { revision: deleted.revision(), physical: false };
            if site.ask(&mut client, &compact, report).await?.is_err() || !site.goes_on(true) {
                break;
            }
            tokio::time::sleep(BATCH_LASTS).await;
        }
    }
    Ok(())
}

/// A client of a member that may have been killed, as soon as it answers.
async fn back<'r, D: Draw>(
    site: &Site<'r, '_, '_, D>,
    member: &'r Member,
) -> Result<Option<Client<'r>>, WriteError> {
    let key = site.key("tomb", "back");
    while site.goes_on(true) {
        if let Some(mut client) = site.client_of(member).await?
            && client.ask_within(&get(&key), ANSWERS).await?.is_ok()
        {
            return Ok(Some(client));
        }
        tokio::time::sleep(SELDOM).await;
    }
    Ok(None)
}

async fn await_revision<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    feed: &mut Feed<'_>,
    revision: i64,
    report: &mut Report,
) -> Result<(), WriteError> {
    while site.left(true) > Duration::ZERO && feed.is_open() {
        match feed.next(WAIT).await? {
            Told::Events { events, .. } => {
                report.delivered += 1;
                if events.iter().any(|event| revision_of(event) >= revision) {
                    break;
                }
            }
            Told::Broken(_) => break,
            _ => {}
        }
    }
    Ok(())
}

/// A lease with keys that is kept alive at whoever leads, however often that changes. All its keys must stay.
pub(super) async fn keep_at_leader<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let until = round(site);
    let mut clients = all(site).await;
    let mut kept: Option<Kept> = None;
    while clock::now() < until && report.kept.broken.is_none() {
        let leader = leader(&mut clients).await?;
        if let Some(client) = leader.and_then(|at| clients.get_mut(at)) {
            match &mut kept {
                None => kept = begin(site, client, report).await?,
                Some(kept) => keep(site, client, kept, report).await?,
            }
        }
        tokio::time::sleep(KEPT_EVERY).await;
    }
    if let (Some(kept), Some(mut client)) = (kept, site.client().await?) {
        let answer = site.ask(&mut client, &Call::Revoke { lease: kept.lease }, report).await?;
        let missed = answer.err().is_some_and(|problem| problem.class == "lease-not-found");
        if missed && clock::now() < kept.until {
            report.kept.saw(Some(format!("lease {:x} is not there, and was promised to be", kept.lease)));
        }
    }
    Ok(())
}

/// Leases that are revoked at whoever leads, as soon as that is another one, and then kept alive at who led before and may
/// not know yet. None of them may be there any more.
pub(super) async fn renew_revoked<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let until = round(site);
    let mut clients = all(site).await;
    let mut former = None;
    let mut ready: Vec<i64> = Vec::new();
    while clock::now() < until {
        if let Some(at) = leader(&mut clients).await? {
            let before = former.replace(at).filter(|before| *before != at);
            if let Some(before) = before {
                for lease in ready.drain(..) {
                    let (revoke, again) = (Call::Revoke { lease }, Call::KeepAlive { lease });
                    if site.ask_within(&mut clients[at], &revoke, ANSWERS, report).await?.is_ok() {
                        site.ask_within(&mut clients[before], &again, ANSWERS, report).await?.ok();
                    }
                }
            } else if ready.len() < READY {
                ready.extend(with_key(site, &mut clients[at], report).await?);
            }
        }
        tokio::time::sleep(WAIT).await;
    }
    Ok(())
}

/// A lease that has a key, so that its revoke takes a revision.
async fn with_key<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<Option<i64>, WriteError> {
    let Some((lease, _)) = grant(site, client, READY_S, report).await? else { return Ok(None) };
    let (key, value) = (site.key("former", site.text()), site.text());
    let call = Call::Put(Put { lease, ..put(&key, &value) });
    Ok(site.ask_within(client, &call, ANSWERS, report).await?.ok().map(|_| lease))
}

/// A lease that is kept alive, the keys that were put with it, and until when it was promised to live.
struct Kept {
    lease: i64,
    first: String,
    keys: Vec<String>,
    until: Nanos,
}

async fn begin<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<Option<Kept>, WriteError> {
    let sent = clock::now();
    let Some((lease, ttl)) = grant(site, client, LEASE_S, report).await? else { return Ok(None) };
    let first = site.key("lease", site.text());
    let mut keys = Vec::new();
    for n in 0..3 {
        let (key, value) = (format!("{first}{n}"), site.text());
        let call = Call::Put(Put { lease, ..put(&key, &value) });
        if site.ask_within(client, &call, ANSWERS, report).await?.is_ok() {
            keys.push(key);
        }
    }
    Ok(Some(Kept { lease, first, keys, until: sent.plus(seconds(ttl)) }))
}

async fn keep<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    kept: &mut Kept,
    report: &mut Report,
) -> Result<(), WriteError> {
    let (sent, call) = (clock::now(), Call::KeepAlive { lease: kept.lease });
    if let Ok(Reply::KeepAlive { ttl, .. }) = site.ask_within(client, &call, ANSWERS, report).await?
        && ttl > 0
    {
        kept.until = kept.until.max(sent.plus(seconds(ttl)));
    }
    let end = format!("{}~", kept.first);
    let all = Range { key: kept.first.as_str().into(), end: Some(end.as_str().into()), ..Range::default() };
    if let Ok(Reply::Range { kvs, .. }) = site.ask_within(client, &Call::Range(all), ANSWERS, report).await?
        && clock::now() < kept.until
    {
        report.kept.saw(gone(kept, &kvs));
    }
    Ok(())
}

/// The first key that is not there any more.
fn gone(kept: &Kept, there: &[KeyValue<'_>]) -> Option<String> {
    let missing = |key: &&String| !there.iter().any(|kv| kv.key.bytes() == key.as_bytes());
    let key = kept.keys.iter().find(missing)?;
    Some(format!("{key} is gone, and lease {:x} was promised to live for longer", kept.lease))
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

/// Which of them leads: the one that says so of itself in the latest term.
async fn leader(clients: &mut [Client<'_>]) -> Result<Option<usize>, WriteError> {
    let mut latest = None;
    for (at, client) in clients.iter_mut().enumerate() {
        if let Ok(Reply::Status { id, leader, term, .. }) = client.ask_within(&Call::Status, ANSWERS).await?
            && id == leader
        {
            latest = latest.max(Some((term, at)));
        }
    }
    Ok(latest.map(|(_, at)| at))
}

/// At each member a watch of a key that seldom changes, and one of the same key from the far future. Members that are
/// away for long come back to many revisions at once.
pub(super) async fn watch_ahead<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let until = round(site);
    let mut clients = all(site).await;
    let key = site.key("seldom", site.text());
    let mut feeds = Vec::new();
    for client in &clients {
        let mut feed = client.feed();
        for revision in [0, FAR] {
            let watch = Watch { key: key.as_str().into(), revision, progress: true, ..Watch::default() };
            feed.open(&watch, false).await?;
        }
        feeds.push(feed);
    }
    while clock::now() < until && !clients.is_empty() {
        let value = site.text();
        let at = site.index(clients.len());
        site.ask_within(&mut clients[at], &Call::Put(put(&key, &value)), ANSWERS, report).await?.ok();
        for feed in &mut feeds {
            if let Told::Events { .. } = feed.next(WAIT).await? {
                report.delivered += 1;
            }
        }
        tokio::time::sleep(SELDOM).await;
    }
    feeds.into_iter().try_for_each(Feed::close)
}

fn round<D: Draw>(site: &Site<'_, '_, '_, D>) -> Nanos {
    clock::now().plus(ROUND.min(site.session.config().limits.phase * 2))
}

/// A client of each member, also of those that are away just now.
fn all<'r, D: Draw>(site: &Site<'r, '_, '_, D>) -> impl Future<Output = Vec<Client<'r>>> {
    let session = site.session;
    async move {
        let mut clients = Vec::new();
        for member in &session.config().members {
            clients.extend(session.client(member).await.ok());
        }
        clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_goes_before_its_lease_is_seen() {
        let kept = Kept {
            lease: 10,
            first: "a".to_owned(),
            keys: vec!["a0".to_owned(), "a1".to_owned()],
            until: Nanos(0),
        };
        let kv = |key: &'static str| KeyValue { key: key.into(), ..KeyValue::default() };
        assert_eq!(gone(&kept, &[kv("a0"), kv("a1"), kv("a2")]), None);
        let sentence = gone(&kept, &[kv("a0")]).unwrap();
        assert_eq!(sentence, "a1 is gone, and lease a was promised to live for longer");
    }
}
