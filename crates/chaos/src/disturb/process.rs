//! Faults on members' processes: kill, stop, pause, throttle. What shows them is the state of the process itself.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cluster::member::MemberError;
use cluster::{Member, State};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::{Effect, Ground, Held, Trouble};
use crate::fault::Fault;

/// etcd hands over leadership and closes its files in well under a second; who takes longer is killed.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);
/// A stopped process stands still as soon as it leaves the kernel.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);
/// A store under load answers all the time; one that does not is killed all the same.
const REPLY_WITHIN: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(2);

/// A throttle at work.
#[derive(Debug)]
pub(super) struct Throttle {
    task: JoinHandle<()>,
    cycles: Arc<AtomicU64>,
}

/// Ends members, all at the same time: at once, or politely.
pub(super) async fn end(ground: &Ground, fault: &Fault, grace: Option<Duration>) -> Result<Effect, Trouble> {
    running(ground, fault)?;
    gone(ground, fault, grace).await
}

/// Ends members as one of them answers a client, or when none does for a while.
pub(super) async fn kill_at_reply(ground: &Ground, fault: &Fault) -> Result<Effect, Trouble> {
    running(ground, fault)?;
    let links = ground.links.as_ref();
    let links = links.ok_or_else(|| Trouble::NotApplied("no proxies are on the links".to_owned()))?;
    let (cluster, names) = (ground.cluster()?.clone(), fault.members.clone());
    let strike = move || {
        for member in names.iter().filter_map(|name| cluster.member(name)) {
            // Whoever cannot be killed now is killed below, and told of there.
            let _ = member.strike();
        }
    };
    let mut reply = links.at_reply(&fault.members, Box::new(strike));
    let passed = timeout(REPLY_WITHIN, reply.passed()).await.is_ok();
    drop(reply);
    let mut effect = gone(ground, fault, None).await?;
    effect.note("an answer passed", passed);
    Ok(effect)
}

/// Ends those that still run, and says how all of them ended.
async fn gone(ground: &Ground, fault: &Fault, grace: Option<Duration>) -> Result<Effect, Trouble> {
    let cluster = ground.cluster()?;
    let mut ending = JoinSet::new();
    for name in fault.members.clone() {
        let cluster = cluster.clone();
        ending.spawn(async move {
            match (cluster.member(&name), grace) {
                (Some(member), None) => member.kill().await,
                (Some(member), Some(grace)) => member.stop(grace).await,
                (None, _) => Ok(()),
            }
        });
    }
    for ended in ending.join_all().await {
        ended?;
    }
    let mut effect = Effect { really_applied: true, ..Effect::default() };
    for member in members(ground, fault)? {
        match member.state() {
            State::Ended { status: Some(status), .. } => effect.note(member.name(), status.to_string()),
            state => {
                effect.really_applied = false;
                effect.note(member.name(), format!("{state:?}"));
            }
        }
    }
    Ok(effect)
}

/// Starts members that were ended by a fault. One that runs again is left alone.
pub(super) fn start(ground: &Ground, fault: &Fault) -> Result<(), Trouble> {
    for member in members(ground, fault)? {
        match member.start() {
            Ok(()) | Err(MemberError::AlreadyRunning { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

pub(super) async fn pause(ground: &Ground, fault: &Fault) -> Result<Effect, Trouble> {
    let mut pids = Vec::new();
    for member in running(ground, fault)? {
        if let State::Running { pid } | State::Paused { pid } = member.state() {
            pids.push((member.name().to_owned(), pid));
        }
        if let Err(error) = member.pause() {
            resume(ground, fault)?;
            return Err(error.into());
        }
    }
    let deadline = Instant::now() + STOPPED_WITHIN;
    while !pids.iter().all(|(_, pid)| stands_still(*pid)) && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    let mut effect =
        Effect { really_applied: pids.iter().all(|(_, pid)| stands_still(*pid)), ..Effect::default() };
    for (name, pid) in pids {
        effect
            .note(&name, format!("pid {pid} {}", if stands_still(pid) { "stands still" } else { "runs on" }));
    }
    Ok(effect)
}

/// Lets members go on. One that has ended meanwhile has nothing to go on with.
pub(super) fn resume(ground: &Ground, fault: &Fault) -> Result<(), Trouble> {
    for member in members(ground, fault)? {
        match member.resume() {
            Ok(()) | Err(MemberError::NotRunning { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

pub(super) fn throttle(
    ground: &Ground,
    fault: &Fault,
    (stopped, running_for): (Duration, Duration),
) -> Result<Effect, Trouble> {
    running(ground, fault)?;
    let (cluster, names) = (ground.cluster()?.clone(), fault.members.clone());
    let cycles = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&cycles);
    let task = tokio::spawn(async move {
        let members: Vec<_> = names.iter().filter_map(|name| cluster.member(name)).collect();
        // It ends with the fault, or with the last member that it could slow down.
        while members.iter().any(|member| member.pause().is_ok()) {
            sleep(stopped).await;
            let resumed = members.iter().filter(|member| member.resume().is_ok()).count();
            counted.fetch_add(u64::try_from(resumed).unwrap_or(0), Ordering::Relaxed);
            sleep(running_for).await;
        }
    });
    Ok(Effect { held: Held::Throttle(Throttle { task, cycles }), ..Effect::default() })
}

pub(super) fn end_throttle(
    ground: &Ground,
    fault: &Fault,
    throttle: &Throttle,
    effect: &mut Effect,
) -> Result<(), Trouble> {
    throttle.task.abort();
    let cycles = throttle.cycles.load(Ordering::Relaxed);
    effect.note("stops", cycles);
    effect.really_applied = cycles > 0;
    resume(ground, fault)
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The fault's members, which all run. One that has ended by itself is for others to look at, as it is.
pub(super) fn running<'a>(ground: &'a Ground, fault: &Fault) -> Result<Vec<&'a Member>, Trouble> {
    let members = members(ground, fault)?;
    match members.iter().find(|member| !matches!(member.state(), State::Running { .. })) {
        None => Ok(members),
        Some(member) => {
            Err(Trouble::NotApplied(format!("{} does not run ({:?})", member.name(), member.state())))
        }
    }
}

fn members<'a>(ground: &'a Ground, fault: &Fault) -> Result<Vec<&'a Member>, Trouble> {
    let cluster = ground.cluster()?;
    let found = |name: &String| {
        cluster.member(name).ok_or_else(|| Trouble::NotApplied(format!("there is no member {name}")))
    };
    fault.members.iter().map(found).collect()
}

/// Whether the process is stopped by a signal, as the kernel says (field 3 of proc_pid_stat(5)).
fn stands_still(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    matches!(state, Some("T" | "t"))
}
