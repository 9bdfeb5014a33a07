//! A member loses its data: it is killed, taken out of the cluster, and later joins again as a new member in its place.
//! A member that came back without its data under its old name would break promises it had made, and no system allows
//! for that.

use std::time::Duration;

use cluster::State;
use cluster::member::MemberError;
use history::{Call, Cluster};
use tokio::time::{Instant, sleep};

use super::process::{running, start};
use super::{Effect, Ground, Trouble};
use crate::fault::Fault;
use crate::gateway::{Gateway, GatewayError};

/// How long the others may take to agree: etcd refuses to change members until all have been connected for 5 s, and they
/// may have to find a leader first.
const AGREED_WITHIN: Duration = Duration::from_secs(15);
const ASK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn apply(ground: &Ground, fault: &Fault) -> Result<Effect, Trouble> {
    let gateway = ground.gateway()?;
    let member = running(ground, fault)?.into_iter().next();
    let member = member.ok_or_else(|| Trouble::NotApplied("it names no member".to_owned()))?;
    member.kill().await?;
    let deadline = Instant::now() + AGREED_WITHIN;
    let mut maybe = false;
    while let Err(error) = removed(ground, gateway, member.name()).await? {
        // What was not answered may be done later, and then the member must not be there under its old name.
        maybe |= !error.is_refusal();
        let late = Instant::now() >= deadline;
        if late && maybe {
            return Err(Trouble::NotHealed(format!("{} could not be taken out: {error}", member.name())));
        }
        if late {
            start(ground, fault)?;
            return Err(error.into());
        }
        sleep(ASK_EVERY).await;
    }
    let mut effect = Effect { really_applied: true, ..Effect::default() };
    effect.note("taken out", member.name());
    Ok(effect)
}

pub(super) async fn heal(ground: &Ground, fault: &Fault) -> Result<(), Trouble> {
    let (gateway, cluster) = (ground.gateway()?, ground.cluster()?);
    let Some(member) = fault.members.first().and_then(|name| cluster.member(name)) else { return Ok(()) };
    if !matches!(member.state(), State::Ended { .. }) {
        return Ok(());
    }
    let url = cluster.chart().peer_links.as_ref().and_then(|links| {
        let wired = cluster.wiring().members.iter().find(|wired| wired.name == member.name())?;
        Some(wired.ports.get(&links.port)?.url())
    });
    let Some(url) = url else {
        return Err(Trouble::NotHealed("the chart does not say how peers call each other".to_owned()));
    };
    let deadline = Instant::now() + AGREED_WITHIN;
    while let Err(error) = added(ground, gateway, member.name(), &url).await? {
        if Instant::now() >= deadline {
            return Err(Trouble::NotHealed(format!("{} was not let in again: {error}", member.name())));
        }
        sleep(ASK_EVERY).await;
    }
    match member.rejoin() {
        Ok(()) | Err(MemberError::AlreadyRunning { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Asks the others, one after the other, until one has taken it out. One that is out already is no error.
async fn removed(
    ground: &Ground,
    gateway: &Gateway,
    name: &str,
) -> Result<Result<(), GatewayError>, Trouble> {
    let mut last = GatewayError::NoLeader;
    for through in ground.members.iter().filter(|other| *other != name) {
        let members = match gateway.members(through).await {
            Ok(members) => members,
            Err(error) => {
                last = error;
                continue;
            }
        };
        let Some(member) = members.iter().find(|member| member.name.bytes() == name.as_bytes()) else {
            return Ok(Ok(()));
        };
        let call = Call::Cluster(Cluster::Remove { id: member.id });
        match ground.record.ask(through, &call, gateway.remove_member(through, member.id)).await? {
            Ok(_) => return Ok(Ok(())),
            Err(error) => last = error,
        }
    }
    Ok(Err(last))
}

/// Asks the others, one after the other, until one has let it in. One that is let in already is no error.
async fn added(
    ground: &Ground,
    gateway: &Gateway,
    name: &str,
    url: &str,
) -> Result<Result<(), GatewayError>, Trouble> {
    let mut last = GatewayError::NoLeader;
    for through in ground.members.iter().filter(|other| *other != name) {
        let members = match gateway.members(through).await {
            Ok(members) => members,
            Err(error) => {
                last = error;
                continue;
            }
        };
        if members.iter().flat_map(|member| &member.peers).any(|peer| peer.bytes() == url.as_bytes()) {
            return Ok(Ok(()));
        }
        let call = Call::Cluster(Cluster::Add { peers: vec![url.into()], learner: false });
        match ground.record.ask(through, &call, gateway.add_member(through, url)).await? {
            Ok(_) => return Ok(Ok(())),
            Err(error) => last = error,
        }
    }
    Ok(Err(last))
}
