//! Locks as clients make them of leases and transactions. The one whose key was created first holds the lock; what it
//! guards is written with that key's revision of creation as a token, and without.
//!
//! A holder may be paused past its lease and go on. Its fenced writes must fail then, and its unfenced ones do not.

use std::time::Duration;

use history::{Call, Compare, Comparison, Delete, Put, Range, Reply, Sort, SortBy, Target, Txn, WriteError};

use super::keys::put;
use super::leases::grant;
use super::{Report, Site};
use crate::client::Client;
use crate::draw::Draw;

/// Who waits for a lock looks so often whether it is first in line.
const LOOKS_EVERY: Duration = Duration::from_millis(40);

/// Waits in line for a lock, and holds it for a while.
pub(super) async fn lock<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let name = site.key("lock", site.below(2));
    let Some((lease, ttl)) = grant(site, client, site.swarm.lease_s, report).await? else { return Ok(()) };
    let key = format!("{name}/{lease:x}");
    let queue = Txn {
        compare: vec![created(&key, 0)],
        success: vec![Call::Put(Put { lease, ..put(&key, "") })],
        failure: Vec::new(),
    };
    let Ok(Reply::Txn { revision: token, succeeded: true, .. }) =
        site.ask(client, &Call::Txn(queue), report).await?
    else {
        return Ok(());
    };
    if first_in_line(site, client, &name, lease, token, report).await? {
        report.granted += 1;
        let other = site.session.beside(client);
        let work = guarded(site, client, &name, &key, token, ttl, report);
        Client::hold(&other, name.as_bytes(), key.as_bytes(), token, Box::pin(work)).await?;
    }
    // Some let the lease run out.
    if !site.once_in(4) {
        let gone = Call::Delete(Delete { key: key.as_str().into(), end: None, prev_kv: false });
        site.ask(client, &gone, report).await?.ok();
        site.ask(client, &Call::Revoke { lease }, report).await?.ok();
    }
    Ok(())
}

fn created(key: &str, token: i64) -> Compare<'_> {
    Compare { key: key.into(), end: None, target: Target::Create(token), comparison: Comparison::Equal }
}

async fn first_in_line<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    name: &str,
    lease: i64,
    token: i64,
    report: &mut Report,
) -> Result<bool, WriteError> {
    let (first, end) = (format!("{name}/"), format!("{name}0"));
    while site.goes_on(true) {
        let oldest = Range {
            key: first.as_str().into(),
            end: Some(end.as_str().into()),
            limit: 1,
            sort: Some(Sort { by: SortBy::Create, descending: false }),
            ..Range::default()
        };
        match site.ask(client, &Call::Range(oldest), report).await? {
            Ok(Reply::Range { kvs, .. }) => match kvs.first() {
                Some(kv) if kv.create_revision == token => return Ok(true),
                // One's own key has gone with its lease, as all in line are younger.
                Some(kv) if kv.create_revision > token => return Ok(false),
                Some(_) => {}
                None => return Ok(false),
            },
            Ok(_) => return Ok(false),
            Err(_) => {}
        }
        tokio::time::sleep(LOOKS_EVERY).await;
        if site.once_in(8) {
            site.ask(client, &Call::KeepAlive { lease }, report).await?.ok();
        }
    }
    Ok(false)
}

/// Writes what the lock guards, until the holder has had enough or learns that it holds the lock no more.
async fn guarded<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    name: &str,
    key: &str,
    token: i64,
    ttl: i64,
    report: &mut Report,
) -> Result<(), WriteError> {
    let resource = name.replace("/lock/", "/fenced/");
    let unfenced = name.replace("/lock/", "/unfenced/");
    // Now and then it does nothing for longer than its lease lives, and does not know.
    let sleeps = site.once_in(6);
    for round in 0..1 + site.below(4) {
        if sleeps && round == 1 {
            let long = Duration::from_millis(u64::try_from(ttl).unwrap_or(1) * 1_000 + site.below(1_000));
            tokio::time::sleep(long.min(site.left(true))).await;
        }
        let (fenced, plain) = (site.value(), site.value());
        let txn = Txn {
            compare: vec![created(key, token)],
            success: vec![Call::Put(put(&resource, &fenced))],
            failure: Vec::new(),
        };
        let answer = site.ask(client, &Call::Txn(txn), report).await?;
        if matches!(answer, Ok(Reply::Txn { succeeded: false, .. })) {
            return Ok(());
        }
        site.ask(client, &Call::Put(put(&unfenced, &plain)), report).await?.ok();
    }
    Ok(())
}
