//! What an admin may ask of members at any time, and what none of them may lose data over.

use std::time::Duration;

use history::{Call, Cluster};
use tokio::time::{Instant, sleep};

use super::{Effect, Ground, Trouble};
use crate::fault::Fault;
use crate::gateway::{GatewayError, Status};

/// A transfer is done within an election.
const MOVED_WITHIN: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn move_leader(ground: &Ground, fault: &Fault) -> Result<Effect, Trouble> {
    let gateway = ground.gateway()?;
    let statuses = gateway.statuses().await;
    let leads = |status: &&Status| status.id == status.leader;
    let leader = statuses.iter().filter(leads).max_by_key(|status| status.term);
    let before = leader.ok_or(GatewayError::NoLeader)?.name.clone();
    let wanted = fault.members.iter().chain(&ground.members).find(|member| **member != before);
    let wanted = wanted.ok_or_else(|| Trouble::NotApplied("there is nobody else".to_owned()))?;
    let target = statuses.iter().find(|status| status.name == *wanted);
    let target = target.ok_or_else(|| Trouble::NotApplied(format!("{wanted} does not answer")))?;
    let id = target.id.parse().unwrap_or_default();
    let call = Call::Cluster(Cluster::MoveLeader { id });
    ground.record.ask(&before, &call, gateway.move_leader(&before, id)).await??;
    let deadline = Instant::now() + MOVED_WITHIN;
    let mut after = gateway.leader().await;
    while after.as_ref() != Some(wanted) && Instant::now() < deadline {
        sleep(LOOK).await;
        after = gateway.leader().await;
    }
    let mut effect = Effect { really_applied: after.as_ref() != Some(&before), ..Effect::default() };
    effect.note("from", before);
    effect.note("to", after);
    Ok(effect)
}

pub(super) async fn defragment(ground: &Ground, fault: &Fault) -> Result<Effect, Trouble> {
    for member in &fault.members {
        let call = Call::Cluster(Cluster::Defragment);
        ground.record.ask(member, &call, ground.gateway()?.defragment(member)).await??;
    }
    Ok(Effect { really_applied: true, ..Effect::default() })
}

pub(super) async fn compact(ground: &Ground, fault: &Fault, keep: u64) -> Result<Effect, Trouble> {
    let gateway = ground.gateway()?;
    let leader = gateway.leading().await.ok_or(crate::GatewayError::NoLeader)?;
    let revision = leader.revision.saturating_sub(keep);
    if revision == 0 {
        return Err(Trouble::NotApplied(format!("there are not more than {keep} revisions yet")));
    }
    let through = fault.members.first().unwrap_or(&leader.name);
    let call = Call::Compact { revision: i64::try_from(revision).unwrap_or(i64::MAX), physical: true };
    ground.record.ask(through, &call, gateway.compact(through, revision)).await??;
    let mut effect = Effect { really_applied: true, ..Effect::default() };
    effect.note("revision", revision);
    effect.note("through", through.as_str());
    Ok(effect)
}

pub(super) async fn snapshot(ground: &Ground, fault: &Fault) -> Result<Effect, Trouble> {
    let mut bytes = 0;
    for member in &fault.members {
        bytes += ground.gateway()?.snapshot(member).await?;
    }
    let mut effect = Effect { really_applied: bytes > 0, ..Effect::default() };
    effect.note("bytes", bytes);
    Ok(effect)
}
