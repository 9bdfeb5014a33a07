//! The store's own locks and elections. Their keys are made of a name and a lease.

use std::time::Duration;

use history::{Call, Compare, Comparison, Range, Reply, Target, Txn, Watch, WriteError};

use super::follow::until_deleted;
use super::keys::{get, put};
use super::leases::grant;
use super::{Report, Site};
use crate::client::Client;
use crate::draw::Draw;

/// Waits for a lock, and writes what it guards with the key's revision of creation as a token.
pub(super) async fn lock<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let name = site.key("service-lock", 0);
    let Some((lease, _)) = grant(site, client, site.swarm.lease_s.max(5), report).await? else {
        return Ok(());
    };
    // Deletes that show what they deleted tell when a key in line went.
    let mut feed = site.session.beside(client).feed();
    let watch = Watch {
        key: format!("{name}/").into(),
        end: Some(format!("{name}0").into()),
        prev_kv: true,
        ..Watch::default()
    };
    feed.open(&watch, false).await?;
    let call = Call::Lock { name: name.as_str().into(), lease };
    let limit = site.left(true).max(Duration::from_millis(100));
    if let Ok(Reply::Held { key, .. }) = site.ask_within(client, &call, limit, report).await? {
        report.granted += 1;
        let text = key.to_string();
        if let Ok(Reply::Range { kvs, .. }) = site.ask(client, &get(&text), report).await?
            && let Some(kv) = kvs.first()
        {
            let token = kv.create_revision;
            let other = site.session.beside(client);
            let work = async {
                let (resource, value) = (site.key("service-fenced", 0), site.value());
                let fenced = Txn {
                    compare: vec![Compare {
                        key: key.borrow(),
                        end: None,
                        target: Target::Create(token),
                        comparison: Comparison::Equal,
                    }],
                    success: vec![Call::Put(put(&resource, &value))],
                    failure: Vec::new(),
                };
                site.ask(client, &Call::Txn(fenced), report).await?.ok();
                Ok(())
            };
            Client::hold(&other, name.as_bytes(), key.bytes(), token, Box::pin(work)).await?;
        }
        site.ask(client, &Call::Unlock { key: key.borrow() }, report).await?.ok();
        until_deleted(&mut feed, text.as_bytes(), Duration::from_millis(500)).await?.ok();
    }
    site.ask(client, &Call::Revoke { lease }, report).await?.ok();
    feed.close()
}

/// Runs for election, says something as the leader, and resigns; others ask who leads.
pub(super) async fn elect<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let name = site.key("election", 0);
    let Some((lease, _)) = grant(site, client, site.swarm.lease_s.max(5), report).await? else {
        return Ok(());
    };
    let leader = || Call::Leader { name: name.as_str().into() };
    site.ask(client, &leader(), report).await?.ok();
    let call = Call::Campaign { name: name.as_str().into(), lease, value: site.text().into() };
    let limit = site.left(true).max(Duration::from_millis(100));
    if let Ok(Reply::Held { key, created, .. }) = site.ask_within(client, &call, limit, report).await? {
        report.granted += 1;
        let value = site.text();
        site.ask(client, &leader(), report).await?.ok();
        let call = Call::Proclaim { key: key.borrow(), created, value: value.into() };
        site.ask(client, &call, report).await?.ok();
        site.ask(client, &leader(), report).await?.ok();
        site.ask(client, &Call::Resign { key: key.borrow(), created }, report).await?.ok();
    }
    let range =
        Range { key: format!("{name}/").into(), end: Some(format!("{name}0").into()), ..Range::default() };
    site.ask(client, &Call::Range(range), report).await?.ok();
    site.ask(client, &Call::Revoke { lease }, report).await?.ok();
    Ok(())
}
