//! What recording costs the traffic: one client with and without it in turns, then fifty at once on three members.
//!
//! `cargo run --release -p etcd_traffic --example throughput -- ETCD [DIRECTORY]`
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example for people")]

use std::path::Path;
use std::time::Duration;

use checker::etcd::Options;
use cluster::ports::Ports;
use cluster::{Cluster, Launch, Wiring};
use etcd_traffic::{Client, Config, Session, config};
use futures_util::future::join_all;
use history::{History, Sources, clock};

const TURNS: usize = 20;
const PAIRS: usize = 200;
const CLIENTS: usize = 50;
const SECONDS: u64 = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().expect("usage: throughput ETCD [DIRECTORY]");
    let dir = match arguments.next() {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts");
    let chart = cluster::chart::load(&charts, "etcd").unwrap();
    let wiring = Wiring::direct(&chart, 3, &mut Ports::outside_ephemeral()).unwrap();
    let launch = Launch::new(&chart, Path::new(&program), &dir.path().join("members"), wiring).unwrap();
    let cluster = Cluster::start(launch).await.unwrap();
    cluster.ready(Duration::from_secs(60)).await.unwrap();
    let config = |name: &str| {
        let variable = |variable: &str| match variable {
            config::ENDPOINTS => Some(cluster.endpoints().to_string()),
            config::DIR => Some(dir.path().join(name).display().to_string()),
            _ => None,
        };
        Config::from_variables("throughput", dir.path(), variable).unwrap()
    };
    // The crowd comes first, while nobody else has written to the store.
    let (many, few) = (config("many"), config("few"));
    let session = Session::begin(&many).unwrap();
    let (answered, seconds) = crowd(&session).await;
    session.close().unwrap();
    let peak = peak_mib();
    let session = Session::begin(&few).unwrap();
    let (bare, recorded) = one(&session).await;
    session.close().unwrap();
    cluster.stop(Duration::from_secs(10)).await.unwrap();

    println!(
        "one client: {bare:.0} operations a second without recording, {recorded:.0} with it: {:.0} % (aim: 80 %; medians \
         of {TURNS} turns of {PAIRS} puts and gets)",
        100.0 * recorded / bare
    );
    let sources = Sources::read_dir(&many.dir.join("history")).unwrap();
    let history = History::parse(&sources).unwrap();
    let verdict = checker::etcd::check(&history, &Options::own_store()).verdict;
    println!(
        "{CLIENTS} clients: {:.0} operations a second on three members (aim: 5,000); {answered} answered, {} in the \
         history, which is {verdict}; at most {peak} MiB of memory (aim: 50)",
        answered as f64 / seconds,
        history.operations.len(),
    );
}

/// Operations a second of one client, without and with recording.
async fn one(session: &Session<'_>) -> (f64, f64) {
    let member = &session.config().members[0];
    let mut bare = etcd_client::Client::connect([&member.url], None).await.unwrap();
    let mut client = session.client(member).await.unwrap();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let rate = |begin: history::Nanos| 2.0 * PAIRS as f64 / clock::now().since(begin).as_secs_f64();
    for _ in 0..TURNS {
        let begin = clock::now();
        for n in 0..PAIRS {
            let key = format!("bare{}", n % 100);
            bare.put(key.as_str(), "value", None).await.unwrap();
            bare.get(key.as_str(), None).await.unwrap();
        }
        without.push(rate(begin));
        let begin = clock::now();
        for n in 0..PAIRS {
            pair(&mut client, n).await;
        }
        with.push(rate(begin));
    }
    (median(without), median(with))
}

async fn pair(client: &mut Client<'_>, n: usize) {
    let key = format!("kept{}", n % 100);
    client.put(key.as_bytes(), b"value").await.unwrap().unwrap();
    client.get(key.as_bytes()).await.unwrap().unwrap();
}

/// What all clients together were answered, and in how many seconds.
async fn crowd(session: &Session<'_>) -> (usize, f64) {
    let mut lines = Vec::new();
    for member in &session.config().members {
        lines.push(session.client(member).await.unwrap());
    }
    let begin = clock::now();
    let until = begin.plus(Duration::from_secs(SECONDS));
    let lines = &lines;
    let clients = (0..CLIENTS).map(async |number| {
        let mut client = session.beside(&lines[number % lines.len()]);
        let mut answered = 0;
        while clock::now() < until {
            pair(&mut client, number + answered).await;
            answered += 2;
        }
        answered
    });
    let answered = join_all(clients).await.into_iter().sum();
    (answered, clock::now().since(begin).as_secs_f64())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// The most memory that this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
    kib.unwrap_or(0_u64) / 1024
}
