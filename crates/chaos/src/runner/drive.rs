//! The driver: one loop that begins faults when the plan's clock says so, writes down what their acts tell, and obeys
//! orders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use history::{Nanos, clock};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::act::{self, News};
use super::hours::PlanClock;
use super::{NotRecovered, Observer, Order, Recovery};
use crate::disturb::{Effect, Ground};
use crate::fault::Fault;
use crate::log::{Event, Log};
use crate::plan::{Plan, PlannedFault};
use crate::quiet::{Asked, LOOK_EVERY, Requests};
use crate::shape::majority_untouched;

/// Waiting for nothing.
const FOREVER: Duration = Duration::from_secs(86_400);

/// Everything that a plan's execution knows.
pub(super) struct Driver {
    ground: Arc<Ground>,
    log: Log,
    requests: Requests,
    observer: Observer,
    overlap: usize,
    upcoming: std::iter::Peekable<Box<dyn Iterator<Item = PlannedFault> + Send>>,
    clock: PlanClock,
    acts: JoinSet<()>,
    tell: mpsc::UnboundedSender<News>,
    /// Turns true to heal what is in effect.
    heal: watch::Sender<bool>,
    /// The faults that have begun and not ended.
    active: BTreeMap<u64, PlannedFault>,
    /// Those of them that keep members down.
    down: BTreeSet<u64>,
    /// Who they are on, once that is known.
    resolved: BTreeMap<u64, Fault>,
    /// Faults that the plan waits for the recovery from.
    awaited: usize,
    last_id: u64,
    quiet_until: Option<Nanos>,
    asked: Asked,
    /// Who waits until it is quiet, and until some member is down.
    waiting: Vec<oneshot::Sender<()>>,
    waiting_for_down: Vec<oneshot::Sender<()>>,
    over: bool,
    counted: (u64, u64),
}

impl Driver {
    pub(super) fn new(
        plan: Plan,
        ground: Arc<Ground>,
        log: Log,
        requests: Requests,
        observer: Observer,
    ) -> Self {
        let overlap = usize::try_from(plan.overlap).unwrap_or(usize::MAX);
        let upcoming: Box<dyn Iterator<Item = PlannedFault> + Send> = Box::new(plan.into_faults());
        Self {
            ground,
            log,
            requests,
            observer,
            overlap,
            upcoming: upcoming.peekable(),
            clock: PlanClock::default(),
            acts: JoinSet::new(),
            tell: mpsc::unbounded_channel().0,
            heal: watch::Sender::new(false),
            active: BTreeMap::new(),
            down: BTreeSet::new(),
            resolved: BTreeMap::new(),
            awaited: 0,
            last_id: 0,
            quiet_until: None,
            asked: Asked::default(),
            waiting: Vec::new(),
            waiting_for_down: Vec::new(),
            over: false,
            counted: (0, 0),
        }
    }

    /// Runs until nobody can give orders any more, then heals everything. Says why the tool itself failed.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Result<(), String> {
        // Bounded by the faults that are active, each with a few news.
        let (tell, mut news) = mpsc::unbounded_channel();
        self.tell = tell;
        let ground = Arc::clone(&self.ground);
        let mut proxies = ground.links.as_ref().map(crate::Links::failure);
        let watching = ground.samples.watch(ground.cluster.as_ref(), ground.links.as_ref());
        let mut watching = std::pin::pin!(watching);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_in = self.next_in();
            tokio::select! {
                biased;
                reason = died(&mut proxies) => return Err(reason),
                Some(told) = news.recv() => self.hear(told)?,
                order = orders.recv() => match order {
                    Some(Order::Quiet { lasts, healed }) => {
                        self.waiting.push(healed);
                        self.ask_quiet(lasts)?;
                    }
                    Some(Order::Down { down }) => self.waiting_for_down.push(down),
                    Some(Order::HealAll { within, done }) => {
                        let recovery = self.heal_all(within, &mut news).await?;
                        // Whoever gave the order may have stopped to care.
                        let _ = done.send(recovery);
                    }
                    None => return self.heal_and_drain(&mut news).await,
                },
                _ = look.tick() => self.look_for_requests()?,
                () = sleep(next_in) => self.begin().await?,
                () = &mut watching => {}
                Some(joined) = self.acts.join_next() => joined.map_err(|error| error.to_string())?,
            }
            self.grant_quiet()?;
            self.tell_of_down();
        }
    }

    /// How long until the next fault may begin; decides whether the plan's clock runs.
    fn next_in(&mut self) -> Duration {
        let now = clock::now();
        if self.quiet_until.is_some_and(|until| until <= now) && self.asked.is_empty() {
            self.quiet_until = None;
            self.heal.send_replace(self.over);
        }
        let may = !self.over && self.quiet_until.is_none() && self.awaited == 0 && self.fits();
        self.clock.run(may, now);
        match self.upcoming.peek() {
            Some(next) if may => self.clock.until(Duration::from_millis(next.at_ms), now),
            // Something else will happen first; the look for requests comes soon enough to end a quiet window.
            _ => FOREVER,
        }
    }

    /// Whether the next fault fits beside those that are active: the plan made it so, but they may last longer.
    fn fits(&mut self) -> bool {
        let Some(next) = self.upcoming.peek() else { return true };
        if self.active.is_empty() {
            return true;
        }
        let on_process = next.kind.is_on_process();
        self.active.len() < self.overlap
            && !next.exclusive
            && !self
                .active
                .values()
                .any(|other| other.exclusive || (on_process && other.kind.is_on_process()))
    }

    async fn begin(&mut self) -> Result<(), String> {
        let Some(planned) = self.upcoming.next() else { return Ok(()) };
        self.last_id += 1;
        let leader = match &self.ground.gateway {
            Some(gateway) if planned.on.needs_leader() => gateway.leader().await,
            _ => None,
        };
        let members = planned.on.resolve(&planned.order, leader.as_deref());
        let mut fault = Fault {
            id: self.last_id,
            monkey: planned.monkey.clone(),
            kind: planned.kind.clone(),
            members: members.clone().unwrap_or_default(),
            lasts_ms: planned.lasts_ms,
            seed: planned.seed,
        };
        if members.is_none() {
            return self.hear(News::NotApplied { fault, reason: "nobody leads".to_owned() });
        }
        if matches!(fault.kind, crate::Kind::Links(_)) {
            let others = planned.order.iter().filter(|member| !fault.members.contains(member));
            fault.members = fault.members.iter().chain(others).cloned().collect();
        }
        self.active.insert(fault.id, planned);
        self.resolved.insert(fault.id, fault.clone());
        let (ground, heal, tell) = (Arc::clone(&self.ground), self.heal.subscribe(), self.tell.clone());
        self.acts.spawn(act::fault(ground, fault, heal, tell));
        Ok(())
    }

    /// Writes down what an act tells.
    fn hear(&mut self, news: News) -> Result<(), String> {
        match news {
            News::Failed(reason) => return Err(reason),
            News::Applied { fault, began, healthy_before, details } => {
                let majority_untouched = majority_untouched(&self.ground.members, self.resolved.values());
                let label = fault.kind.label().to_owned();
                let applied = fault.clone();
                let event =
                    Event::Applied { applied, label, began, majority_untouched, healthy_before, details };
                self.write(event, Some(&fault))?;
                self.counted.0 += 1;
                if fault.kind.takes_down() {
                    self.down.insert(fault.id);
                }
            }
            News::NotApplied { fault, reason } => {
                self.end(fault.id);
                let (label, refused) = (fault.kind.label().to_owned(), fault.clone());
                self.write(Event::NotApplied { refused, label, reason }, Some(&fault))?;
            }
            News::Healed { fault, began, effect } => {
                let Effect { really_applied, details, links, .. } = effect;
                self.counted.1 += u64::from(really_applied);
                let event = Event::Healed { id: fault.id, began, really_applied, details, links };
                self.write(event, Some(&fault))?;
                let awaited = self.end(fault.id).is_some_and(|planned| planned.await_recovery);
                self.awaited += usize::from(awaited);
                if !fault.kind.is_instant() {
                    self.acts.spawn(act::settling(
                        Arc::clone(&self.ground),
                        fault,
                        awaited,
                        self.tell.clone(),
                    ));
                } else if awaited {
                    self.awaited -= 1;
                }
            }
            News::NotHealed { fault, reason } => {
                self.end(fault.id);
                self.give_up(format!("{fault} could not be healed: {reason}"))?;
            }
            News::Settled { fault, event, awaited } => {
                self.awaited -= usize::from(awaited);
                let reason = match &event {
                    Event::Settled { recovered_ms: None, reason, .. } if awaited => reason.clone(),
                    _ => None,
                };
                self.write(event, Some(&fault))?;
                if let Some(reason) = reason {
                    self.give_up(format!("after {fault}, the members did not come back: {reason}"))?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, id: u64) -> Option<PlannedFault> {
        self.resolved.remove(&id);
        self.down.remove(&id);
        self.active.remove(&id)
    }

    /// A system that does not come back is a finding. Disturbing it further would only hide it.
    fn give_up(&mut self, reason: String) -> Result<(), String> {
        let first = !self.over;
        self.over = true;
        self.heal.send_replace(true);
        if first { self.write(Event::GaveUp { reason }, None) } else { Ok(()) }
    }

    fn write(&mut self, event: Event, fault: Option<&Fault>) -> Result<(), String> {
        let line = self.log.write(event, fault).map_err(|error| error.to_string())?;
        (self.observer)(&line);
        Ok(())
    }

    fn look_for_requests(&mut self) -> Result<(), String> {
        let asked = self.requests.look().map_err(|error| format!("cannot look for requests: {error}"))?;
        if asked.is_empty() {
            return Ok(());
        }
        let longer = asked.lasts > self.asked.lasts || self.asked.is_empty();
        let lasts = asked.lasts;
        self.asked.merge(asked);
        if longer { self.ask_quiet(lasts) } else { Ok(()) }
    }

    fn ask_quiet(&mut self, lasts: Duration) -> Result<(), String> {
        self.asked.lasts = self.asked.lasts.max(lasts);
        let until = clock::now().plus(lasts);
        self.quiet_until = Some(self.quiet_until.map_or(until, |other| other.max(until)));
        self.heal.send_replace(true);
        self.write(Event::Quiet { lasts_ms: u64::try_from(lasts.as_millis()).ok() }, None)
    }

    /// Lets those go on that wait for a member to be down, as soon as one is.
    fn tell_of_down(&mut self) {
        if self.down.is_empty() {
            return;
        }
        for waiting in self.waiting_for_down.drain(..) {
            // Whoever waited may have stopped to care.
            let _ = waiting.send(());
        }
    }

    /// Lets those go on that asked for quiet, as soon as it is.
    fn grant_quiet(&mut self) -> Result<(), String> {
        if !self.active.is_empty() || (self.asked.is_empty() && self.waiting.is_empty()) {
            return Ok(());
        }
        for healed in self.waiting.drain(..) {
            // Whoever asked may have stopped to care.
            let _ = healed.send(());
        }
        let asked = std::mem::take(&mut self.asked);
        // The time begins when it is quiet, not when it was asked for.
        let until = clock::now().plus(asked.lasts);
        self.quiet_until = self.quiet_until.map(|other| other.max(until));
        asked.take().map_err(|error| format!("cannot take requests for quiet: {error}"))
    }

    async fn heal_all(
        &mut self,
        within: Duration,
        news: &mut mpsc::UnboundedReceiver<News>,
    ) -> Result<Recovery, String> {
        self.write(Event::Quiet { lasts_ms: None }, None)?;
        self.heal_and_drain(news).await?;
        self.grant_quiet()?;
        let begin = Instant::now();
        let ready = act::recovered(&self.ground, within).await;
        let took = begin.elapsed();
        let (took_ms, reason) = match &ready {
            Ok(()) => (u64::try_from(took.as_millis()).ok(), None),
            Err(reason) => (None, Some(reason.clone())),
        };
        self.write(Event::Recovered { took_ms, reason }, None)?;
        let (applied, really_applied) = self.counted;
        Ok(Recovery { ready: ready.map(|()| took).map_err(NotRecovered), applied, really_applied })
    }

    /// Ends every fault; each has a bound of its own for that.
    async fn heal_and_drain(&mut self, news: &mut mpsc::UnboundedReceiver<News>) -> Result<(), String> {
        self.over = true;
        self.heal.send_replace(true);
        while !self.active.is_empty() {
            tokio::select! {
                biased;
                Some(told) = news.recv() => self.hear(told)?,
                Some(joined) = self.acts.join_next() => joined.map_err(|error| error.to_string())?,
            }
        }
        // What is still looked at is only how long members take.
        self.acts.shutdown().await;
        self.awaited = 0;
        self.ground.record.close().map_err(|error| error.to_string())
    }
}

/// Returns why, when a proxy has died.
async fn died(proxies: &mut Option<watch::Receiver<Option<String>>>) -> String {
    let Some(failure) = proxies else { return std::future::pending().await };
    match failure.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
        Ok(Some(reason)) => reason,
        _ => std::future::pending().await,
    }
}
