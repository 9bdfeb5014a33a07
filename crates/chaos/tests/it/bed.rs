//! A real etcd cluster behind proxies, a fault on it at a time, and a client of a few lines.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos::log::{Event, Line};
use chaos::{Chaos, Environment, Journal, Links, Monkey, Plan, Profile, Settings};
use cluster::ports::Ports;
use cluster::{Chart, Cluster, Launch, Places, Wanted, Wiring, obtain};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Far more than anything takes; a test that runs into it has found something.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);
/// Longer than any test takes: a fault that lasts until it is told to end.
const LONG_MS: u64 = 15_000;

/// Three members (or as many as asked for), ready, with proxies on their links.
pub(crate) struct Bed {
    pub(crate) chart: Chart,
    pub(crate) cluster: Cluster,
    pub(crate) links: Links,
    pub(crate) journal: Arc<Journal>,
    _dir: Option<tempfile::TempDir>,
}

/// A fault in effect, with what the log says as it says it.
pub(crate) struct Disturbed {
    pub(crate) chaos: Chaos,
    pub(crate) lines: mpsc::UnboundedReceiver<Line>,
}

/// An etcd: the one that `ETCD_TRAFFIC_TEST_ETCD` names, or any that can be had. Without one, tests are skipped at a desk
/// and fail where `CI` is set.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where they run")]
#[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
pub(crate) async fn etcd() -> Option<PathBuf> {
    let wanted =
        Wanted { bin: std::env::var_os("ETCD_TRAFFIC_TEST_ETCD").map(PathBuf::from), ..Wanted::default() };
    let places = Places::from_environment().unwrap();
    match obtain(&chart(), &wanted, &places, Arc::new(|_| {})).await {
        Ok(found) => Some(found.path),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            println!("SKIPPED, for want of etcd: {error}");
            None
        }
    }
}

pub(crate) fn chart() -> Chart {
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts");
    cluster::chart::load(&charts, "etcd").unwrap()
}

impl Bed {
    pub(crate) async fn new(size: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut bed = Self::in_directory(dir.path(), size).await?;
        bed.cluster.ready(WITHIN).await.unwrap();
        bed._dir = Some(dir);
        Some(bed)
    }

    /// Started, but not waited for.
    pub(crate) async fn in_directory(dir: &Path, size: usize) -> Option<Self> {
        let program = etcd().await?;
        let (chart, mut ports) = (chart(), Ports::outside_ephemeral());
        let journal = Arc::new(Journal::open(dir).unwrap());
        let mut wiring = Wiring::direct(&chart, size, &mut ports).unwrap();
        let links = Links::wire(&chart, &mut wiring, &mut ports, &["client1", "client2"]).unwrap();
        journal.mark_members(&mut wiring);
        let cluster = Cluster::start(Launch::new(&chart, &program, dir, wiring).unwrap()).await.unwrap();
        Some(Self { chart, cluster, links, journal, _dir: None })
    }

    /// Carries out a plan of these monkeys.
    pub(crate) fn run(&self, profile: &Profile, own: &[Monkey], seed: u64) -> Disturbed {
        let here = Environment::of_processes(&self.chart, self.cluster.members().len()).unwrap();
        let plan = Plan::draw(profile, own, seed, Duration::from_secs(3_600), &here).unwrap();
        let (tell, lines) = mpsc::unbounded_channel();
        let chaos = Chaos::start(Settings {
            plan,
            cluster: Some(self.cluster.clone()),
            links: Some(self.links.clone()),
            containers: None,
            attached: None,
            admin: Some(self.cluster.wiring().listened(&self.chart)),
            journal: Arc::clone(&self.journal),
            run: "test".to_owned(),
            environment: Vec::new(),
            observer: Box::new(move |line| drop(tell.send(line.clone()))),
        });
        Disturbed { chaos: chaos.unwrap(), lines }
    }

    /// Applies one fault that lasts until it is healed, and waits until it is in effect.
    pub(crate) async fn disturb(&self, fault: &str, on: &str) -> Disturbed {
        let lasts =
            if ["kill", "wipe", "links", "pause", "stop", "throttle"].iter().any(|one| fault.contains(one)) {
                format!("lasts_ms: [{LONG_MS}, {LONG_MS}],")
            } else {
                String::new()
            };
        let monkey = format!("{{fault: {fault}, on: {on}, {lasts} every_ms: [1, {LONG_MS}]}}");
        let mut monkey: Monkey = serde_saphyr::from_str(&monkey).unwrap();
        // The first is due at once; the next never comes.
        monkey.every_ms = (1, 1).into();
        let mut disturbed = self.run(&Profile::shipped("none").unwrap(), &[monkey], 7);
        disturbed.until(|event| matches!(event, Event::Applied { .. })).await;
        disturbed
    }

    /// Puts through one member, by the way of one client.
    pub(crate) async fn put(&self, client: &str, member: usize) -> Result<String, String> {
        let url = &self.links.endpoints(client).unwrap().0[member];
        post(url.authority(), "/v3/kv/put", r#"{"key":"YQ==","value":"MQ=="}"#).await
    }

    /// Puts through one member until that is acknowledged.
    pub(crate) async fn put_at_last(&self, client: &str, member: usize) {
        let trying = async { while self.put(client, member).await.is_err() {} };
        timeout(WITHIN, trying).await.unwrap();
    }

    /// What went from one to another so far.
    pub(crate) fn counts(&self, from: &str, to: &str) -> chaos::Counts {
        let row = self.links.matrix().into_iter().find(|row| row.from == from && row.to == to);
        row.unwrap_or_else(|| panic!("no link from {from} to {to}")).counts
    }

    /// Waits until a link has counted what is wanted.
    pub(crate) async fn until(&self, from: &str, to: &str, wanted: impl Fn(chaos::Counts) -> bool) {
        let counted = async {
            while !wanted(self.counts(from, to)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let late = timeout(WITHIN, counted).await.is_err();
        assert!(!late, "{from} to {to}: {:?}", self.counts(from, to));
    }
}

impl Disturbed {
    /// Waits until the log says so.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Line {
        let mut seen = Vec::new();
        loop {
            match timeout(WITHIN, self.lines.recv()).await {
                Ok(Some(line)) if wanted(&line.event) => return line,
                Ok(Some(line)) => seen.push(line.event),
                end => panic!("{end:?} {:?} after {seen:#?}", self.chaos.failure().borrow()),
            }
        }
    }

    /// Heals everything; the members must come back. Gives the last line about the fault's end.
    pub(crate) async fn heal(&mut self) -> Event {
        let recovery = self.chaos.heal_all(WITHIN).await.unwrap();
        recovery.ready.unwrap();
        self.until(|event| matches!(event, Event::Healed { .. })).await.event
    }

    /// Heals, and insists that the fault had an effect.
    pub(crate) async fn heal_applied(&mut self) {
        let healed = self.heal().await;
        assert!(matches!(healed, Event::Healed { really_applied: true, .. }), "{healed:#?}");
    }
}

/// One HTTP request over a connection of its own, with two seconds for everything.
pub(crate) async fn post(authority: &str, path: &str, body: &str) -> Result<String, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(authority).await?;
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(Duration::from_secs(2), exchange).await.map_err(|_| "no answer".to_owned())?;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") { Ok(answer) } else { Err(answer) }
}
