//! What idle proxies cost: the latency of puts to a cluster with proxies on all links, and to one without, in turns.
//!
//! `cargo run --release -p chaos --example proxy_cost -- ETCD [DIRECTORY]`
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example for people")]

#[path = "shared/client.rs"]
mod client;

use std::path::Path;
use std::time::Duration;

use chaos::Links;
use client::Client;
use cluster::ports::Ports;
use cluster::{Cluster, Launch, Wiring};
use history::clock;

const PUTS: usize = 3_000;

struct Side {
    _cluster: Cluster,
    _links: Option<Links>,
    client: Client,
    nanos: Vec<u64>,
}

async fn side(program: &Path, dir: &Path, proxies: bool) -> Side {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts");
    let chart = cluster::chart::load(&charts, "etcd").unwrap();
    let mut ports = Ports::outside_ephemeral();
    let mut wiring = Wiring::direct(&chart, 3, &mut ports).unwrap();
    let links = proxies.then(|| Links::wire(&chart, &mut wiring, &mut ports, &["client"]).unwrap());
    let cluster = Cluster::start(Launch::new(&chart, program, dir, wiring).unwrap()).await.unwrap();
    cluster.ready(Duration::from_secs(30)).await.unwrap();
    // The same role on both sides, or the way of a put differs by a hop.
    let gateway = chaos::Gateway::new(cluster.wiring().listened(&chart));
    let leader = gateway.leader().await.unwrap();
    let endpoints = cluster.endpoints();
    let member = endpoints.0.iter().find(|endpoint| endpoint.name == leader).unwrap();
    let client = Client::connect(member.authority()).await.unwrap();
    Side { _cluster: cluster, _links: links, client, nanos: Vec::new() }
}

impl Side {
    async fn put(&mut self, n: usize) {
        let begin = clock::now();
        self.client.put(&format!("key{}", n % 100), "value").await.unwrap();
        self.nanos.push(u64::try_from(clock::now().since(begin).as_nanos()).unwrap());
    }

    fn quantile(&mut self, percent: usize) -> f64 {
        self.nanos.sort_unstable();
        Duration::from_nanos(self.nanos[(self.nanos.len() - 1) * percent / 100]).as_secs_f64() * 1e6
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().expect("usage: proxy_cost ETCD [DIRECTORY]");
    let root = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(root).unwrap();
    let mut with = side(Path::new(&program), &dir.path().join("with"), true).await;
    let mut without = side(Path::new(&program), &dir.path().join("without"), false).await;
    for n in 0..PUTS {
        with.put(n).await;
        without.put(n).await;
    }
    for percent in [25, 50, 75, 99] {
        let (a, b) = (with.quantile(percent), without.quantile(percent));
        println!("{percent} %: {a:.0} us with proxies, {b:.0} us without, ratio {:.3}", a / b);
    }
}
