//! The shape of lines, and what comes back from them.

use super::*;
use crate::fault::LinkFault;
use crate::shape::Shape;

fn fault(id: u64, kind: Kind) -> Fault {
    let members = ["etcd1", "etcd0", "etcd2"].map(str::to_owned).into();
    Fault { id, monkey: "m".into(), kind, members, lasts_ms: 1_500, seed: 9 }
}

fn applied(fault: &Fault) -> Event {
    Event::Applied {
        applied: fault.clone(),
        label: fault.kind.label().to_owned(),
        began: Nanos(5),
        majority_untouched: true,
        healthy_before: BTreeMap::new(),
        details: Map::new(),
    }
}

#[test]
fn lines_have_the_shape_of_the_platform() {
    let disruption = Disruption::Delay { mean_ms: 50, jitter_ms: 20 };
    let link = LinkFault { shape: Shape::Alone, direction: Direction::Out, disruption, clients: false };
    let slow = fault(3, Kind::Links(link));
    assert_eq!(
        of_the_platform(&applied(&slow), &slow).unwrap(),
        json!({
            "name": "clog", "type": "network", "affected_nodes": ["etcd1", "etcd0", "etcd2"], "max_duration": 1.5,
            "details": {
                "disruption_type": "Slowed", "asymmetric": true, "partitions": [["etcd1"], ["etcd0", "etcd2"]],
                "latency": {"mean": 50, "deviation": 20},
            },
        })
    );
    for (kind, expected) in [
        (Kind::Kill, ("kill", "node")),
        (Kind::Stop, ("stop", "node")),
        (Kind::Pause, ("pause", "node")),
        (Kind::Throttle { stopped_ms: 1, running_ms: 1 }, ("throttle", "node")),
        (Kind::MoveLeader, ("move_leader", "custom")),
    ] {
        let fault = fault(1, kind);
        let shown = of_the_platform(&applied(&fault), &fault).unwrap();
        assert_eq!((shown["name"].as_str().unwrap(), shown["type"].as_str().unwrap()), expected);
    }
}

#[test]
fn the_lines_of_a_fault_come_together_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::create(dir.path(), "run", 7).unwrap();
    let (done, broken_off) = (fault(1, Kind::Kill), fault(2, Kind::Pause));
    log.write(applied(&done), Some(&done)).unwrap();
    let details: Map<_, _> = [("pid".to_owned(), json!(5))].into_iter().collect();
    let healed = Event::Healed { id: 1, began: Nanos(6), really_applied: true, details, links: Vec::new() };
    let healed = log.write(healed, Some(&done)).unwrap();
    assert_eq!(healed.fault.as_ref().unwrap()["name"], "restore");
    log.write(Event::Settled { id: 1, recovered_ms: Some(80), reason: None, links_after: Vec::new() }, None)
        .unwrap();
    log.write(applied(&broken_off), Some(&broken_off)).unwrap();
    log.write(Event::Recovered { took_ms: None, reason: Some("etcd1 is gone".into()) }, None).unwrap();
    log.file.write_all(b"{\"source\"").unwrap();

    let read = read(dir.path()).unwrap();
    let kill = &read.applied[0];
    assert_eq!((&kill.fault, kill.from, kill.until), (&done, Nanos(5), Some(healed.t)));
    assert!(kill.really_applied && kill.recovered_ms == Some(80) && kill.details["pid"] == 5);
    assert_eq!((read.applied[1].until, read.applied[1].really_applied), (None, false));
    assert_eq!(read.recoveries[0].reason.as_deref(), Some("etcd1 is gone"));
    assert_eq!(read.broken, 1);
    let members = ["etcd0", "etcd1", "etcd2"].map(str::to_owned);
    assert!(read.majority_untouched(&members, Nanos(4)), "before the first fault");
    assert!(!read.majority_untouched(&members, healed.t), "all three were killed");
    assert!(!read.majority_untouched(&members, Nanos::MAX), "nobody knows when the pause ended");
    assert_eq!(super::read(&dir.path().join("nowhere")).unwrap(), FaultLog::default());
}
