//! Faults on containers. What shows them is what the engine says, and what rules have counted.

use super::network::pairs;
use super::{Effect, Held, Trouble};
use crate::containers::{AppliedRules, ContainerError, Containers};
use crate::fault::{Fault, Kind};

pub(super) async fn apply(containers: &Containers, fault: &Fault) -> Result<Effect, Trouble> {
    let members = &fault.members;
    let mut effect = Effect::default();
    if let Kind::Links(link) = &fault.kind {
        let clients = containers.clients();
        let rules = containers.disturb(fault.id, link, &pairs(clients, fault, link)).await;
        effect.held = Held::Rules(rules.map_err(|error| refused(&error))?);
        return Ok(effect);
    }
    let before = containers.running(members).await.map_err(|error| refused(&error))?;
    if let Some((name, _)) = before.iter().find(|(_, running)| !**running) {
        return Err(Trouble::NotApplied(format!("the container of {name} does not run")));
    }
    let applied = match fault.kind {
        Kind::Kill => containers.kill(members).await,
        Kind::Stop => containers.stop(members).await,
        Kind::Pause => containers.pause(members).await,
        Kind::Throttle { stopped_ms, running_ms } => {
            let permille = running_ms * 1_000 / (stopped_ms + running_ms).max(1);
            effect.note("permille of a processor", permille);
            containers.limit_cpu(members, Some(permille)).await
        }
        _ => return Err(Trouble::NotApplied("nothing in a container can be disturbed so".to_owned())),
    };
    if let Err(error) = applied {
        // Some may be disturbed by now, and nobody else would heal them.
        heal(containers, fault).await?;
        return Err(refused(&error));
    }
    let running = containers.running(members).await.map_err(|error| refused(&error))?;
    effect.really_applied = match fault.kind {
        Kind::Throttle { .. } => containers.limited(members).await.map_err(|error| refused(&error))?,
        _ => running.values().all(|running| !running),
    };
    for (name, running) in running {
        effect.note(&name, if running { "runs" } else { "stands still" });
    }
    Ok(effect)
}

/// Undoes what is not rules.
pub(super) async fn heal(containers: &Containers, fault: &Fault) -> Result<(), Trouble> {
    let healed = match fault.kind {
        Kind::Kill | Kind::Stop => containers.start(&fault.members).await,
        Kind::Pause => containers.resume(&fault.members).await,
        Kind::Throttle { .. } => containers.limit_cpu(&fault.members, None).await,
        _ => Ok(()),
    };
    healed.map_err(|error| Trouble::NotHealed(error.to_string()))
}

/// Takes rules back, once they have told what they caught.
pub(super) async fn lift(mut rules: AppliedRules, effect: &mut Effect) -> Result<(), Trouble> {
    let counted = rules.packets().await;
    rules.lift().await.map_err(|error| Trouble::NotHealed(error.to_string()))?;
    // A container that is gone, or was started anew meanwhile, has taken its counters with it.
    let packets = counted.unwrap_or(0);
    effect.really_applied = packets > 0;
    effect.note("packets caught", packets);
    Ok(())
}

fn refused(error: &ContainerError) -> Trouble {
    Trouble::NotApplied(error.to_string())
}
