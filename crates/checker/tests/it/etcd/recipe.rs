//! The store's own locks and elections, one request after the other, and clients that use them: a simulation from a seed.
//!
//! A wait that is over in vain deletes its key, long after its client has gone away sometimes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use history::{
    Blob, Call, Compare, Comparison, Delete, Failure, Nanos, Operation, Outcome, Put, Range, Reply, Target,
    Txn,
};

use super::generate::Random;
use super::model::Etcd;

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Start,
    /// In line, by a key of this creation; `behind` a value that has yet to be proclaimed.
    Waits {
        created: i64,
        revision: i64,
        behind: bool,
    },
    /// It is over, and this would be answered.
    Over(Option<Reply<'static>>),
}

pub(crate) fn key_of(name: &Blob<'_>, lease: i64) -> Blob<'static> {
    Blob::from(format!("{name}/{lease:x}"))
}

fn guarded(key: &Blob<'_>, created: i64, call: Call<'static>) -> Call<'static> {
    let key = key.clone().into_owned();
    let get = Range { key: key.clone(), ..Range::default() };
    let target = Target::Create(created);
    Call::Txn(Txn {
        compare: vec![Compare { key, end: None, target, comparison: Comparison::Equal }],
        success: vec![call],
        failure: vec![Call::Range(get)],
    })
}

fn put(key: &Blob<'_>, value: &Blob<'_>, lease: i64) -> Call<'static> {
    let (key, value) = (key.clone().into_owned(), value.clone().into_owned());
    Call::Put(Put { key, value, lease, ..Put::default() })
}

fn delete(key: &Blob<'_>) -> Call<'static> {
    Call::Delete(Delete { key: key.clone().into_owned(), ..Delete::default() })
}

/// Whose a call of locks and elections is: its key, lease and value.
fn waiter<'c>(call: &'c Call<'static>) -> Option<(Blob<'static>, i64, Blob<'c>)> {
    match call {
        Call::Lock { name, lease } => Some((key_of(name, *lease), *lease, Blob::default())),
        Call::Campaign { name, lease, value } => Some((key_of(name, *lease), *lease, value.borrow())),
        _ => None,
    }
}

/// The lease of a call that puts its key with one.
pub(crate) fn lease(call: &Call<'_>) -> Option<i64> {
    match call {
        Call::Lock { lease, .. } | Call::Campaign { lease, .. } => Some(*lease),
        Call::Proclaim { key, .. } => {
            i64::from_str_radix(key.to_string().rsplit('/').next().unwrap(), 16).ok()
        }
        _ => None,
    }
}

/// The next request of a call; `None` if the store refuses it.
pub(crate) fn advance(etcd: &mut Etcd, call: &Call<'static>, stage: &Stage) -> Option<Stage> {
    if let Some((key, lease, value)) = waiter(call) {
        return match stage {
            Stage::Start => {
                let reply = etcd.apply(&guarded(&key, 0, put(&key, &value, lease)))?;
                let Reply::Txn { revision, succeeded, replies } = reply else { return None };
                let found = match &replies[0] {
                    Reply::Range { kvs, .. } if !succeeded => kvs.first(),
                    _ => None,
                };
                let created = found.map_or(revision, |kv| kv.create_revision);
                let behind =
                    matches!(call, Call::Campaign { .. }) && found.is_some_and(|kv| kv.value != value);
                Some(Stage::Waits { created, revision, behind })
            }
            Stage::Waits { created, revision, behind: true } => {
                let reply = etcd.apply(&guarded(&key, *created, put(&key, &value, lease)))?;
                let held = matches!(reply, Reply::Txn { succeeded: true, .. });
                held.then_some(Stage::Waits { created: *created, revision: *revision, behind: false })
            }
            Stage::Waits { created, revision, behind: false } => Some(Stage::Over(Some(match call {
                Call::Lock { .. } => Reply::Held { revision: etcd.revision, key, created: 0 },
                _ => Reply::Held { revision: *revision, key, created: *created },
            }))),
            Stage::Over(_) => None,
        };
    }
    let done = |reply: &Reply<'_>| Reply::Done { revision: reply.revision() };
    let reply = match call {
        Call::Unlock { key } => done(&etcd.apply(&delete(key))?),
        Call::Resign { key, created } => done(&etcd.apply(&guarded(key, *created, delete(key)))?),
        Call::Proclaim { key, created, value } => {
            let put = put(key, value, lease(call)?);
            match etcd.apply(&guarded(key, *created, put))? {
                reply @ Reply::Txn { succeeded: true, .. } => done(&reply),
                // It does not lead, which its client is told in words that leave everything open.
                _ => return Some(Stage::Over(None)),
            }
        }
        call => etcd.apply(call)?,
    };
    Some(Stage::Over(Some(reply)))
}

/// What a wait does where it is given up.
pub(crate) fn give_up(etcd: &mut Etcd, call: &Call<'static>, stage: &Stage) {
    let (Some((key, ..)), Stage::Waits { created, .. }) = (waiter(call), stage) else { return };
    match call {
        Call::Lock { .. } => etcd.apply(&delete(&key)),
        _ => etcd.apply(&guarded(&key, *created, delete(&key))),
    };
}

/// Whether a wait is over: nobody in line came earlier.
fn is_first(etcd: &Etcd, call: &Call<'static>, created: i64) -> bool {
    let (Call::Lock { name, .. } | Call::Campaign { name, .. }) = call else { return true };
    let line = format!("{name}/");
    etcd.kvs.values().all(|kv| !kv.key.to_string().starts_with(&line) || kv.create_revision >= created)
}

/// What the clients do.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) seed: u64,
    pub(crate) operations: usize,
    pub(crate) clients: u32,
    /// Share of operations whose outcome nobody learns.
    pub(crate) unknown: f64,
    /// The longest time from one request to the next.
    pub(crate) latency: u64,
    /// So many of the latest leases are used.
    pub(crate) leases: u64,
    /// Share of waits with a lease that no other had; of what is let go that is there.
    pub(crate) orderly: f64,
    /// The longest wait, in latencies.
    pub(crate) patience: u64,
    /// A lock is granted although its key has gone, as by etcd before 3.5.
    pub(crate) careless: bool,
}

struct Pending {
    at: usize,
    stage: Stage,
    lost: bool,
    /// Gives up waiting then.
    until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Invoke(u32),
    Act(usize),
    Return(usize),
    Expire(i64),
}

struct World<'s> {
    clients: &'s Clients,
    random: Random,
    etcd: Etcd,
    agenda: BinaryHeap<Reverse<(u64, u64, Moment)>>,
    tie: u64,
    pending: Vec<Pending>,
    outcomes: BTreeMap<usize, Outcome<'static>>,
    operations: Vec<Operation<'static>>,
    ends: BTreeMap<i64, u64>,
    lease: i64,
    unused: Vec<i64>,
    value: u64,
}

/// The operations of such clients, in the order of their invocations.
pub(crate) fn run(clients: &Clients) -> Vec<Operation<'static>> {
    let mut world = World {
        clients,
        random: Random::new(clients.seed),
        etcd: Etcd::new(),
        agenda: BinaryHeap::new(),
        tie: 0,
        pending: Vec::new(),
        outcomes: BTreeMap::new(),
        operations: Vec::new(),
        ends: BTreeMap::new(),
        lease: 0,
        unused: Vec::new(),
        value: 0,
    };
    for client in 0..clients.clients {
        let at = 1 + world.random.below(clients.latency);
        world.plan(at, Moment::Invoke(client));
    }
    while let Some(Reverse((t, _, moment))) = world.agenda.pop() {
        match moment {
            Moment::Invoke(_) if world.operations.len() == clients.operations => {}
            Moment::Invoke(client) => world.invoke(t, client),
            Moment::Act(pending) => world.act(t, pending),
            Moment::Return(at) => world.finish(t, at),
            Moment::Expire(lease) => world.expire(t, lease),
        }
    }
    world.operations
}

impl World<'_> {
    fn plan(&mut self, at: u64, moment: Moment) {
        self.tie += 1;
        self.agenda.push(Reverse((at, self.tie, moment)));
    }

    fn soon(&mut self, t: u64, moment: Moment) {
        let at = t + self.random.below(self.clients.latency);
        self.plan(at, moment);
    }

    fn invoke(&mut self, t: u64, client: u32) {
        let (at, call) = (self.operations.len(), self.call());
        self.operations.push(Operation {
            file: 0,
            number: at as u64,
            client,
            member: "".into(),
            call,
            invoked: Nanos(t),
            returned: None,
            outcome: Outcome::Unknown(None),
        });
        let lost = self.random.chance(self.clients.unknown);
        let until = t + self.clients.latency * (2 + self.random.below(self.clients.patience));
        self.pending.push(Pending { at, stage: Stage::Start, lost, until });
        if lost {
            self.plan(until, Moment::Return(at));
        }
        if !lost || self.random.chance(0.7) {
            self.soon(t, Moment::Act(self.pending.len() - 1));
        }
    }

    fn act(&mut self, t: u64, index: usize) {
        let Pending { at, ref stage, lost, until } = self.pending[index];
        let call = self.operations[at].call.clone();
        if let Stage::Waits { created, .. } = *stage {
            let gone = !self.etcd.kvs.values().any(|kv| kv.create_revision == created);
            let first = is_first(&self.etcd, &call, created);
            let expired = first && gone && matches!(call, Call::Lock { .. }) && !self.clients.careless;
            if t > until || expired {
                if !expired {
                    give_up(&mut self.etcd, &call, stage);
                }
                if !lost {
                    self.soon(t, Moment::Return(at));
                }
                return;
            }
            if !first {
                return self.soon(t, Moment::Act(index));
            }
        }
        let next = advance(&mut self.etcd, &call, stage);
        let outcome = match &next {
            None => Outcome::Failed(Failure { class: self.etcd.refusal.into(), message: "".into() }),
            Some(Stage::Over(Some(reply))) => Outcome::Ok(reply.clone()),
            Some(Stage::Start | Stage::Over(None)) => Outcome::Unknown(None),
            Some(waits @ Stage::Waits { created, behind, .. }) => {
                self.pending[index].stage = waits.clone();
                // Who finds nobody before is answered at once.
                return match !behind && is_first(&self.etcd, &call, *created) {
                    true => self.act(t, index),
                    false => self.soon(t, Moment::Act(index)),
                };
            }
        };
        if let Some(Stage::Over(Some(Reply::Grant { lease, ttl, .. }))) = next {
            let end = t + ttl as u64 * 1_000_000_000;
            self.ends.insert(lease, end);
            self.soon(end + 1, Moment::Expire(lease));
        }
        if !lost {
            self.outcomes.insert(at, outcome);
            self.soon(t, Moment::Return(at));
        }
    }

    fn finish(&mut self, t: u64, at: usize) {
        let operation = &mut self.operations[at];
        operation.returned = Some(Nanos(t));
        operation.outcome = self.outcomes.remove(&at).unwrap_or(Outcome::Unknown(None));
        let client = operation.client;
        self.soon(t + 1, Moment::Invoke(client));
    }

    fn expire(&mut self, t: u64, lease: i64) {
        if self.ends.get(&lease).is_some_and(|end| *end < t) && self.etcd.leases.contains_key(&lease) {
            self.etcd.expire(lease);
        }
    }

    fn some_lease(&mut self) -> i64 {
        (self.lease - self.random.below(self.clients.leases) as i64).max(1)
    }

    fn value(&mut self) -> Blob<'static> {
        self.value += 1;
        Blob::from(format!("v{}", self.value))
    }

    fn new_lease(&mut self) -> i64 {
        let unused = if self.random.chance(self.clients.orderly) { self.unused.pop() } else { None };
        unused.unwrap_or_else(|| self.some_lease())
    }

    /// A key that may be there, and its creation or another one.
    fn key(&mut self, name: &'static str) -> (Blob<'static>, i64) {
        let line = format!("{name}/");
        let there = self.etcd.kvs.values().filter(|kv| kv.key.to_string().starts_with(&line));
        let first = there.min_by_key(|kv| kv.create_revision).map(|kv| kv.key.clone());
        let lease = self.some_lease();
        let first = first.filter(|_| self.random.chance(self.clients.orderly));
        let key = first.unwrap_or_else(|| key_of(&name.into(), lease));
        let created = self.etcd.kvs.get(key.bytes()).map_or(0, |kv| kv.create_revision);
        let off = if self.random.chance(0.9) { 0 } else { self.random.below(3) as i64 - 1 };
        (key, (created + off).max(1))
    }

    fn call(&mut self) -> Call<'static> {
        let lock = ["l", "m"][self.random.below(2) as usize];
        match self.random.below(34) {
            0..=6 => {
                self.lease += 1;
                self.unused.push(self.lease);
                Call::Grant { ttl: 1 + self.random.below(2) as i64, lease: self.lease }
            }
            7..=11 => Call::Lock { name: lock.into(), lease: self.new_lease() },
            12..=15 => Call::Unlock { key: self.key(lock).0 },
            16..=18 => Call::Campaign { name: "e".into(), lease: self.new_lease(), value: self.value() },
            19 => {
                let (key, created) = self.key("e");
                Call::Proclaim { key, created, value: self.value() }
            }
            20..=22 => {
                let (key, created) = self.key("e");
                Call::Resign { key, created }
            }
            23..=26 => {
                let name = [lock, "e"][self.random.below(2) as usize];
                let key = self.key(name).0;
                Call::Range(Range { key, ..Range::default() })
            }
            27..=28 => {
                let (key, end) = [("l/", "l0"), ("m/", "m0"), ("e/", "e0")][self.random.below(3) as usize];
                Call::Range(Range { key: key.into(), end: Some(end.into()), ..Range::default() })
            }
            29 => Call::Revoke { lease: self.some_lease() },
            30 => Call::Put(Put { key: "plain".into(), value: self.value(), ..Put::default() }),
            31 => {
                let put = Put { key: self.key(lock).0, value: self.value(), ..Put::default() };
                if self.random.chance(0.1) {
                    Call::Put(put)
                } else {
                    Call::Delete(Delete { key: put.key, ..Delete::default() })
                }
            }
            _ => Call::Range(Range { key: "plain".into(), ..Range::default() }),
        }
    }
}
