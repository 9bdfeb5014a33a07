//! Every call against a real etcd: its answer, and a record of it that the checker can judge.

use std::time::Duration;

use checker::{Verdict, guarantees};
use etcd_traffic::{Client, Config, Session, Told};
use history::{
    Alarm, Auth, Call, Cluster, Compare, Comparison, Delete, Event, History, Put, Range, Reply, Sort, SortBy,
    Sources, Target, Txn, Watch,
};

use crate::etcd;
use crate::session::config;

const SOON: Duration = Duration::from_secs(20);

async fn ask(client: &mut Client<'_>, call: Call<'_>) -> Reply<'static> {
    let answer = client.ask(&call).await.unwrap();
    answer.unwrap_or_else(|problem| panic!("{call:?}: {problem}"))
}

async fn refused(client: &mut Client<'_>, call: Call<'_>) -> &'static str {
    client.ask(&call).await.unwrap().expect_err("refused").class
}

fn put(key: &'static str, value: &'static str) -> Put<'static> {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

fn all() -> Range<'static> {
    Range { key: "a".into(), end: Some("z".into()), ..Range::default() }
}

fn found(reply: &Reply<'_>) -> Vec<String> {
    let Reply::Range { kvs, .. } = reply else { panic!("{reply:?}") };
    kvs.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect()
}

/// The checker must find nothing wrong with what a healthy etcd answered, and have something to look at.
pub(crate) fn assert_sound(config: &Config, expected: &[guarantees::Guarantee]) {
    let sources = Sources::read_dir(&config.history_dir()).unwrap();
    let history = History::parse(&sources).unwrap();
    assert!(history.is_complete());
    let report = checker::etcd::check(&history, &checker::etcd::Options::own_store());
    assert!(matches!(report.verdict, Verdict::Valid | Verdict::Unknown { .. }), "{}", report.verdict);
    let options = guarantees::Options { own_store: true, calm_from: None };
    for finding in guarantees::check(&history, &options, Some(&report)) {
        assert_eq!(finding.broken, 0, "{:?}", finding.violations);
        assert!(!expected.contains(&finding.guarantee) || finding.compared > 0, "{}", finding.guarantee);
    }
}

#[tokio::test]
async fn keys_and_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut one = session.client(&config.members[0]).await.unwrap();

    for (key, value) in [("a", "3"), ("b", "2"), ("c", "1")] {
        ask(&mut one, Call::Put(put(key, value))).await;
    }
    let Reply::Put { revision, prev: Some(prev) } =
        ask(&mut one, Call::Put(Put { prev_kv: true, ..put("a", "4") })).await
    else {
        panic!()
    };
    assert_eq!((revision, prev.value.bytes(), prev.mod_revision), (5, &b"3"[..], 2));

    let old = Range { revision: 4, ..all() };
    assert_eq!(found(&ask(&mut one, Call::Range(old)).await), ["a=3", "b=2", "c=1"]);
    let sort = Some(Sort { by: SortBy::Value, descending: true });
    assert_eq!(found(&ask(&mut one, Call::Range(Range { sort, ..all() })).await), ["a=4", "b=2", "c=1"]);
    let few = Range { limit: 2, keys_only: true, serializable: true, ..all() };
    let reply = ask(&mut one, Call::Range(few)).await;
    assert_eq!(found(&reply), ["a=", "b="]);
    assert!(matches!(reply, Reply::Range { count: 3, more: true, .. }));
    let count = Range { count_only: true, ..all() };
    let Reply::Range { count: 3, kvs, .. } = ask(&mut one, Call::Range(count)).await else { panic!() };
    assert!(kvs.is_empty());

    let compare =
        |key: &'static str, target, comparison| Compare { key: key.into(), end: None, target, comparison };
    let holds = vec![
        compare("a", Target::Version(2), Comparison::Equal),
        compare("a", Target::Value("3".into()), Comparison::Greater),
        compare("b", Target::Create(4), Comparison::Less),
        compare("c", Target::Mod(9), Comparison::NotEqual),
        Compare { end: Some("z".into()), ..compare("a", Target::Lease(0), Comparison::Equal) },
    ];
    let inner = Txn { compare: vec![compare("a", Target::Mod(1), Comparison::Equal)], ..Txn::default() };
    let inner = Txn { failure: vec![Call::Put(put("d", "5"))], ..inner };
    let delete = Delete { key: "b".into(), end: None, prev_kv: true };
    let success = vec![Call::Range(Range { revision: 4, ..all() }), Call::Delete(delete), Call::Txn(inner)];
    let txn = Call::Txn(Txn { compare: holds, success, failure: Vec::new() });
    let Reply::Txn { revision: 6, succeeded: true, replies } = ask(&mut one, txn).await else { panic!() };
    assert_eq!(found(&replies[0]), ["a=3", "b=2", "c=1"]);
    assert!(matches!(&replies[1], Reply::Delete { deleted: 1, prev, .. } if prev.len() == 1));
    assert!(matches!(&replies[2], Reply::Txn { succeeded: false, replies, .. } if replies.len() == 1));

    let range = Delete { key: "c".into(), end: Some("z".into()), prev_kv: true };
    let Reply::Delete { deleted: 2, prev, .. } = ask(&mut one, Call::Delete(range)).await else { panic!() };
    assert_eq!(prev.len(), 2);
    assert_eq!(refused(&mut one, Call::Put(Put { key: "".into(), ..put("", "") })).await, "invalid-request");
    let absent = Put { ignore_value: true, value: "".into(), ..put("x", "") };
    assert_eq!(refused(&mut one, Call::Put(absent)).await, "key-not-found");

    assert!(matches!(
        ask(&mut one, Call::Compact { revision: 5, physical: true }).await,
        Reply::Compact { .. }
    ));
    assert_eq!(refused(&mut one, Call::Range(Range { revision: 3, ..all() })).await, "compacted");
    assert_eq!(refused(&mut one, Call::Compact { revision: 99, physical: false }).await, "future-revision");
    let Reply::Hash { compacted: 5, .. } = ask(&mut one, Call::Hash { revision: 0 }).await else { panic!() };
    session.close().unwrap();
    use guarantees::Guarantee::*;
    assert_sound(&config, &[ClientRevisions, Durability, OldReads, SerializableReads]);
}

#[tokio::test]
async fn leases_locks_and_elections() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut one = session.client(&config.members[0]).await.unwrap();

    let Reply::Grant { lease: 7, ttl: 60, .. } = ask(&mut one, Call::Grant { ttl: 60, lease: 7 }).await
    else {
        panic!()
    };
    assert_eq!(refused(&mut one, Call::Grant { ttl: 60, lease: 7 }).await, "lease-exists");
    ask(&mut one, Call::Put(Put { lease: 7, ..put("a", "1") })).await;
    let keep = Put { ignore_lease: true, ..put("a", "2") };
    ask(&mut one, Call::Put(keep)).await;
    let Reply::KeepAlive { ttl: 60, revision: 3 } = ask(&mut one, Call::KeepAlive { lease: 7 }).await else {
        panic!()
    };
    let Reply::TimeToLive { granted: 60, keys, .. } =
        ask(&mut one, Call::TimeToLive { lease: 7, keys: true }).await
    else {
        panic!()
    };
    assert_eq!(keys, ["a".into()]);
    let Reply::Leases { leases, .. } = ask(&mut one, Call::Leases).await else { panic!() };
    assert_eq!(leases, [7]);
    ask(&mut one, Call::Revoke { lease: 7 }).await;
    assert!(matches!(ask(&mut one, Call::KeepAlive { lease: 7 }).await, Reply::KeepAlive { ttl: 0, .. }));
    let gone = ask(&mut one, Call::TimeToLive { lease: 7, keys: false }).await;
    assert!(matches!(gone, Reply::TimeToLive { ttl: -1, .. }));
    assert_eq!(refused(&mut one, Call::Put(Put { lease: 7, ..put("a", "3") })).await, "lease-not-found");

    ask(&mut one, Call::Grant { ttl: 60, lease: 8 }).await;
    let Reply::Held { key, .. } = ask(&mut one, Call::Lock { name: "l".into(), lease: 8 }).await else {
        panic!()
    };
    assert_eq!(key.bytes(), b"l/8");
    let other = session.beside(&one);
    let token = one.get(b"l/8").await.unwrap().unwrap().found[0].create_revision;
    Client::hold(&other, b"l", b"l/8", token, async { Ok(()) }).await.unwrap();
    ask(&mut one, Call::Unlock { key }).await;
    let campaign = Call::Campaign { name: "e".into(), lease: 8, value: "me".into() };
    let Reply::Held { key, created, .. } = ask(&mut one, campaign).await else { panic!() };
    ask(&mut one, Call::Proclaim { key: key.clone(), created, value: "still me".into() }).await;
    let Reply::Leader { kv: Some(kv), .. } = ask(&mut one, Call::Leader { name: "e".into() }).await else {
        panic!()
    };
    assert_eq!((kv.value.bytes(), kv.create_revision), (&b"still me"[..], created));
    ask(&mut one, Call::Resign { key, created }).await;
    session.close().unwrap();
    assert_sound(&config, &[guarantees::Guarantee::LeaseRevoked]);
}

#[tokio::test]
async fn watches_of_one_stream() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut one = session.client(&config.members[0]).await.unwrap();
    for value in ["1", "2", "3"] {
        ask(&mut one, Call::Put(put("a", value))).await;
    }
    ask(&mut one, Call::Delete(Delete { key: "a".into(), end: None, prev_kv: false })).await;
    ask(&mut one, Call::Compact { revision: 3, physical: true }).await;

    let from = |revision| Watch { key: "a".into(), end: Some("z".into()), revision, ..Watch::default() };
    let mut feed = session.beside(&one).feed();
    feed.open(&Watch { prev_kv: true, ..from(3) }, true).await.unwrap();
    feed.open(&Watch { no_put: true, ..from(3) }, false).await.unwrap();
    feed.open(&from(0), false).await.unwrap();
    let (mut changes, mut deletes, mut begun) = (Vec::new(), 0, false);
    while !(changes.len() >= 3 && deletes == 1 && begun) {
        match feed.next(SOON).await.unwrap() {
            Told::Events { watch: 0, events } => changes.extend(events),
            Told::Events { watch: 1, events } => deletes += events.len(),
            Told::Created { watch: 2, .. } => begun = true,
            Told::Created { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // On a stream of its own: etcd does not tell progress on one that had a watch from before a compaction.
    let mut late = session.beside(&one).feed();
    late.open(&from(2), false).await.unwrap();
    let compacted = loop {
        match late.next(SOON).await.unwrap() {
            Told::Cancelled { watch: 0, compacted, .. } => break compacted,
            Told::Created { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(compacted, 3);
    late.close().unwrap();
    let prev = |event: &Event<'_>| match event {
        Event::Put { prev, .. } | Event::Delete { prev, .. } => prev.is_some(),
    };
    assert_eq!(
        changes.iter().map(prev).collect::<Vec<_>>(),
        [false, true, true],
        "before 3 all is forgotten"
    );
    let both = vec![Call::Put(put("b", "1")), Call::Put(put("c", "1"))];
    ask(&mut one, Call::Txn(Txn { success: both, ..Txn::default() })).await;
    while changes.len() < 5 {
        if let Told::Events { watch: 0, events } = feed.next(SOON).await.unwrap() {
            changes.extend(events);
        }
    }
    feed.ask_progress().await;
    loop {
        match feed.next(SOON).await.unwrap() {
            Told::Progress { revision, .. } => break assert!(revision >= 6),
            Told::Nothing => panic!("no progress is told"),
            _ => {}
        }
    }
    ask(&mut one, Call::Put(put("b", "2"))).await;
    assert!(one.get(b"b").await.unwrap().is_ok());
    while !matches!(feed.next(SOON).await.unwrap(), Told::Events { watch: 2, .. }) {}
    feed.cancel(0).await;
    while !matches!(feed.next(SOON).await.unwrap(), Told::Cancelled { watch: 0, .. }) {}
    assert!(feed.is_open());
    feed.close().unwrap();
    session.close().unwrap();
    use guarantees::Guarantee::*;
    assert_sound(
        &config,
        &[
            WatchOrdered,
            WatchUnique,
            WatchAtomic,
            WatchReliable,
            WatchResumable,
            WatchBookmarkable,
            WatchFromStart,
            WatchFiltered,
            WatchTruthful,
            WatchPrevious,
            WatchCreated,
        ],
    );
}

#[tokio::test]
async fn the_cluster_itself() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut one = session.client(&config.members[0]).await.unwrap();
    let cluster = |call| Call::Cluster(call);
    ask(&mut one, Call::Put(put("a", "1"))).await;

    let Reply::Members { members, .. } = ask(&mut one, cluster(Cluster::Members)).await else { panic!() };
    assert_eq!(members.len(), 3);
    let peers = || vec!["http://192.0.2.77:2380".into()];
    // A member that has been connected for less than 5 s is taken for unhealthy, and nobody may join meanwhile.
    let members = loop {
        match one.ask(&cluster(Cluster::Add { peers: peers(), learner: true })).await.unwrap() {
            Ok(Reply::Members { members, .. }) => break members,
            Err(problem) if problem.class == "unhealthy" => tokio::time::sleep(SOON / 100).await,
            other => panic!("{other:?}"),
        }
    };
    let learner = members.iter().find(|member| member.learner).unwrap().id;
    let again = cluster(Cluster::Add { peers: peers(), learner: true });
    let again = one.ask(&again).await.unwrap().expect_err("refused");
    assert!(matches!(again.class, "member-exists" | "too-many-learners" | "unhealthy"), "{again:?}");
    assert_eq!(refused(&mut one, cluster(Cluster::Promote { id: learner })).await, "learner-not-ready");
    let Reply::Members { members, .. } = ask(&mut one, cluster(Cluster::Remove { id: learner })).await else {
        panic!()
    };
    assert_eq!(members.len(), 3);
    assert_eq!(refused(&mut one, cluster(Cluster::Remove { id: learner })).await, "member-not-found");

    let status = one.status().await.unwrap().unwrap();
    let next = members.iter().find(|member| member.id != status.leader).unwrap().id;
    for member in &config.members {
        let mut client = session.client(member).await.unwrap();
        if client.status().await.unwrap().unwrap().id == status.leader {
            // Whoever is to lead may not have caught up yet, and then it takes longer than a client waits.
            let moved = client.ask(&cluster(Cluster::MoveLeader { id: next })).await.unwrap();
            assert!(
                moved.is_ok() || moved.as_ref().is_err_and(|error| error.class == "timeout"),
                "{moved:?}"
            );
        }
    }
    let full = cluster(Cluster::Raise { id: status.id, alarm: Alarm::NoSpace });
    let Reply::Alarms { alarms, .. } = ask(&mut one, full).await else { panic!() };
    assert_eq!(alarms, [(status.id, Alarm::NoSpace)]);
    assert_eq!(refused(&mut one, Call::Put(put("a", "2"))).await, "no-space");
    ask(&mut one, Call::Delete(Delete { key: "a".into(), end: None, prev_kv: true })).await;
    ask(&mut one, cluster(Cluster::Disarm { id: status.id, alarm: Alarm::NoSpace })).await;
    let Reply::Alarms { alarms, .. } = ask(&mut one, cluster(Cluster::Alarms)).await else { panic!() };
    assert!(alarms.is_empty());
    ask(&mut one, Call::Put(put("a", "3"))).await;
    assert!(one.get(b"a").await.unwrap().is_ok());

    ask(&mut one, cluster(Cluster::Defragment)).await;
    let Reply::Snapshot { bytes, intact, .. } = ask(&mut one, cluster(Cluster::Snapshot)).await else {
        panic!()
    };
    assert!(intact && bytes > 1_000, "{bytes} bytes");
    session.close().unwrap();
    assert_sound(&config, &[]);
}

#[tokio::test]
async fn users_and_roles() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut one = session.client(&config.members[0]).await.unwrap();
    let auth = |call| Call::Auth(call);
    let (root, guest, role) = (|| "root".into(), || "guest".into(), || "some".into());
    for call in [
        Auth::AddUser { user: root() },
        Auth::GrantRole { user: root(), role: "root".into() },
        Auth::AddUser { user: guest() },
        Auth::AddRole { role: role() },
        Auth::GrantRole { user: guest(), role: role() },
        Auth::Allow { role: role(), read: true, write: false, key: "a".into(), end: Some("b".into()) },
        Auth::Enable,
    ] {
        ask(&mut one, auth(call)).await;
    }
    let mut two = session.client(&config.members[0]).await.unwrap();
    ask(&mut two, auth(Auth::Login { user: guest() })).await;
    assert!(found(&ask(&mut two, Call::Range(Range { end: None, ..all() })).await).is_empty());
    assert_eq!(refused(&mut two, Call::Put(put("a", "1"))).await, "permission-denied");
    assert_eq!(refused(&mut two, Call::Range(all())).await, "permission-denied");
    ask(&mut one, auth(Auth::Login { user: root() })).await;
    for call in [
        Auth::Forbid { role: role(), key: "a".into(), end: Some("b".into()) },
        Auth::RevokeRole { user: guest(), role: role() },
        Auth::DeleteUser { user: guest() },
        Auth::DeleteRole { role: role() },
        Auth::Disable,
    ] {
        ask(&mut one, auth(call)).await;
    }
    ask(&mut one, Call::Put(put("a", "1"))).await;
    session.close().unwrap();
    assert_sound(&config, &[]);
}
