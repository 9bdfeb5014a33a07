//! Rules as the words they are made of, and what engines and tools print.

use serde_json::json;

use super::engine::seen;
use super::rules::{chain_packets, chains, device_packets};
use super::*;

fn network() -> Network {
    let address = |last: u8| Ipv4Addr::new(10, 7, 0, last);
    let addresses = [("a", 1), ("b", 2), ("client", 9)].map(|(name, last)| (name.to_owned(), address(last)));
    let devices = ["a", "b"].map(|name| (name.to_owned(), "eth0".to_owned()));
    Network { addresses: addresses.into(), devices: devices.into() }
}

fn pair(from: &str, to: &str) -> Pair {
    (from.to_owned(), to.to_owned())
}

fn lines(commands: &[Vec<String>]) -> Vec<String> {
    commands.iter().map(|words| words.join(" ").replace("iptables -w 5 ", "")).collect()
}

#[test]
fn what_shall_not_be_heard_is_dropped_where_it_arrives() {
    let all = rules::filter(7, Filter::Drop, &[pair("a", "b"), pair("client", "b")], &network());
    assert_eq!(all.len(), 1, "both are heard by b");
    assert_eq!(all[0].member, "b");
    assert_eq!(
        lines(&all[0].apply),
        [
            "-N DT-7",
            "-A DT-7 -s 10.7.0.1 -j DROP",
            "-A DT-7 -s 10.7.0.9 -j DROP",
            "-I INPUT -j DT-7",
            "-I OUTPUT -j DT-7",
        ]
    );
    assert_eq!(lines(&all[0].undo), ["-D INPUT -j DT-7", "-D OUTPUT -j DT-7", "-F DT-7", "-X DT-7"]);
}

#[test]
fn what_shall_not_be_said_to_a_client_is_dropped_where_it_leaves() {
    let all = rules::filter(1, Filter::Reset, &[pair("a", "client"), pair("a", "stranger")], &network());
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].member, "a");
    assert_eq!(lines(&all[0].apply)[1], "-A DT-1 -d 10.7.0.9 -p tcp -j REJECT --reject-with tcp-reset");
    let some = rules::filter(1, Filter::Lose { percent: 5 }, &[pair("a", "b")], &network());
    assert_eq!(
        lines(&some[0].apply)[1],
        "-A DT-1 -s 10.7.0.1 -m statistic --mode random --probability 0.05 -j DROP"
    );
}

#[test]
fn what_is_slowed_is_slowed_where_it_leaves_and_nothing_else_is() {
    let narrow = Shaping::Bandwidth { bytes_per_s: 2_000 };
    let all = rules::shape(narrow, &[pair("a", "b"), pair("a", "client"), pair("client", "a")], &network());
    assert_eq!(all.len(), 1, "what a client sends does not leave a namespace of ours");
    let lines = lines(&all[0].apply);
    assert_eq!(lines[0], "tc qdisc add dev eth0 root handle 64a: htb default 1");
    assert!(
        lines[3].ends_with("parent 64a:2 handle 64b: tbf rate 16000bit burst 4096 latency 2000ms"),
        "{lines:?}"
    );
    assert!(lines[4].ends_with("match ip dst 10.7.0.2/32 flowid 64a:2"), "{lines:?}");
    assert_eq!(lines.len(), 6);
    let slow = rules::shape(Shaping::Delay { mean_ms: 50, jitter_ms: 9 }, &[pair("b", "a")], &network());
    assert!(self::lines(&slow[0].apply)[3].ends_with("netem delay 50ms 9ms"));
}

#[test]
fn what_tools_print_is_understood() {
    let listed = "Chain DT-7 (2 references)
    pkts      bytes target     prot opt in     out     source               destination
       3      252 DROP       0    --  *      *       10.7.0.1             0.0.0.0/0
      12     1008 DROP       0    --  *      *       10.7.0.9             0.0.0.0/0
";
    assert_eq!(chain_packets(listed), 15);
    let shown = r#"[{"kind":"htb","handle":"64a:","packets":90},{"kind":"tbf","handle":"64b:","packets":7,"drops":1}]"#;
    assert_eq!(device_packets(shown), 7);
    assert_eq!(chains("-P INPUT ACCEPT\n-N DT-7\n-N DOCKER\n-A INPUT -j DT-7\n"), ["DT-7"]);

    let told = |pid: u32, paused: bool, quota: i64| {
        json!({"State": {"Running": pid > 0, "Paused": paused, "Pid": pid}, "HostConfig": {"CpuQuota": quota},
            "NetworkSettings": {"Networks": {"none": {"IPAddress": ""}, "net": {"IPAddress": "10.7.0.1"}}}})
    };
    let running = seen(&told(5, true, 20_000));
    assert_eq!((running.pid, running.paused, running.limited), (Some(5), true, true));
    assert_eq!(running.address, Some(Ipv4Addr::new(10, 7, 0, 1)));
    let ended = seen(&told(0, false, -1));
    assert_eq!((ended.pid, ended.running, ended.limited), (None, false, false));
}

#[tokio::test]
async fn an_engine_that_is_not_there_and_a_member_without_a_container_are_told() {
    let members = [("a".to_owned(), "id".to_owned())].into();
    let containers = Containers::new("/nowhere/docker", members, BTreeMap::new());
    let error = containers.kill(&["a".to_owned()]).await.unwrap_err().to_string();
    assert_eq!(error, "`/nowhere/docker inspect --type container id`: /nowhere/docker is not installed");
    let error = containers.kill(&["b".to_owned()]).await.unwrap_err().to_string();
    assert_eq!(error, "there is no container for b");
}
