//! One fault from its journal entry to its end, and what comes after it. Each is a future that its driver lets run beside
//! others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::State;
use history::{Nanos, clock};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::disturb::{Effect, Ground, Trouble, difference};
use crate::fault::{Fault, Kind};
use crate::links::LinkRow;
use crate::log::Event;

/// After a fault that the plan waits for, the members have so long to come back. A start with much to replay takes
/// seconds on a busy machine; whoever needs longer is not coming.
const RECOVERY_WITHIN: Duration = Duration::from_secs(60);
/// After any other fault, so long is looked whether they do; other faults may keep them from it.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// What an act tells its driver. The driver writes it down.
#[derive(Debug)]
pub(super) enum News {
    Applied {
        fault: Fault,
        began: Nanos,
        healthy_before: BTreeMap<String, bool>,
        details: Map<String, Value>,
    },
    Healed {
        fault: Fault,
        began: Nanos,
        effect: Effect,
    },
    NotApplied {
        fault: Fault,
        reason: String,
    },
    /// The system under test did not take something back; nothing more should be done to it.
    NotHealed {
        fault: Fault,
        reason: String,
    },
    Settled {
        fault: Fault,
        event: Event,
        awaited: bool,
    },
    /// The tool itself failed.
    Failed(String),
}

/// Applies a fault, lets it last, and heals it.
pub(super) async fn fault(
    ground: Arc<Ground>,
    fault: Fault,
    mut heal: watch::Receiver<bool>,
    tell: mpsc::UnboundedSender<News>,
) {
    let healthy_before = ground.samples.healthy();
    if let Err(error) = ground.journal.begins(&fault, ground.undo(&fault)) {
        // A driver that is gone needs no news, here and below.
        let _ = tell.send(News::Failed(error.to_string()));
        return;
    }
    let began = clock::now();
    let applied = ground.apply(&fault).await;
    let mut effect = match applied {
        Ok(effect) => effect,
        Err(trouble) => {
            let _ = tell.send(trouble_of(&ground, fault, trouble));
            return;
        }
    };
    let details = effect.details.clone();
    let _ = tell.send(News::Applied { fault: fault.clone(), began, healthy_before, details });
    ground.last(&fault, &mut effect, &mut heal).await;
    let began = clock::now();
    let healed = ground.heal(&fault, &mut effect).await;
    let news = match healed.and_then(|()| Ok(ground.journal.undone(fault.id)?)) {
        Ok(()) => News::Healed { fault, began, effect },
        Err(Trouble::NotApplied(reason)) => News::NotHealed { fault, reason },
        Err(trouble) => trouble_of(&ground, fault, trouble),
    };
    let _ = tell.send(news);
}

fn trouble_of(ground: &Ground, fault: Fault, trouble: Trouble) -> News {
    match trouble {
        Trouble::NotApplied(reason) => match ground.journal.undone(fault.id) {
            Ok(()) => News::NotApplied { fault, reason },
            Err(error) => News::Failed(error.to_string()),
        },
        Trouble::NotHealed(reason) => News::NotHealed { fault, reason },
        Trouble::Member(_) | Trouble::Journal(_) | Trouble::Record(_) | Trouble::Broken(_) => {
            News::Failed(format!("{fault}: {trouble}"))
        }
    }
}

/// Looks how long it takes until all members answer again.
pub(super) async fn settling(
    ground: Arc<Ground>,
    fault: Fault,
    awaited: bool,
    tell: mpsc::UnboundedSender<News>,
) {
    let begin = Instant::now();
    let counted: Vec<LinkRow> = match (&fault.kind, &ground.links) {
        (Kind::Links(_), Some(links)) => links.matrix(),
        _ => Vec::new(),
    };
    let result = match &ground.cluster {
        Some(_) if !awaited => settled(&ground).await,
        _ => recovered(&ground, if awaited { RECOVERY_WITHIN } else { SETTLED_WITHIN }).await,
    };
    let (recovered_ms, reason) = match result {
        Ok(()) => (u64::try_from(begin.elapsed().as_millis()).ok(), None),
        Err(reason) => (None, Some(reason)),
    };
    let links_after = match &ground.links {
        Some(links) if !counted.is_empty() => difference(&links.matrix(), &counted),
        _ => Vec::new(),
    };
    let event = Event::Settled { id: fault.id, recovered_ms, reason, links_after };
    let _ = tell.send(News::Settled { fault, event, awaited });
}

async fn settled(ground: &Ground) -> Result<(), String> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        // What was known before the healing says nothing about the time after, so the first look comes late.
        sleep(LOOK).await;
        let silent: Vec<_> =
            ground.samples.healthy().into_iter().filter(|(_, ready)| !ready).map(|(name, _)| name).collect();
        if silent.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(format!(
                "{} did not answer within {} s",
                silent.join(", "),
                SETTLED_WITHIN.as_secs()
            ));
        }
    }
}

/// Waits until all members are ready, or one has ended by itself, or the time is over; says who was not, with the end of
/// its log where that helps.
pub(super) async fn recovered(ground: &Ground, within: Duration) -> Result<(), String> {
    let Some(cluster) = &ground.cluster else {
        let Some(attached) = &ground.attached else { return Ok(()) };
        return attached.ready(within).await.map_err(|error| error.to_string());
    };
    let error = match cluster.ready(within).await {
        Ok(()) => return Ok(()),
        Err(error) => error.to_string(),
    };
    let running = |member: &&cluster::Member| !matches!(member.state(), State::Ended { .. });
    let logs = cluster.members().iter().filter(running).filter(|member| error.contains(member.name()));
    let logs: Vec<_> = logs
        .map(|member| {
            format!("{}:\n    {}", member.command().log.display(), member.last_log_lines(5).join("\n    "))
        })
        .collect();
    Err(if logs.is_empty() { error } else { format!("{error}\n{}", logs.join("\n")) })
}
