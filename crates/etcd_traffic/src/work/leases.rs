//! Leases that run out, that are revoked, and that lose keys to another one. The history says what was promised, and the
//! checker holds the keys' ends against it.

use std::time::Duration;

use history::{Call, Put, Reply, Watch, WriteError};

use super::follow::until_deleted;
use super::keys::{get, put};
use super::{Report, Site};
use crate::client::Client;
use crate::draw::Draw;

/// Far above anything that a command waits for.
const LONG_S: i64 = 600;
/// A lease that is over is ended within this.
const LATE: Duration = Duration::from_secs(2);

/// A lease of its own, as the store granted it: its id, and its time in seconds.
pub(super) async fn grant<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    ttl: i64,
    report: &mut Report,
) -> Result<Option<(i64, i64)>, WriteError> {
    // Named by its client, so that it is known also where the grant is not answered.
    let call = Call::Grant { ttl, lease: site.lease_id() };
    Ok(match site.ask(client, &call, report).await? {
        Ok(Reply::Grant { lease, ttl, .. }) => Some((lease, ttl)),
        _ => None,
    })
}

/// Some keys with a lease, which is kept alive for a while or not, and then left alone. A watch tells when they go.
pub(super) async fn expire<'r, D: Draw>(
    site: &Site<'r, '_, '_, D>,
    client: &mut Client<'r>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let Some((lease, ttl)) = grant(site, client, site.swarm.lease_s, report).await? else { return Ok(()) };
    let name = site.text();
    let keys: Vec<String> = (0..1 + site.below(4)).map(|n| site.key("lease", format!("{name}{n}"))).collect();
    let mut made = None;
    for key in &keys {
        let (value, key) = (site.text(), key.as_str());
        let call = Call::Put(Put { lease, ..put(key, &value) });
        if let Ok(reply) = site.ask(client, &call, report).await? {
            made = Some((key, reply.revision()));
        }
    }
    let Some((key, revision)) = made else { return Ok(()) };
    let mut feed = client.feed();
    let watch = Watch { key: key.into(), revision: revision + 1, prev_kv: true, ..Watch::default() };
    feed.open(&watch, false).await?;
    // Keep-alives through any member: each passes them on to the leader.
    for _ in 0..site.one_of(&[0, 0, 1, 3]) {
        let most = u64::try_from(ttl).unwrap_or(1) * 1_000 / 3;
        tokio::time::sleep(Duration::from_millis(site.below(most)).min(site.left(true))).await;
        let mut other = if site.once_in(2) { site.client().await? } else { None };
        let by = other.as_mut().unwrap_or(client);
        site.ask(by, &Call::KeepAlive { lease }, report).await?.ok();
        site.ask(by, &Call::TimeToLive { lease, keys: site.once_in(2) }, report).await?.ok();
    }
    // A leader that is elected meanwhile gives every lease its whole time once more.
    let patience = Duration::from_secs(2 * u64::try_from(ttl).unwrap_or(1)) + LATE;
    if let Ok(Some(_)) = until_deleted(&mut feed, key.as_bytes(), site.left(true).max(patience)).await? {
        report.ran_out += 1;
        // Whoever reads it now must not find it, nor any other key of the lease.
        for key in &keys {
            site.ask(client, &get(key), report).await?.ok();
        }
        site.ask(client, &Call::TimeToLive { lease, keys: true }, report).await?.ok();
        site.ask(client, &Call::KeepAlive { lease }, report).await?.ok();
    }
    feed.close()
}

/// A lease with keys, its revoke, and what must not succeed any more.
pub(super) async fn revoke<'r, D: Draw>(
    site: &Site<'r, '_, '_, D>,
    client: &mut Client<'r>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let Some((lease, _)) = grant(site, client, LONG_S, report).await? else { return Ok(()) };
    let key = site.key("lease", site.text());
    for n in 0..site.below(4) {
        let (key, value) = (format!("{key}{n}"), site.text());
        site.ask(client, &Call::Put(Put { lease, ..put(&key, &value) }), report).await?.ok();
    }
    site.ask(client, &Call::TimeToLive { lease, keys: true }, report).await?.ok();
    site.ask(client, &Call::Revoke { lease }, report).await?.ok();
    let mut other = site.client().await?;
    let by = other.as_mut().unwrap_or(client);
    let value = site.text();
    for call in [
        Call::KeepAlive { lease },
        get(&key),
        Call::Put(Put { lease, ..put(&key, &value) }),
        Call::TimeToLive { lease, keys: false },
    ] {
        site.ask(by, &call, report).await?.ok();
    }
    Ok(())
}

/// A key that goes from one lease to another, or to none, and outlives the first.
pub(super) async fn reattach<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let Some((one, _)) = grant(site, client, LONG_S, report).await? else { return Ok(()) };
    let Some((two, _)) = grant(site, client, LONG_S, report).await? else { return Ok(()) };
    let (key, value) = (site.key("lease", site.text()), site.text());
    let second = match site.below(4) {
        // Without a lease, with another one, with the one that it has, and with another one and the value that it has.
        0 => put(&key, &value),
        1 => Put { lease: two, ..put(&key, &value) },
        2 => Put { ignore_lease: true, ..put(&key, &value) },
        _ => Put { lease: two, ignore_value: true, value: "".into(), ..put(&key, "") },
    };
    let first = site.text();
    for call in [
        Call::Put(Put { lease: one, ..put(&key, &first) }),
        Call::Put(second),
        Call::Revoke { lease: one },
        get(&key),
        Call::TimeToLive { lease: two, keys: true },
        Call::Revoke { lease: two },
        get(&key),
    ] {
        site.ask(client, &call, report).await?.ok();
    }
    Ok(())
}
