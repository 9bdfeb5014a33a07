//! Histories as an etcd and its clients would make them: a simulation on a clock of its own, from a seed.
//!
//! Each operation takes effect at one instant between its invocation and its return; one with an unknown outcome at
//! some instant after its invocation, long after sometimes, or never.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use history::{
    Blob, Call, Compare, Comparison, Delete, Failure, Nanos, Outcome, Put, Range, Reply, Sort, SortBy,
    Target, Txn,
};

use super::model::Etcd;

/// A small generator of random numbers, the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(crate) fn chance(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) < p * (1_u64 << 53) as f64
    }
}

/// What the clients do.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) operations: u64,
    pub(crate) clients: u32,
    pub(crate) keys: u64,
    /// Share of operations whose outcome nobody learns.
    pub(crate) unknown: f64,
    /// Share of these that take effect.
    pub(crate) applied: f64,
    /// Leases, their ends, revokes.
    pub(crate) leases: bool,
    /// Reads of the past, serializable ones, limits, counts, previous values, odd comparisons, several keys.
    pub(crate) odd: bool,
    /// The longest time an operation waits before it takes effect, and before it returns; small ones make ties.
    pub(crate) latency: u64,
    /// Values are drawn from so many; 0 for unique ones.
    pub(crate) values: u64,
    /// Gets among 65 gets and puts: with few of them, much is overwritten before anybody looks.
    pub(crate) gets: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            seed: 1,
            operations: 1_000,
            clients: 10,
            keys: 10,
            unknown: 0.05,
            applied: 0.5,
            leases: true,
            odd: true,
            latency: 20_000_000,
            values: 0,
            gets: 35,
        }
    }
}

/// Takes what happens, in the order in which it happens.
pub(crate) trait Sink {
    fn invoked(&mut self, number: u64, t: Nanos, client: u32, call: &Call<'static>);
    fn returned(&mut self, number: u64, t: Nanos, outcome: &Outcome<'static>);
}

struct Pending {
    number: u64,
    client: u32,
    call: Call<'static>,
    outcome: Outcome<'static>,
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Invoke(u32),
    Effect(usize),
    Return(usize),
    Expire(i64),
}

struct World<'s> {
    shape: &'s Shape,
    random: Random,
    etcd: Etcd,
    agenda: BinaryHeap<Reverse<(u64, u64, Moment)>>,
    tie: u64,
    pending: Vec<Option<Pending>>,
    free: Vec<usize>,
    /// When each lease ends, if nobody refreshes it.
    ends: BTreeMap<i64, u64>,
    value: u64,
    lease: i64,
}

/// Runs the clients until all operations are made and returned.
pub(crate) fn run(shape: &Shape, sink: &mut impl Sink) {
    let mut world = World {
        shape,
        random: Random::new(shape.seed),
        etcd: if shape.odd { Etcd::new() } else { Etcd::new().forgetful() },
        agenda: BinaryHeap::new(),
        tie: 0,
        pending: Vec::new(),
        free: Vec::new(),
        ends: BTreeMap::new(),
        value: 0,
        lease: 0,
    };
    for client in 0..shape.clients {
        let at = 1 + world.random.below(shape.latency);
        world.plan(at, Moment::Invoke(client));
    }
    let mut made = 0;
    while let Some(Reverse((t, _, moment))) = world.agenda.pop() {
        match moment {
            Moment::Invoke(_) if made == shape.operations => {}
            Moment::Invoke(client) => {
                world.invoke(made, t, client, sink);
                made += 1;
            }
            Moment::Effect(slot) => world.effect(t, slot),
            Moment::Return(slot) => world.finish(t, slot, sink),
            Moment::Expire(lease) => world.expire(t, lease),
        }
    }
}

fn key(n: u64) -> Blob<'static> {
    Blob::from(format!("k{n:03}"))
}

impl World<'_> {
    fn plan(&mut self, at: u64, moment: Moment) {
        self.tie += 1;
        self.agenda.push(Reverse((at, self.tie, moment)));
    }

    fn invoke(&mut self, number: u64, t: u64, client: u32, sink: &mut impl Sink) {
        let call = self.call();
        sink.invoked(number, Nanos(t), client, &call);
        let lost = self.random.chance(self.shape.unknown);
        let failure = Failure { class: "deadline-exceeded".into(), message: "".into() };
        let outcome = Outcome::Unknown(Some(failure));
        let slot = self.free.pop().unwrap_or_else(|| {
            self.pending.push(None);
            self.pending.len() - 1
        });
        self.pending[slot] = Some(Pending { number, client, call, outcome, lost });
        let latency = self.shape.latency;
        let first = self.random.below(latency);
        if !lost {
            self.plan(t + first, Moment::Effect(slot));
            return;
        }
        // The return that is planned here stays what it is: unknown.
        let gives_up = t + 2 * latency;
        if self.random.chance(self.shape.applied) {
            let late = if self.random.below(10) == 0 { latency * (1 + self.random.below(50)) } else { first };
            self.plan(t + late, Moment::Effect(slot));
        }
        self.plan(gives_up, Moment::Return(slot));
    }

    fn effect(&mut self, t: u64, slot: usize) {
        let Some(pending) = &mut self.pending[slot] else { return };
        let reply = self.etcd.apply(&pending.call);
        let refusal = self.etcd.refusal;
        match (&pending.call, &reply) {
            (Call::Grant { ttl, lease }, Some(_)) => {
                let end = t + *ttl as u64 * 1_000_000_000;
                self.ends.insert(*lease, end);
                let lease = *lease;
                self.plan(end + 1, Moment::Expire(lease));
            }
            (Call::KeepAlive { lease }, Some(Reply::KeepAlive { ttl, .. })) if *ttl > 0 => {
                self.ends.insert(*lease, t + *ttl as u64 * 1_000_000_000);
            }
            _ => {}
        }
        let Some(pending) = &mut self.pending[slot] else { return };
        if pending.lost {
            return;
        }
        pending.outcome = match reply {
            Some(reply) => Outcome::Ok(reply),
            None => Outcome::Failed(Failure { class: refusal.into(), message: "".into() }),
        };
        let back = t + self.random.below(self.shape.latency);
        self.plan(back, Moment::Return(slot));
    }

    /// A lease that was refreshed in time lives on; one that was not ends now or a little later.
    fn expire(&mut self, t: u64, lease: i64) {
        let Some(&end) = self.ends.get(&lease) else { return };
        if t <= end {
            let late = self.random.below(self.shape.latency);
            self.plan(end + 1 + late, Moment::Expire(lease));
        } else if self.etcd.leases.contains_key(&lease) {
            self.etcd.expire(lease);
        }
    }

    fn finish(&mut self, t: u64, slot: usize, sink: &mut impl Sink) {
        let Some(pending) = &self.pending[slot] else { return };
        sink.returned(pending.number, Nanos(t), &pending.outcome);
        let client = pending.client;
        if !pending.lost {
            self.pending[slot] = None;
            self.free.push(slot);
        }
        let think = 1 + self.random.below(1 + self.shape.latency / 4);
        self.plan(t + think, Moment::Invoke(client));
    }

    fn key(&mut self) -> u64 {
        self.random.below(self.shape.keys)
    }

    fn value(&mut self) -> Blob<'static> {
        self.value += 1;
        match self.shape.values {
            0 => Blob::from(format!("v{}", self.value)),
            n => Blob::from(format!("v{}", self.random.below(n))),
        }
    }

    fn odd(&mut self, p: f64) -> bool {
        self.shape.odd && self.random.chance(p)
    }

    fn some_lease(&mut self) -> i64 {
        let back = self.random.below(4) as i64;
        (self.lease - back).max(1)
    }

    fn call(&mut self) -> Call<'static> {
        let leases = u64::from(self.shape.leases);
        match self.random.below(100 + 8 * leases + 2 * u64::from(self.shape.odd)) {
            n if n < self.shape.gets => Call::Range(self.get()),
            0..=64 => Call::Put(self.put()),
            65..=74 => Call::Delete(self.delete()),
            75..=79 => Call::Range(self.range()),
            80..=99 => Call::Txn(self.txn(true)),
            n if leases == 1 && n < 103 => {
                self.lease += 1;
                Call::Grant { ttl: 1 + self.random.below(2) as i64, lease: self.lease }
            }
            n if leases == 1 && n < 106 => Call::KeepAlive { lease: self.some_lease() },
            n if leases == 1 && n < 108 => Call::Revoke { lease: self.some_lease() },
            _ => {
                let back = self.random.below(50) as i64;
                Call::Compact { revision: (self.etcd.revision - back).max(1), physical: false }
            }
        }
    }

    fn get(&mut self) -> Range<'static> {
        let range = Range { key: key(self.key()), ..Range::default() };
        self.oddly(range)
    }

    fn oddly(&mut self, mut range: Range<'static>) -> Range<'static> {
        if self.odd(0.08) {
            range.serializable = true;
        }
        match self.random.below(20) {
            _ if !self.shape.odd => {}
            0 => range.keys_only = true,
            1 => range.count_only = true,
            2 => {
                let back = self.random.below(30) as i64;
                range.revision = (self.etcd.revision - back).max(1);
            }
            3 => range.limit = 1 + self.random.below(3) as i64,
            4 | 5 => {
                range.limit = self.random.below(4) as i64;
                let by = [SortBy::Key, SortBy::Value, SortBy::Version, SortBy::Create, SortBy::Mod];
                let by = by[self.random.below(5) as usize];
                range.sort = Some(Sort { by, descending: self.random.chance(0.5) });
                // An order by values that are not shown is not looked at.
                range.keys_only = by != SortBy::Value && self.random.chance(0.3);
            }
            _ => {}
        }
        range
    }

    fn range(&mut self) -> Range<'static> {
        let first = self.key();
        let end = match self.random.below(8) {
            0 => Blob::from("\0"),
            _ => key(first + 1 + self.random.below(9)),
        };
        self.oddly(Range { key: key(first), end: Some(end), ..Range::default() })
    }

    fn put(&mut self) -> Put<'static> {
        let mut put = Put { key: key(self.key()), value: self.value(), ..Put::default() };
        if self.shape.leases && self.lease > 0 && self.random.chance(0.1) {
            put.lease = self.some_lease();
        }
        put.prev_kv = self.odd(0.1);
        if self.odd(0.03) {
            put.ignore_value = true;
            put.value = Blob::default();
        } else if self.odd(0.03) && put.lease == 0 {
            put.ignore_lease = true;
        }
        put
    }

    fn delete(&mut self) -> Delete<'static> {
        let first = self.key();
        let end = self.odd(0.1).then(|| key(first + 1 + self.random.below(3)));
        Delete { key: key(first), end, prev_kv: self.odd(0.2) }
    }

    fn compare(&mut self, n: u64) -> Compare<'static> {
        let kv = self.etcd.kvs.get(key(n).bytes()).cloned().unwrap_or_default();
        let off = if self.random.chance(0.7) { 0 } else { self.random.below(4) as i64 - 2 };
        let mut target = Target::Mod((kv.mod_revision + off).max(0));
        let mut comparison = Comparison::Equal;
        if self.odd(0.5) {
            target = match self.random.below(4) {
                0 => Target::Value(if off == 0 { kv.value.clone() } else { Blob::from("v1") }),
                1 => Target::Version((kv.version + off).max(0)),
                2 => Target::Create((kv.create_revision + off).max(0)),
                _ => Target::Lease(kv.lease),
            };
            comparison = match self.random.below(6) {
                0 => Comparison::NotEqual,
                1 => Comparison::Greater,
                2 => Comparison::Less,
                _ => Comparison::Equal,
            };
        }
        let end = self.odd(0.05).then(|| key(n + 2));
        Compare { key: key(n), end, target, comparison }
    }

    fn txn(&mut self, outer: bool) -> Txn<'static> {
        let n = self.key();
        let mut txn = Txn { compare: vec![self.compare(n)], ..Txn::default() };
        let mut put = Put { key: key(n), ..self.put() };
        put.ignore_value &= self.shape.odd;
        txn.success.push(Call::Put(put));
        txn.failure.push(Call::Range(Range { key: key(n), ..Range::default() }));
        if self.odd(0.2) {
            let m = self.key();
            if self.odd(0.5) {
                txn.compare.push(self.compare(m));
            }
            if m != n {
                let second = match self.random.below(4) {
                    0 => Call::Delete(Delete { key: key(m), ..Delete::default() }),
                    1 => Call::Range(Range { key: key(m), ..Range::default() }),
                    2 if outer => Call::Txn(Txn { ..self.inner(m) }),
                    _ => Call::Put(Put { key: key(m), ..self.put() }),
                };
                let first = self.odd(0.3);
                let branch = if self.odd(0.8) { &mut txn.success } else { &mut txn.failure };
                if first { branch.insert(0, second) } else { branch.push(second) }
            }
        }
        txn
    }

    /// A transaction on one key only: etcd refuses to write a key twice in one.
    fn inner(&mut self, m: u64) -> Txn<'static> {
        let compare = vec![self.compare(m)];
        let put = Put { key: key(m), ..self.put() };
        let get = Range { key: key(m), ..Range::default() };
        Txn { compare, success: vec![Call::Put(put)], failure: vec![Call::Range(get)] }
    }
}
