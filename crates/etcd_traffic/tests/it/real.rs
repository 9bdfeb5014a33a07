//! A real etcd, also one that is tampered with, short of space, or short of a member.

use std::time::Duration;

use etcd_traffic::recovery::{Need, wait_until_healthy};
use etcd_traffic::traffic::{generate_and_validate, generate_traffic};
use etcd_traffic::validate::validate;
use etcd_traffic::{Applied, Config, Event, Fate, Kind, Problem, Session, durability};
use history::Outcome;

use crate::etcd;
use crate::session::{config, draws, quiet, recorded};

/// Another client, that works behind the back of what is tested.
async fn stranger(config: &Config) -> etcd_client::Client {
    etcd_client::Client::connect([&config.members[0].url], None).await.unwrap()
}

#[tokio::test]
async fn traffic_through_one_member_is_valid_through_another() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let report = generate_and_validate(&session, &mut draws(), &mut quiet).await.unwrap();
    let validation = report.validation.unwrap();
    assert_eq!((validation.compared, validation.acknowledged, validation.unread), (20, 20, 0));
    assert_eq!(validation.mismatch, None);
    assert!(report.revisions.advanced() && report.revisions.regression().is_none());

    let operations = recorded(&config);
    assert_eq!(operations.len(), 42, "20 puts, 20 gets, 2 dials");
    assert!(operations.iter().all(|operation| matches!(operation.outcome, Outcome::Ok(_))));
    let members: Vec<&str> = operations.iter().map(|operation| &*operation.member).collect();
    assert_ne!(members[1], members[40], "{members:?}");
}

#[tokio::test]
async fn what_a_stranger_deletes_or_overwrites_is_a_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut draw = draws();
    let mut other = stranger(&config).await;

    let traffic = generate_traffic(&session, &mut draw, &mut quiet).await.unwrap().unwrap();
    let key = traffic.attempts[7].key.clone();
    other.delete(key.clone(), None).await.unwrap();
    let seen = validate(&session, &traffic, &mut draw, &mut quiet).await.unwrap().unwrap();
    let mismatch = seen.mismatch.unwrap();
    assert_eq!((mismatch.kind, mismatch.key.to_string()), (Kind::Lost, key.clone()));
    let Fate::Acknowledged(revision) = traffic.attempts[7].fate else { panic!() };
    assert_eq!(mismatch.expected.unwrap().revision, revision);

    other.put(key, "x", None).await.unwrap();
    let seen = validate(&session, &traffic, &mut draw, &mut quiet).await.unwrap().unwrap();
    assert_eq!(seen.mismatch.unwrap().kind, Kind::Unwritten);

    // The whole run's check sees it as well, from the files.
    let later = Session::begin(&config).unwrap();
    let check = durability::check_all(&later, &mut quiet).await.unwrap();
    assert_eq!(check.judgement.mismatch.unwrap().kind, Kind::Unwritten);
    assert_eq!((check.judgement.acknowledged, check.judgement.of_others, check.unread), (20, 20, 0));
}

#[tokio::test]
async fn the_words_of_a_real_etcd_are_in_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[("ETCD_QUOTA_BACKEND_BYTES", "16000000")]).await else {
        return;
    };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut client = session.dial(&config.members[0]).await.unwrap().unwrap();
    let class = |problem: &Problem| (problem.class, problem.applied);

    let refused = client.put(b"", b"v").await.unwrap().unwrap_err();
    assert_eq!(class(&refused), ("invalid-request", Applied::No), "{refused}");
    // Beyond the limit of a request (1.5 MiB), and beyond that of a message (512 KiB more).
    for bytes in [1_600_000, 3_000_000] {
        let refused = client.put(b"k", &vec![b'v'; bytes]).await.unwrap().unwrap_err();
        assert_eq!(class(&refused), ("too-large", Applied::No), "{refused}");
    }
    let mut full = None;
    for _ in 0..100 {
        full = client.put(b"k", &vec![b'v'; 1_000_000]).await.unwrap().err();
        if full.is_some() {
            break;
        }
    }
    let full = full.unwrap();
    assert_eq!(class(&full), ("no-space", Applied::Maybe), "{full}");
}

#[tokio::test]
async fn the_wait_names_the_member_that_is_missing_and_ends_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let mut config = config(&etcd::endpoints(&cluster), dir.path());
    let mut draw = draws();
    cluster.members()[2].kill().await.unwrap();
    config.limits.wait = Duration::from_millis(1);
    let session = Session::begin(&config).unwrap();
    let health = wait_until_healthy(&session, Need::WriteAndRead, &mut draw, &mut quiet).await.unwrap();
    assert!(!health.healthy);
    assert!(health.lacking.contains(&"etcd2 gives no status (connect-refused)".to_owned()), "{health:?}");

    config.limits.wait = Duration::from_secs(60);
    let session = Session::begin(&config).unwrap();
    let (mut restarted, mut last) = (false, String::new());
    let mut watch = |event: &Event<'_>| {
        // The member comes back when it has been missed.
        if let (Event::Waiting { .. }, false) = (event, restarted) {
            cluster.members()[2].start().unwrap();
            restarted = true;
        }
        last = event.to_string();
    };
    let health = wait_until_healthy(&session, Need::WriteAndRead, &mut draw, &mut watch).await.unwrap();
    assert!(health.healthy && health.rounds > 1 && health.lacking.is_empty(), "{health:?}");
    assert_eq!(health.validation.mismatch, None);
    assert_eq!(last, "every member is healthy");
}
