//! Finds data loss: writers put as fast as they can while the profile `brutal` kills all members. Two acknowledged writes
//! with one revision are a write that was lost, or members that went apart; so is an acknowledged key that is missing,
//! or a member that has another revision than the others at the end.
//!
//! `cargo run --release -p chaos --example brutal -- ETCD DIRECTORY MEMBERS WRITERS SECONDS SEED`
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example for people")]

#[path = "shared/client.rs"]
mod client;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::{Chaos, Environment, Journal, Links, Plan, Profile, Settings};
use client::{Client, base64};
use cluster::ports::Ports;
use cluster::{Cluster, Launch, Wiring};
use history::{Nanos, clock};
use serde_json::json;

/// What all writers know.
#[derive(Default)]
struct Acknowledged {
    by_revision: Mutex<HashMap<u64, String>>,
    count: AtomicU64,
    violation: Mutex<Option<(Nanos, String)>>,
    stop: AtomicBool,
}

async fn write(known: Arc<Acknowledged>, authority: String, writer: usize) {
    let mut n = 0_u64;
    while !known.stop.load(Ordering::Relaxed) {
        let Some(mut client) = Client::connect(&authority).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        loop {
            n += 1;
            let key = format!("w{writer}/{n}");
            let Some(revision) = client.put(&key, "v").await else { break };
            known.count.fetch_add(1, Ordering::Relaxed);
            if let Some(other) = known.by_revision.lock().unwrap().insert(revision, key.clone()) {
                let mut violation = known.violation.lock().unwrap();
                violation.get_or_insert((
                    clock::now(),
                    format!("{other} and {key} both have revision {revision}"),
                ));
            }
            if known.stop.load(Ordering::Relaxed) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What each member holds at the end: its revision, and which acknowledged keys it lacks.
async fn compare(cluster: &Cluster, known: &Acknowledged) -> bool {
    let listened = cluster.wiring().listened(cluster.chart());
    let mut apart = BTreeMap::new();
    for endpoint in &listened.0 {
        let mut client = Client::connect(endpoint.authority()).await.unwrap();
        let all = json!({"key": base64("\0"), "range_end": base64("\0"), "keys_only": true});
        let answer = client.ask("/v3/kv/range", &all).await.unwrap();
        let revision = answer["header"]["revision"].as_str().unwrap().to_owned();
        let keys = answer["kvs"].as_array().cloned().unwrap_or_default();
        let keys: std::collections::HashSet<_> =
            keys.iter().filter_map(|pair| pair["key"].as_str()).collect();
        let acknowledged = known.by_revision.lock().unwrap();
        let missing: Vec<_> = acknowledged.values().filter(|key| !keys.contains(&*base64(key))).collect();
        let (count, first) = (missing.len(), missing.first().map_or("none", |key| key.as_str()).to_owned());
        println!("{}: revision {revision}, {count} acknowledged keys missing ({first})", endpoint.name);
        apart.insert((revision, count), ());
    }
    apart.len() > 1 || apart.keys().any(|(_, missing)| *missing > 0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [program, dir, members, writers, seconds, seed] = words.as_slice() else {
        panic!("usage: brutal ETCD DIRECTORY MEMBERS WRITERS SECONDS SEED");
    };
    let (size, seconds) = (members.parse().unwrap(), seconds.parse().unwrap());
    std::fs::create_dir_all(dir).unwrap();
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts");
    let chart = cluster::chart::load(&charts, "etcd").unwrap();
    let mut ports = Ports::outside_ephemeral();
    let journal = Arc::new(Journal::open(Path::new(dir)).unwrap());
    let mut wiring = Wiring::direct(&chart, size, &mut ports).unwrap();
    let links = Links::wire(&chart, &mut wiring, &mut ports, &["client"]).unwrap();
    journal.mark_members(&mut wiring);
    let profile = Profile::shipped("brutal").unwrap();
    let here = Environment::of_processes(&chart, size).unwrap();
    let plan = Plan::draw(&profile, &[], seed.parse().unwrap(), Duration::from_secs(86_400), &here).unwrap();
    if plan.swift_members {
        wiring.give(&chart.process.environment_when_swift);
    }
    let cluster = Cluster::start(Launch::new(&chart, Path::new(program), Path::new(dir), wiring).unwrap())
        .await
        .unwrap();
    cluster.ready(Duration::from_secs(30)).await.unwrap();

    let known = Arc::new(Acknowledged::default());
    let endpoints = links.endpoints("client").unwrap().clone();
    let writing: Vec<_> = (0..writers.parse::<usize>().unwrap())
        .map(|n| tokio::spawn(write(Arc::clone(&known), endpoints.0[n % size].authority().to_owned(), n)))
        .collect();
    let (begin, length) = (clock::now(), Duration::from_secs(seconds));
    let chaos = Chaos::start(Settings {
        plan,
        cluster: Some(cluster.clone()),
        links: Some(links),
        containers: None,
        attached: None,
        admin: Some(cluster.wiring().listened(&chart)),
        journal,
        run: "brutal".to_owned(),
        environment: Vec::new(),
        observer: Box::new(|_| {}),
    })
    .unwrap();
    while clock::now().since(begin) < length && known.violation.lock().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let recovery = chaos.heal_all(Duration::from_secs(60)).await.unwrap();
    known.stop.store(true, Ordering::Relaxed);
    for writer in writing {
        writer.await.unwrap();
    }
    let count = known.count.load(Ordering::Relaxed);
    println!("{} faults, {count} acknowledged writes, recovery {:?}", recovery.applied, recovery.ready);
    if let Some((t, sentence)) = &*known.violation.lock().unwrap() {
        println!("VIOLATION after {:.1} s: {sentence}", t.since(begin).as_secs_f64());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    if compare(&cluster, &known).await {
        println!("VIOLATION at the end");
    }
    chaos.stop().await.unwrap();
}
