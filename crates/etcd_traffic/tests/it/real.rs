//! A real etcd, also one that is tampered with, short of space, or short of a member.

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_traffic::recovery::{Need, is_whole, wait_until_healthy};
use etcd_traffic::traffic::{generate_and_validate, generate_traffic};
use etcd_traffic::validate::validate;
use etcd_traffic::{Applied, Config, Event, Fate, Kind, Problem, Session, convergence, crowd, durability};
use history::{Call, Outcome};

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
    assert!(!health.healthy && !is_whole(&session).await.unwrap());
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
    assert!(is_whole(&session).await.unwrap());
    assert_eq!(health.validation.mismatch, None);
    assert_eq!(last, "every member is healthy");
}

#[tokio::test]
async fn a_crowd_puts_each_key_once_and_finds_what_a_stranger_deletes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let mut config = config(&etcd::endpoints(&cluster), dir.path());
    config.requests = std::num::NonZeroU32::new(300);
    config.limits.phase = Duration::from_secs(60);
    let session = Session::begin(&config).unwrap();
    let mut draw = draws();
    // The first of these draws would make it a crowd of one.
    draw();
    let report = crowd::write_and_validate(&session, &mut draw, &mut quiet).await.unwrap();
    let validation = report.validation.unwrap();
    assert!(validation.acknowledged > 0 && validation.mismatch.is_none(), "{validation:?}");
    assert!(report.revisions.advanced() && report.revisions.regression().is_none());

    let operations = recorded(&config);
    let puts: Vec<_> = operations
        .iter()
        .filter_map(|operation| match &operation.call {
            Call::Put(put) => Some((put.key.to_string(), operation)),
            _ => None,
        })
        .collect();
    let keys: BTreeSet<&String> = puts.iter().map(|(key, _)| key).collect();
    assert_eq!((puts.len(), keys.len()), (300, 300));
    let clients: BTreeSet<u32> = operations.iter().map(|operation| operation.client).collect();
    assert!(clients.len() > 2, "with these draws there are several writers, and one reader");

    // All keys of the crowd are read at the end; one that is gone is named.
    let mut other = stranger(&config).await;
    let gone = puts[150].0.clone();
    other.delete(gone.clone(), None).await.unwrap();
    let later = Session::begin(&config).unwrap();
    let check = durability::check_all(&later, &mut quiet).await.unwrap();
    let mismatch = check.judgement.mismatch.unwrap();
    assert_eq!((mismatch.kind, mismatch.key.to_string()), (Kind::Lost, gone));
    assert_eq!((check.judgement.acknowledged, check.unread), (300, 0));
}

#[tokio::test]
async fn a_sample_is_not_deceived_by_the_histories_it_leaves_out() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    // One process puts a key and another overwrites it, among many that put something else.
    for value in ["1", "2"] {
        let session = Session::begin(&config).unwrap();
        let mut client = session.client(&config.members[0]).await.unwrap();
        client.put(b"k", value.as_bytes()).await.unwrap().unwrap();
    }
    let mut draw = draws();
    for n in 0..30 {
        let session = Session::begin(&config).unwrap();
        let check = durability::check_sample(&session, &mut draw, &mut quiet).await.unwrap();
        assert_eq!(check.judgement.mismatch, None, "round {n}");
        assert!(check.judgement.acknowledged > 0);
    }
    stranger(&config).await.delete("k", None).await.unwrap();
    let session = Session::begin(&config).unwrap();
    let check = durability::check_all(&session, &mut quiet).await.unwrap();
    assert_eq!(check.judgement.mismatch.unwrap().kind, Kind::Lost);
}

#[tokio::test]
async fn a_crowd_that_nobody_answers_makes_no_puts() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = config(&format!("m=http://{free}"), dir.path());
    config.limits.phase = Duration::from_millis(200);
    let session = Session::begin(&config).unwrap();
    let report = crowd::write_and_validate(&session, &mut draws(), &mut quiet).await.unwrap();
    assert_eq!((report.validation, report.revisions.advanced()), (None, false));
    assert!(recorded(&config).iter().all(|operation| operation.call == Call::Status));
}

#[tokio::test]
async fn members_that_are_quiet_are_compared_even_at_a_compacted_revision() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let config = config(&etcd::endpoints(&cluster), dir.path());
    let session = Session::begin(&config).unwrap();
    generate_traffic(&session, &mut draws(), &mut quiet).await.unwrap();
    let mut other = stranger(&config).await;
    let head = other.put("k", "v", None).await.unwrap().header().unwrap().revision();
    other.compact(head, None).await.unwrap();
    let seen = convergence::compare_members(&session, &mut draws(), &mut quiet).await.unwrap();
    assert_eq!((seen.compared, seen.divergence, seen.lacking), (3, None, None));
    let hashes =
        recorded(&config).into_iter().filter(|operation| matches!(operation.call, Call::Hash { .. }));
    let members: BTreeSet<String> = hashes.map(|operation| operation.member.into_owned()).collect();
    assert_eq!(members.len(), 3);
}

#[tokio::test]
async fn a_store_that_is_not_the_same_is_a_divergence() {
    // Two clusters that believe to be one: the same number of writes, and different ones.
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(left) = etcd::start(1, one.path(), &[]).await else { return };
    let Some(right) = etcd::start(1, two.path(), &[]).await else { return };
    let both = [("left", &left), ("right", &right)]
        .map(|(name, cluster)| format!("{name}={}", cluster.endpoints().0[0].url));
    let config = config(&both.join(","), one.path());
    let session = Session::begin(&config).unwrap();
    for (member, value) in config.members.iter().zip([b"1", b"2"]) {
        let mut client = session.client(member).await.unwrap();
        client.put(b"k", value).await.unwrap().unwrap();
    }
    let seen = convergence::compare_members(&session, &mut draws(), &mut quiet).await.unwrap();
    let members = seen.divergence.unwrap().members;
    assert_eq!(members[0].revision, members[1].revision);
    assert_ne!(members[0].hash, members[1].hash);

    let mut client = session.client(&config.members[1]).await.unwrap();
    client.put(b"k", b"3").await.unwrap().unwrap();
    let seen = convergence::compare_members(&session, &mut draws(), &mut quiet).await.unwrap();
    let divergence = seen.divergence.unwrap();
    assert_eq!(divergence.members[0].revision + 1, divergence.members[1].revision, "{divergence}");
}

#[tokio::test]
async fn members_that_do_not_answer_are_not_compared() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = config(&format!("m=http://{free}"), dir.path());
    config.limits.wait = Duration::from_millis(1);
    let session = Session::begin(&config).unwrap();
    let seen = convergence::compare_members(&session, &mut draws(), &mut quiet).await.unwrap();
    assert_eq!((seen.compared, seen.divergence), (0, None));
    assert_eq!(seen.lacking.unwrap(), "m gives no status (connect-refused)");
}
