//! Snapshots of a real etcd: what they hold is compared with what it shows, whatever was done to its keys before.

use std::time::Duration;

use checker::guarantees::Guarantee;
use etcd_traffic::swarm::{Group, Swarm, Work};
use etcd_traffic::work::{Report, drive};
use etcd_traffic::{Client, Config, Event, Session, Watcher};
use history::{Call, Delete, Outcome, Put, Range, Reply, Txn};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::calls::assert_sound;
use crate::etcd;
use crate::session::{config, draws, quiet, recorded};

async fn ask(client: &mut Client<'_>, call: Call<'_>) -> i64 {
    let answer = client.ask(&call).await.unwrap();
    answer.unwrap_or_else(|problem| panic!("{call:?}: {problem}")).revision()
}

fn put(key: &str, value: &[u8], lease: i64) -> Call<'static> {
    let (key, value) = (key.to_owned().into(), value.to_vec().into());
    Call::Put(Put { key, value, lease, ..Put::default() })
}

fn delete(key: &str) -> Call<'static> {
    Call::Delete(Delete { key: key.to_owned().into(), end: None, prev_kv: false })
}

/// One command whose run does nothing but snapshots.
async fn watched(config: &Config, watcher: &mut Watcher<'_>) -> Report {
    let session = Session::begin(config).unwrap();
    let mut swarm = Swarm::unasked(config);
    swarm.weights.retain(|work, _| *work == Work::Snapshot);
    swarm.record(&session).unwrap();
    let report = drive(&session, Group::Maintenance, &mut draws(), watcher).await.unwrap();
    session.close().unwrap();
    assert_eq!((report.snapshot.compared, &report.snapshot.broken), (1, &None));
    report
}

async fn snapshot(config: &Config) -> Report {
    let report = watched(config, &mut quiet).await;
    assert_eq!(report.contents.broken, None);
    report
}

/// Leads every connection to the address that `to` has, and ends it when that is another.
async fn relay(listener: TcpListener, to: watch::Receiver<String>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut to = to.clone();
        tokio::spawn(async move {
            let address = to.borrow_and_update().clone();
            let mut server = TcpStream::connect(address).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                _ = to.changed() => {}
            }
        });
    }
}

#[tokio::test]
async fn a_snapshot_is_compared_with_its_store() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    assert_eq!(snapshot(&config).await.contents.compared, 0, "there is nothing to compare");

    let session = Session::begin(&config).unwrap();
    let mut one = session.client(&config.members[0]).await.unwrap();
    ask(&mut one, put("a", b"1", 0)).await;
    ask(&mut one, put("a", b"2", 0)).await;
    ask(&mut one, Call::Grant { ttl: 600, lease: 7 }).await;
    ask(&mut one, put("b", b"", 7)).await;
    ask(&mut one, put("\u{0}", "\u{7f}".as_bytes(), 0)).await;
    // Longer than a page, and than a page of the comparison.
    ask(&mut one, put("c", &vec![b'x'; 400_000], 0)).await;
    for n in 0..25 {
        let puts = (0..100).map(|m| put(&format!("many/{n}/{m}"), b"some value", 0)).collect();
        ask(&mut one, Call::Txn(Txn { success: puts, ..Txn::default() })).await;
    }
    ask(&mut one, delete("many/3/7")).await;
    let report = snapshot(&config).await;
    assert_eq!((report.contents.compared, report.unanswered), (1, 0));
    let reads =
        recorded(&config).into_iter().filter_map(|operation| match (operation.call, operation.outcome) {
            (Call::Range(Range { revision, .. }), Outcome::Ok(Reply::Range { kvs, .. })) => {
                Some((revision, kvs.len()))
            }
            _ => None,
        });
    let reads: Vec<(i64, usize)> = reads.collect();
    assert_eq!(reads, [(1, 0), (32, 4), (32, 1_000), (32, 1_000), (32, 499)]);
    let left = std::fs::read_dir(&config.dir).unwrap().map(|file| file.unwrap().file_name());
    let mut left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["history", "swarm.json"], "nothing is left of the copy");

    // A deletion at the revision that is compacted, and what comes after it.
    let head = ask(&mut one, delete("a")).await;
    ask(&mut one, Call::Compact { revision: head, physical: true }).await;
    assert_eq!(snapshot(&config).await.contents.compared, 1);
    ask(&mut one, put("a", b"3", 0)).await;
    ask(&mut one, Call::Revoke { lease: 7 }).await;
    assert_eq!(snapshot(&config).await.contents.compared, 1);
    for key in ["d", "e", "f"] {
        ask(&mut one, put(key, &vec![b'x'; 1_400_000], 0)).await;
    }
    let report = snapshot(&config).await;
    assert_eq!(report.contents.compared, 1);
    assert!(report.answered < 7, "a part is read: {report:?}");
    session.close().unwrap();
    assert_sound(&config, &[Guarantee::OldReads]);
}

#[tokio::test]
async fn a_snapshot_of_another_store_fails_this_check_and_no_other() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(left) = etcd::start(1, one.path(), &[]).await else { return };
    let Some(right) = etcd::start(1, two.path(), &[]).await else { return };
    // As many revisions, and another value.
    let addresses = [(&left, &one, "1"), (&right, &two, "2")].map(|(cluster, dir, value)| async move {
        let config = config(&etcd::endpoints(cluster), dir.path());
        let session = Session::begin(&config).unwrap();
        let mut client = session.client(&config.members[0]).await.unwrap();
        ask(&mut client, put("k", value.as_bytes(), 0)).await;
        config.members[0].url.strip_prefix("http://").unwrap().to_owned()
    });
    let [left, right] = addresses;
    let (left, right) = (left.await, right.await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&format!("m=http://{}", listener.local_addr().unwrap()), &one.path().join("relayed"));
    let (lead, to) = watch::channel(left.clone());
    tokio::spawn(relay(listener, to));
    // The client may be told of the end of its connection only by its next request, and then nothing is compared.
    let mut broken = None;
    for _ in 0..20 {
        lead.send(left.clone()).unwrap();
        let mut turn = |event: &Event<'_>| {
            if matches!(event, Event::Asked { call: "snapshot", problem: None }) {
                lead.send(right.clone()).unwrap();
            }
        };
        let Report { bank, mirror, refusal, contents, .. } = watched(&config, &mut turn).await;
        assert_eq!((bank.broken, mirror.broken, refusal.broken), (None, None, None));
        broken = broken.or(contents.broken);
        if broken.is_some() {
            break;
        }
    }
    let broken = broken.unwrap();
    assert!(broken.starts_with("key k: the snapshot holds 1 bytes ("), "{broken}");
    assert!(broken.ends_with("since 2, lease 0; m at revision 2"), "{broken}");
}

#[tokio::test]
async fn snapshots_among_writers_and_compactions_are_no_false_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let mut writing = config.clone();
    writing.requests = std::num::NonZeroU32::new(100_000);
    let session = Session::begin(&writing).unwrap();
    let mut writer = session.client(&writing.members[0]).await.unwrap();
    let writes = async {
        for n in 0_i64.. {
            let (key, other) = (format!("k{}", n % 17), format!("k{}", n % 11 + 20));
            let both = vec![put(&key, n.to_string().as_bytes(), 0), put(&other, b"v", 0)];
            ask(&mut writer, Call::Txn(Txn { success: both, ..Txn::default() })).await;
            let head = ask(&mut writer, delete(&key)).await;
            if n % 40 == 39 {
                ask(&mut writer, Call::Compact { revision: head - n % 3, physical: n % 2 == 0 }).await;
            }
        }
    };
    let mut compared = 0;
    let snapshots = async {
        for _ in 0..30 {
            compared += snapshot(&config).await.contents.compared;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = writes => {}
        () = snapshots => {}
    }
    assert!(compared > 0);
    session.close().unwrap();
    assert_sound(&config, &[Guarantee::OldReads]);
}
