//! The faults of a run: begun when drivers begin, and healed beside the last command.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos::log::Event;
use chaos::{Chaos, Journal, Kind, Plan, PlannedMonkey, Recovery, Settings};

use super::progress::{Display, say};
use super::system::System;
use cluster::Chart;
use tokio::sync::watch;

/// How long members may take to be ready once every fault is healed. Well above an election and a replayed log.
const RECOVER_WITHIN: Duration = Duration::from_secs(60);

/// How long the last commands wait for a member to be down. Some monkey of a profile with such faults acts within it.
const DOWN_WITHIN: Duration = Duration::from_secs(10);

/// Begins to carry out the plan.
pub(super) fn start(
    plan: &Plan,
    system: &System,
    chart: Option<&Chart>,
    journal: &Arc<Journal>,
    run: &str,
    display: &Arc<Mutex<Display>>,
) -> anyhow::Result<Chaos> {
    let display = Arc::clone(display);
    let (cluster, links) = match system {
        System::Started { cluster, links, .. } => (Some(cluster.clone()), Some(links.clone())),
        System::Attached(_) | System::Contained(_) => (None, None),
    };
    let (containers, attached) = match system {
        System::Contained(running) => (Some(running.containers()), running.asked.clone()),
        _ => (None, None),
    };
    let settings = Settings {
        plan: plan.clone(),
        cluster,
        links,
        containers,
        attached,
        admin: system.admin(chart),
        journal: Arc::clone(journal),
        run: run.to_owned(),
        environment: vec![
            // Past every proxy: what a monkey does must not depend on what others do to links.
            system.direct(chart),
            ("ETCD_TRAFFIC_DIR".to_owned(), journal.directory().to_string_lossy().into_owned()),
            ("ETCD_TRAFFIC_RUN".to_owned(), run.to_owned()),
            journal.mark(),
        ],
        observer: Box::new(move |line| {
            let mut display = display.lock().unwrap_or_else(PoisonError::into_inner);
            match &line.event {
                Event::Applied { applied, label, .. } => display.fault_began(applied.id, label),
                Event::Healed { id, .. } => display.fault_ended(*id),
                _ => {}
            }
        }),
    };
    Ok(Chaos::start(settings)?)
}

/// Waits for a member to be down, if the plan has such faults, so that the last commands see it come back.
pub(super) async fn amid(chaos: &Chaos, plan: &Plan, mut interrupted: watch::Receiver<bool>) {
    let takes_down = |monkey: &PlannedMonkey| monkey.kinds.iter().any(Kind::takes_down);
    if !plan.monkeys.iter().any(takes_down) {
        return;
    }
    tokio::select! {
        // That the tool failed is told by those who heal.
        _ = chaos.down() => {}
        () = tokio::time::sleep(DOWN_WITHIN) => {}
        _ = interrupted.wait_for(|yes| *yes) => {}
    }
}

/// Heals everything and waits for the members. That they do not come back is for the record, and no reason to stop.
pub(super) async fn heal(chaos: &Chaos, display: &Mutex<Display>) -> anyhow::Result<()> {
    let Recovery { ready, .. } = chaos.heal_all(RECOVER_WITHIN).await?;
    if let Err(reason) = ready {
        display.lock().unwrap_or_else(PoisonError::into_inner).rest();
        say(&format!("the members did not come back after the faults: {reason}"));
    }
    Ok(())
}
