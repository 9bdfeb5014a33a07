//! Faults on the network of containers, in network namespaces that this test makes for itself. It runs as root of a user
//! namespace, so it needs no privilege and touches nothing of this machine's network; containers are stood in for by
//! processes, and their engine by a script that knows them.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chaos::{Abilities, Containers, Direction, Disruption, LinkFault, Pair, Shape};
use serde_json::json;

use crate::bed::WITHIN;

/// What the processes of this test are, told by their environment.
const ROLE: &str = "CHAOS_TEST_PACKETS_ROLE";
const PORT: u16 = 7_000;
const MEMBERS: [&str; 3] = ["a", "b", "c"];

/// Runs this test's program once more, as something else.
fn program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "packets::role", "--nocapture"]).env(ROLE, role);
    command
}

/// Not a test by itself: the processes that are needed in other namespaces.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "this process is told by its environment what it is")]
async fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = role.split(' ').collect();
    match words.as_slice() {
        ["world", dir] => world(Path::new(dir)).await,
        ["listen", file] => listen(Path::new(file)),
        ["say", to, text, times] => {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for _ in 0..times.parse().unwrap() {
                socket.send_to(text.as_bytes(), to).unwrap();
            }
        }
        ["connect", to] => drop(TcpStream::connect(to).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Writes down what is heard, a line each; takes connections too.
fn listen(file: &Path) {
    let (udp, tcp) =
        (UdpSocket::bind(("0.0.0.0", PORT)).unwrap(), TcpListener::bind(("0.0.0.0", PORT)).unwrap());
    std::thread::spawn(move || tcp.incoming().for_each(drop));
    fs::write(file, "listening\n").unwrap();
    let mut heard = String::new();
    loop {
        let mut buffer = [0; 2_000];
        let read = udp.recv(&mut buffer).unwrap();
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        heard.push('\n');
        fs::write(file, format!("listening\n{heard}")).unwrap();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where they run")]
fn packets_between_containers_are_cut_lost_reset_and_slowed_and_left_alone_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut probe = Command::new("unshare");
    let possible = probe.args(["--user", "--map-root-user", "--net", "true"]).output();
    if !possible.as_ref().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED, as a user may not make namespaces here: {possible:?}");
        assert!(std::env::var_os("CI").is_none(), "{possible:?}");
        return;
    }
    let role = format!("world {}", dir.path().display());
    let inside = program(&role);
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--user",
        "--map-root-user",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ]);
    let output = unshare.arg(inside.get_program()).args(inside.get_args()).env(ROLE, role).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("the world was tested"), "{said}");
}

/// Members with a network of their own each, on one bridge.
struct World {
    dir: PathBuf,
    members: Vec<Child>,
    listeners: Vec<Child>,
    containers: Containers,
}

impl Drop for World {
    fn drop(&mut self) {
        for child in self.listeners.iter_mut().chain(&mut self.members) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

fn address(member: usize) -> String {
    format!("10.77.0.{}", member + 1)
}

impl World {
    fn new(dir: &Path) -> Self {
        shell("ip link set lo up; ip link add bridge type bridge; ip link set bridge up");
        let (mut members, mut listeners) = (Vec::new(), Vec::new());
        for (n, name) in MEMBERS.iter().enumerate() {
            let member = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
            let pid = member.id();
            members.push(member);
            // Until it has left for its own namespace, it is still in ours.
            let own = || fs::read_link(format!("/proc/{pid}/ns/net")).ok();
            let ours = fs::read_link("/proc/self/ns/net").ok();
            wait(|| own().is_some() && own() != ours);
            shell(&format!(
                "ip link add v{n} type veth peer name eth0 netns {pid}; ip link set v{n} master bridge up; \
                 nsenter -t {pid} -n ip link set lo up; nsenter -t {pid} -n ip addr add {}/24 dev eth0; nsenter -t {pid} -n ip link set eth0 up",
                address(n)
            ));
            let heard = dir.join(format!("heard-{name}"));
            let mut listen = inside(pid, &format!("listen {}", heard.display()));
            listeners.push(listen.stdout(Stdio::null()).spawn().unwrap());
            wait(|| heard.exists());
            let told = json!([{"State": {"Running": true, "Paused": false, "Pid": pid},
                "HostConfig": {"CpuQuota": 0}, "NetworkSettings": {"Networks": {"net": {"IPAddress": address(n)}}}}]);
            fs::write(dir.join(name), told.to_string()).unwrap();
        }
        let engine = dir.join("engine");
        let script =
            format!("#!/bin/sh\n[ \"$1\" = inspect ] && exec cat {}/\"$4\"\nexit 1\n", dir.display());
        fs::write(&engine, script).unwrap();
        fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
        // The last is a client: its namespace is not to be touched.
        let named = |names: &[&str]| names.iter().map(|&name| (name.to_owned(), name.to_owned())).collect();
        let containers = Containers::new(engine, named(&MEMBERS[..2]), named(&MEMBERS[2..]));
        Self { dir: dir.to_owned(), members, listeners, containers }
    }

    fn pid(&self, member: usize) -> u32 {
        self.members[member].id()
    }

    /// How often a member has heard a word.
    fn heard(&self, member: usize, word: &str) -> usize {
        let heard =
            fs::read_to_string(self.dir.join(format!("heard-{}", MEMBERS[member]))).unwrap_or_default();
        heard.lines().filter(|line| *line == word).count()
    }

    /// Sends datagrams, and says how many arrived: a last one, of the hearer to itself, comes after all of them.
    fn say(&self, from: usize, to: usize, times: usize) -> usize {
        let before = (self.heard(to, "hello"), self.heard(to, "end"));
        let said = |from: usize, word: &str, times: usize| {
            let role = format!("say {}:{PORT} {word} {times}", address(to));
            assert!(inside(self.pid(from), &role).output().unwrap().status.success());
        };
        said(from, "hello", times);
        said(to, "end", 1);
        wait(|| self.heard(to, "end") > before.1);
        self.heard(to, "hello") - before.0
    }

    fn connects(&self, from: usize, to: usize) -> bool {
        let role = format!("connect {}:{PORT}", address(to));
        inside(self.pid(from), &role).output().unwrap().status.success()
    }
}

fn inside(pid: u32, role: &str) -> Command {
    let program = program(role);
    let mut command = Command::new("nsenter");
    command.args(["-t", &pid.to_string(), "-n", "--"]).arg(program.get_program()).args(program.get_args());
    command.env(ROLE, role);
    command
}

#[expect(clippy::disallowed_methods, reason = "this is where this test waits")]
fn wait(mut until: impl FnMut() -> bool) {
    for _ in 0..WITHIN.as_millis() / 20 {
        if until() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("waited {WITHIN:?}");
}

fn pairs(pairs: &[(usize, usize)]) -> Vec<Pair> {
    pairs.iter().map(|(from, to)| (MEMBERS[*from].to_owned(), MEMBERS[*to].to_owned())).collect()
}

fn fault(disruption: Disruption) -> LinkFault {
    LinkFault { shape: Shape::Alone, direction: Direction::Both, disruption, clients: false }
}

#[expect(clippy::print_stdout, reason = "whoever started this reads how it went")]
async fn world(dir: &Path) {
    let world = World::new(dir);
    let all = [(0, 1), (1, 0)];
    assert_eq!((world.say(0, 1, 3), world.say(1, 0, 3)), (3, 3), "before anything");

    one_way_and_both(&world).await;

    // Lost by chance: with so many, neither all nor none.
    let mut lossy =
        world.containers.disturb(2, &fault(Disruption::Loss { percent: 50 }), &pairs(&all)).await.unwrap();
    let arrived = world.say(0, 1, 200);
    assert!((1..200).contains(&arrived), "{arrived} of 200");
    assert!(lossy.packets().await.unwrap() > 0);
    lossy.lift().await.unwrap();

    let mut reset = world.containers.disturb(3, &fault(Disruption::Reset), &pairs(&[(0, 1)])).await.unwrap();
    assert!(!world.connects(0, 1) && reset.packets().await.unwrap() > 0);
    reset.lift().await.unwrap();
    assert!(world.connects(0, 1));

    let abilities = Abilities::probe().await;
    println!("{abilities:?}");
    let delay = Disruption::Delay { mean_ms: 20, jitter_ms: 5 };
    for (id, disruption, ability) in
        [(4, Disruption::Bandwidth { bytes_per_s: 50_000 }, abilities.bandwidth), (5, delay, abilities.delay)]
    {
        let slow = world.containers.disturb(id, &fault(disruption), &pairs(&[(0, 1)])).await;
        let Ok(mut slow) = slow else {
            assert!(ability.is_err(), "{disruption:?}: what the probe could do was refused: {slow:?}");
            continue;
        };
        let before = world.heard(1, "hello");
        world.say(0, 1, 10);
        // Slow, but there.
        wait(|| world.heard(1, "hello") == before + 10);
        // There is room for one on a device: a second one is refused, and the first one stays as it is.
        let narrow = fault(Disruption::Bandwidth { bytes_per_s: 9_000 });
        let second = world.containers.disturb(9, &narrow, &pairs(&[(0, 1)])).await;
        assert!(second.is_err(), "{second:?}");
        assert!(slow.packets().await.unwrap() >= 10);
        slow.lift().await.unwrap();
    }
    left_by_a_crash(&world).await;
    println!("the world was tested");
}

async fn one_way_and_both(world: &World) {
    let cut = fault(Disruption::Cut);
    let mut one_way = world.containers.disturb(1, &cut, &pairs(&[(0, 1)])).await.unwrap();
    assert_eq!((world.say(0, 1, 3), world.say(1, 0, 3)), (0, 3), "only one direction is cut");
    assert_eq!(one_way.packets().await.unwrap(), 3);
    // Another fault on the same member is beside it, and outlives it.
    let clients = pairs(&[(2, 1), (1, 2)]);
    let mut off = world.containers.disturb(6, &cut, &clients).await.unwrap();
    assert_eq!((world.say(2, 1, 3), world.say(2, 0, 3)), (0, 3), "a client is cut off from one member only");
    one_way.lift().await.unwrap();
    assert_eq!((world.say(0, 1, 3), world.say(2, 1, 3)), (3, 0));
    off.lift().await.unwrap();
    assert_eq!((world.say(2, 1, 3), off.packets().await.unwrap()), (3, 0));
}

/// Rules that nobody remembers are found and taken back, and a second time there is nothing to do.
async fn left_by_a_crash(world: &World) {
    let both = pairs(&[(0, 1), (1, 0)]);
    let forgotten = world.containers.disturb(7, &fault(Disruption::Cut), &both).await.unwrap();
    let narrow = fault(Disruption::Bandwidth { bytes_per_s: 50_000 });
    let slow = world.containers.disturb(8, &narrow, &both).await;
    drop((forgotten, slow));
    assert_eq!(world.say(0, 1, 3), 0);
    for _ in 0..2 {
        world.containers.reset().await.unwrap();
        assert_eq!((world.say(0, 1, 3), world.say(1, 0, 3)), (3, 3));
    }
    for member in 0..2 {
        let pid = world.pid(member);
        shell(&format!(
            "! nsenter -t {pid} -n iptables -S | grep DT-; ! nsenter -t {pid} -n tc qdisc show | grep htb"
        ));
    }
    // Who has no process has no network.
    let gone = json!([{"State": {"Running": false, "Paused": false, "Pid": 0}}]);
    fs::write(world.dir.join("b"), gone.to_string()).unwrap();
    let none: BTreeMap<String, bool> = [("b".to_owned(), false)].into();
    assert_eq!(world.containers.running(&["b".to_owned()]).await.unwrap(), none);
}
