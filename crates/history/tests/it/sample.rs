//! Generated calls with outcomes that fit them.

use std::borrow::Cow;

use history::{
    Alarm, Auth, Blob, Call, Cluster, Compare, Comparison, Delete, Event, Failure, KeyValue, Member, Outcome,
    Put, Range, Reply, Sort, SortBy, Target, Txn, Watch,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn blob() -> impl Strategy<Value = Blob<'static>> {
    prop_oneof![
        "[a-zA-Z0-9]{1,16}".prop_map(Blob::from),
        vec(any::<u8>(), 0..8).prop_map(Blob::from),
        any::<String>().prop_map(Blob::from)
    ]
}

fn key_value() -> impl Strategy<Value = KeyValue<'static>> {
    (blob(), blob(), 0..9_i64, 0..9_i64, 0..3_i64, any::<i64>()).prop_map(
        |(key, value, create_revision, mod_revision, version, lease)| KeyValue {
            key,
            value,
            create_revision,
            mod_revision,
            version,
            lease,
        },
    )
}

fn target() -> impl Strategy<Value = Target<'static>> {
    prop_oneof![
        blob().prop_map(Target::Value),
        any::<i64>().prop_map(Target::Version),
        any::<i64>().prop_map(Target::Create),
        any::<i64>().prop_map(Target::Mod),
        any::<i64>().prop_map(Target::Lease),
    ]
}

fn compare() -> impl Strategy<Value = Compare<'static>> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Greater),
        Just(Comparison::Less)
    ];
    (blob(), option::of(blob()), target(), comparison).prop_map(|(key, end, target, comparison)| Compare {
        key,
        end,
        target,
        comparison,
    })
}

fn sort() -> impl Strategy<Value = Option<Sort>> {
    let by = [SortBy::Key, SortBy::Value, SortBy::Version, SortBy::Create, SortBy::Mod];
    option::weighted(0.2, (prop::sample::select(by.to_vec()), any::<bool>()))
        .prop_map(|sort| sort.map(|(by, descending)| Sort { by, descending }))
}

/// A call of the key-value part, with a reply that fits it; nested transactions down to `depth`.
fn kv_pair(depth: u32) -> BoxedStrategy<(Call<'static>, Reply<'static>)> {
    let put = (blob(), blob(), any::<i64>(), any::<[bool; 3]>(), option::of(key_value())).prop_map(
        |(key, value, lease, [prev_kv, ignore_value, ignore_lease], prev)| {
            let value = if ignore_value { Blob::default() } else { value };
            let put = Put { key, value, lease, prev_kv, ignore_value, ignore_lease };
            (Call::Put(put), Reply::Put { revision: 0, prev })
        },
    );
    let range = (
        (blob(), option::of(blob()), any::<[i64; 2]>(), any::<[bool; 4]>(), sort()),
        (vec(key_value(), 0..3), 0..5_i64),
    )
        .prop_map(|((key, end, [limit, revision], flags, sort), (kvs, count))| {
            let [serializable, keys_only, count_only, more] = flags;
            let range = Range { key, end, limit, revision, serializable, keys_only, count_only, sort };
            (Call::Range(range), Reply::Range { revision: 0, kvs, count, more })
        });
    let delete = (blob(), option::of(blob()), any::<bool>(), any::<i64>(), vec(key_value(), 0..2)).prop_map(
        |(key, end, prev_kv, deleted, prev)| {
            (Call::Delete(Delete { key, end, prev_kv }), Reply::Delete { revision: 0, deleted, prev })
        },
    );
    if depth == 0 {
        return prop_oneof![put, range, delete].boxed();
    }
    let txn =
        (vec(compare(), 0..3), vec(kv_pair(depth - 1), 0..3), vec(kv_pair(depth - 1), 0..3), any::<bool>())
            .prop_map(|(compare, then, or, succeeded)| {
                let (success, then_replies) = then.into_iter().unzip();
                let (failure, or_replies): (_, Vec<_>) = or.into_iter().unzip();
                let replies = if succeeded { then_replies } else { or_replies };
                (Call::Txn(Txn { compare, success, failure }), Reply::Txn { revision: 0, succeeded, replies })
            });
    prop_oneof![2 => put, 2 => range, 1 => delete, 2 => txn].boxed()
}

fn other_pair() -> impl Strategy<Value = (Call<'static>, Reply<'static>)> {
    let n = any::<i64>;
    prop_oneof![
        (n(), n(), n()).prop_map(|(ttl, lease, revision)| {
            (Call::Grant { ttl, lease }, Reply::Grant { revision, lease, ttl })
        }),
        (n(), n()).prop_map(|(lease, revision)| (Call::Revoke { lease }, Reply::Revoke { revision })),
        (n(), n(), n()).prop_map(|(lease, revision, ttl)| (
            Call::KeepAlive { lease },
            Reply::KeepAlive { revision, ttl }
        )),
        (n(), any::<bool>(), n(), vec(blob(), 0..3)).prop_map(|(lease, keys, revision, found)| {
            (
                Call::TimeToLive { lease, keys },
                Reply::TimeToLive { revision, ttl: -1, granted: 5, keys: found },
            )
        }),
        (n(), any::<bool>(), n()).prop_map(|(at, physical, revision)| (
            Call::Compact { revision: at, physical },
            Reply::Compact { revision }
        )),
        (blob(), option::of(blob()), n(), any::<[bool; 4]>(), option::of(any::<String>())).prop_map(
            |(key, end, revision, [prev_kv, no_put, no_delete, progress], cancelled)| {
                let watch = Watch { key, end, revision, prev_kv, no_put, no_delete, progress };
                (
                    Call::Watch(watch),
                    Reply::Watch { revision, cancelled: cancelled.map(Cow::Owned), compacted: 3 },
                )
            }
        ),
        (n(), any::<u32>()).prop_map(|(revision, hash)| (
            Call::Hash { revision },
            Reply::Hash { revision, hash, compacted: 2 }
        )),
        (n(), any::<u64>()).prop_map(|(revision, leader)| (
            Call::Status,
            Reply::Status { revision, id: 3, leader, term: 4, applied: 5 }
        )),
        lock_pair(),
        cluster_pair(),
        auth_pair(),
    ]
}

fn lock_pair() -> impl Strategy<Value = (Call<'static>, Reply<'static>)> {
    (0..9, blob(), blob(), any::<[i64; 2]>(), option::of(key_value())).prop_map(
        |(which, name, key, [lease, revision], kv)| {
            let done = Reply::Done { revision };
            match which {
                0 => (Call::Lock { name, lease }, Reply::Held { revision, key, created: 0 }),
                1 => (Call::Unlock { key }, done),
                2 => (
                    Call::Campaign { name: name.clone(), lease, value: name },
                    Reply::Held { revision, key, created: 7 },
                ),
                3 => (Call::Proclaim { key, created: lease, value: name }, done),
                4 => (Call::Resign { key, created: lease }, done),
                5 => (Call::Leader { name }, Reply::Leader { revision, kv }),
                6 => (Call::Hold { name, key, token: lease }, done),
                _ => (Call::Leases, Reply::Leases { revision, leases: vec![lease, -1] }),
            }
        },
    )
}

fn cluster_pair() -> impl Strategy<Value = (Call<'static>, Reply<'static>)> {
    (0..11, any::<[u64; 2]>(), vec(blob(), 0..3), any::<bool>(), any::<i64>()).prop_map(
        |(which, [id, bytes], peers, learner, revision)| {
            let name = peers.first().cloned().unwrap_or_default();
            let members = vec![Member { id, name, peers: peers.clone(), learner }];
            let members = Reply::Members { revision, members };
            let alarm = if learner { Alarm::Corrupt } else { Alarm::NoSpace };
            let alarms = Reply::Alarms { revision, alarms: vec![(id, alarm)] };
            let (call, reply) = match which {
                0 => (Cluster::Members, members),
                1 => (Cluster::Add { peers, learner }, members),
                2 => (Cluster::Remove { id }, members),
                3 => (Cluster::Promote { id }, members),
                4 => (Cluster::Update { id, peers }, members),
                5 => (Cluster::MoveLeader { id }, Reply::Done { revision }),
                6 => (Cluster::Alarms, alarms),
                7 => (Cluster::Disarm { id, alarm }, alarms),
                8 => (Cluster::Raise { id, alarm }, alarms),
                9 => (Cluster::Defragment, Reply::Done { revision }),
                _ => (Cluster::Snapshot, Reply::Snapshot { revision, bytes, intact: learner }),
            };
            (Call::Cluster(call), reply)
        },
    )
}

fn auth_pair() -> impl Strategy<Value = (Call<'static>, Reply<'static>)> {
    (0..11, [blob(), blob(), blob()], option::of(blob()), any::<[bool; 2]>(), any::<i64>()).prop_map(
        |(which, [user, role, key], end, [read, write], revision)| {
            let call = match which {
                0 => Auth::Login { user },
                1 => Auth::Enable,
                2 => Auth::Disable,
                3 => Auth::AddUser { user },
                4 => Auth::DeleteUser { user },
                5 => Auth::AddRole { role },
                6 => Auth::DeleteRole { role },
                7 => Auth::GrantRole { user, role },
                8 => Auth::RevokeRole { user, role },
                9 => Auth::Allow { role, read, write, key, end },
                _ => Auth::Forbid { role, key, end },
            };
            (Call::Auth(call), Reply::Done { revision })
        },
    )
}

/// The revision of a reply, set on it and on all replies inside of it, as the file knows only the outer one.
fn at(revision: i64, mut reply: Reply<'static>) -> Reply<'static> {
    match &mut reply {
        Reply::Put { revision: r, .. }
        | Reply::Range { revision: r, .. }
        | Reply::Delete { revision: r, .. } => {
            *r = revision;
        }
        Reply::Txn { revision: r, replies, .. } => {
            *r = revision;
            *replies = std::mem::take(replies).into_iter().map(|reply| at(revision, reply)).collect();
        }
        _ => {}
    }
    reply
}

/// A call with an outcome; `None` leaves it open.
pub(crate) fn operation() -> impl Strategy<Value = (Call<'static>, Option<Outcome<'static>>)> {
    let failure = ("[a-z-]{1,12}", any::<String>())
        .prop_map(|(class, message)| Failure { class: class.into(), message: message.into() });
    let pair = prop_oneof![3 => kv_pair(2), 1 => other_pair()];
    (pair, any::<i64>(), failure, 0..5_u8).prop_map(|((call, reply), revision, failure, ending)| {
        let outcome = match ending {
            0 => None,
            1 => Some(Outcome::Failed(failure)),
            2 => Some(Outcome::Unknown(Some(failure))),
            _ => Some(Outcome::Ok(at(revision, reply))),
        };
        (call, outcome)
    })
}

pub(crate) fn event() -> impl Strategy<Value = Event<'static>> {
    prop_oneof![
        (key_value(), option::of(key_value())).prop_map(|(kv, prev)| Event::Put { kv, prev }),
        (blob(), any::<i64>(), option::of(key_value())).prop_map(|(key, revision, prev)| Event::Delete {
            key,
            revision,
            prev
        }),
    ]
}
