//! Whatever changes something is sent once and never again, however it is broken off.

use etcd_traffic::{Applied, Session};
use history::{
    Alarm, Auth, Call, Cluster, Compare, Comparison, Delete, Outcome, Put, Range, Target, Txn, Watch,
};

use crate::fake::{Fake, Manner};
use crate::session::{config, recorded};

fn put() -> Put<'static> {
    Put { key: "k".into(), value: "v".into(), ..Put::default() }
}

/// Every kind of call that may leave something behind.
fn changes() -> Vec<Call<'static>> {
    let compare =
        Compare { key: "k".into(), end: None, target: Target::Version(1), comparison: Comparison::Equal };
    let txn = Txn { compare: vec![compare], success: vec![Call::Put(put())], failure: Vec::new() };
    let nested = Txn { success: vec![Call::Txn(txn.clone())], ..Txn::default() };
    let mut calls = vec![
        Call::Put(put()),
        Call::Put(Put { prev_kv: true, ignore_value: true, value: "".into(), lease: 7, ..put() }),
        Call::Delete(Delete { key: "k".into(), end: None, prev_kv: true }),
        Call::Delete(Delete { key: "k".into(), end: Some("l".into()), prev_kv: false }),
        Call::Txn(txn),
        Call::Txn(nested),
        Call::Grant { ttl: 5, lease: 7 },
        Call::Revoke { lease: 7 },
        Call::KeepAlive { lease: 7 },
        Call::Compact { revision: 5, physical: true },
        Call::Lock { name: "l".into(), lease: 7 },
        Call::Unlock { key: "l/7".into() },
        Call::Campaign { name: "e".into(), lease: 7, value: "v".into() },
        Call::Proclaim { key: "e/7".into(), created: 5, value: "v".into() },
        Call::Resign { key: "e/7".into(), created: 5 },
    ];
    let peers = || vec!["http://127.0.0.1:1".into()];
    calls.extend(
        [
            Cluster::Add { peers: peers(), learner: true },
            Cluster::Remove { id: 5 },
            Cluster::Promote { id: 5 },
            Cluster::Update { id: 5, peers: peers() },
            Cluster::MoveLeader { id: 5 },
            Cluster::Raise { id: 5, alarm: Alarm::NoSpace },
            Cluster::Disarm { id: 5, alarm: Alarm::Corrupt },
            Cluster::Defragment,
        ]
        .map(Call::Cluster),
    );
    let (user, role, key) = (|| "u".into(), || "r".into(), || "k".into());
    calls.extend(
        [
            Auth::Login { user: user() },
            Auth::Enable,
            Auth::Disable,
            Auth::AddUser { user: user() },
            Auth::DeleteUser { user: user() },
            Auth::AddRole { role: role() },
            Auth::DeleteRole { role: role() },
            Auth::GrantRole { user: user(), role: role() },
            Auth::RevokeRole { user: user(), role: role() },
            Auth::Allow { role: role(), read: true, write: true, key: key(), end: None },
            Auth::Forbid { role: role(), key: key(), end: Some("l".into()) },
        ]
        .map(Call::Auth),
    );
    calls
}

#[tokio::test]
async fn what_is_broken_off_may_have_been_done_and_is_never_sent_again() {
    for call in changes() {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::start(Manner::Close, dir.path().join("shared/history")).await;
        let config = config(&fake.url, dir.path());
        let session = Session::begin(&config).unwrap();
        let mut client = session.client(&config.members[0]).await.unwrap();
        let problem = client.ask(&call).await.unwrap().unwrap_err();
        assert_eq!((problem.class, problem.applied), ("connection-lost", Applied::Maybe), "{call:?}");
        let operations = recorded(&config);
        assert_eq!(operations.len(), 1);
        assert_eq!(operations[0].call, call);
        assert!(matches!(operations[0].outcome, Outcome::Unknown(Some(_))), "{call:?}");
        assert_eq!(fake.requests(), 1, "{call:?}");

        // What waits to be sent again would come along with the next request.
        let _ = client.get(b"k").await.unwrap();
        assert_eq!(fake.requests(), 2, "{call:?}");
    }
}

#[tokio::test]
async fn what_only_asks_has_told_nothing_when_it_is_broken_off() {
    let range = || Call::Range(Range { key: "k".into(), ..Range::default() });
    let calls = [
        range(),
        Call::Txn(Txn { success: vec![range()], ..Txn::default() }),
        Call::TimeToLive { lease: 7, keys: true },
        Call::Leases,
        Call::Hash { revision: 0 },
        Call::Leader { name: "e".into() },
        Call::Cluster(Cluster::Members),
        Call::Cluster(Cluster::Alarms),
        Call::Cluster(Cluster::Snapshot),
    ];
    for call in calls {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::start(Manner::Close, dir.path().join("shared/history")).await;
        let config = config(&fake.url, dir.path());
        let session = Session::begin(&config).unwrap();
        let mut client = session.client(&config.members[0]).await.unwrap();
        client.ask(&call).await.unwrap().unwrap_err();
        assert!(matches!(recorded(&config)[0].outcome, Outcome::Failed(_)), "{call:?}");
    }
}

#[tokio::test]
async fn a_watch_that_is_broken_off_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(Manner::Close, dir.path().join("shared/history")).await;
    let config = config(&fake.url, dir.path());
    let session = Session::begin(&config).unwrap();
    let client = session.client(&config.members[0]).await.unwrap();
    let mut feed = client.feed();
    let watch = Watch { key: "k".into(), revision: 3, ..Watch::default() };
    assert_eq!(feed.open(&watch, false).await.unwrap(), 0);
    assert!(!feed.is_open());
    feed.close().unwrap();
    let operations = recorded(&config);
    assert_eq!((operations.len(), &operations[0].call), (1, &Call::Watch(watch)));
    assert!(matches!(&operations[0].outcome, Outcome::Failed(why) if why.class == "connection-lost"));
    assert_eq!(fake.requests(), 1);
}

#[tokio::test]
async fn what_is_no_request_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(Manner::Close, dir.path().join("shared/history")).await;
    let config = config(&fake.url, dir.path());
    let session = Session::begin(&config).unwrap();
    let mut client = session.client(&config.members[0]).await.unwrap();
    let grant = Call::Txn(Txn { success: vec![Call::Grant { ttl: 1, lease: 0 }], ..Txn::default() });
    for call in [Call::Hold { name: "l".into(), key: "l/7".into(), token: 5 }, grant] {
        let problem = client.ask(&call).await.unwrap().unwrap_err();
        assert_eq!((problem.class, problem.applied), ("invalid-request", Applied::No), "{call:?}");
    }
    assert_eq!(fake.requests(), 0);
}
