//! Each command by itself, on a cluster where nothing is wrong.

use std::collections::BTreeSet;

use crate::command::{
    ALL, ANYTIME, CORNERS, CROWD, DRIVER, EVENTUALLY, FINALLY, FIRST, LEASES, LOCKS, MAINTENANCE, MEMBERS,
    Place, REPLICAS, TRANSACTIONS, WATCHES, WORKLOADS, parse,
};
use crate::etcd;
use properties::message;

/// The messages of the template that this one goes back to.
const SEED: [&str; 5] = [
    "Client can make successful put requests",
    "Client put requests can fail",
    "Client can make successful get requests",
    "Client get requests can fail",
    "Database key values stay consistent",
];

#[tokio::test]
async fn each_command_alone_catalogs_and_hits_the_messages_of_the_seed() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    for program in ALL {
        let name = program.rsplit('/').next().unwrap();
        let place = Place::new(dir.path(), name, &etcd::endpoints(&cluster));
        place.run(program);
        let properties = place.properties();
        for message in SEED {
            let property = properties.get(message).unwrap_or_else(|| panic!("{name}: {message}"));
            assert!(property.catalogued, "{name}: {message}");
            assert!(property.held.len() + property.failed.len() > 0, "{name}: {message}");
        }
        assert_eq!(properties[SEED[0]].held[0], serde_json::json!({ "error": null }));
        assert_eq!(properties[SEED[4]].held[0], serde_json::json!({ "mismatch": null }));
        assert!(properties[message::VALUES_READ_BACK].failed.is_empty(), "{name} is not vacuous");
        // Whatever a command catalogs it also reaches: an assertion out of its reach would fail on the platform.
        for (message, property) in &properties {
            assert!(property.held.len() + property.failed.len() > 0, "{name} does not reach: {message}");
        }
    }
}

#[tokio::test]
async fn each_workload_alone_reaches_all_that_it_catalogs_and_leaves_a_sound_history() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let corners = CORNERS.map(|program| (program, "3000"));
    for (program, phase_ms) in WORKLOADS.map(|program| (program, "8000")).into_iter().chain(corners) {
        let name = program.rsplit('/').next().unwrap();
        let place = Place::new(dir.path(), name, &etcd::endpoints(&cluster));
        let mut command = place.command(program);
        let output = command
            .env("ETCD_TRAFFIC_REQUESTS", "300")
            .env("ETCD_TRAFFIC_PHASE_MS", phase_ms)
            .output()
            .unwrap();
        let said = crate::command::succeeded(&output);
        assert!(said.contains("requests answered"), "{name}: {said}");
        for (message, property) in &place.properties() {
            assert!(property.catalogued, "{name}: {message}");
            assert!(property.held.len() + property.failed.len() > 0, "{name} does not reach: {message}");
            let always =
                message::ALL.iter().any(|(known, kind)| known == message && *kind == message::Kind::Always);
            assert!(!always || property.failed.is_empty(), "{name}: {message}: {property:?}");
        }
        let sources = place.sources();
        let report = checker::etcd::check(&parse(&sources), &checker::etcd::Options::default());
        assert!(!matches!(report.verdict, checker::Verdict::Invalid(_)), "{name}: {}", report.verdict);
    }
}

#[tokio::test]
async fn a_run_of_all_commands_is_consistent_and_shows_every_property_of_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(3, dir.path(), &[]).await else { return };
    let place = Place::new(dir.path(), "run", &etcd::endpoints(&cluster));
    assert!(place.run(FIRST).ends_with("Client: every member is healthy\n"));
    assert!(place.run(DRIVER).ends_with("Client: validation ok! 10 keys compared\n"));
    let said = place.run(CROWD);
    assert!(said.contains("Client: traffic simulated! 10 puts acknowledged, 0 unknown, 0 failed"), "{said}");
    assert!(
        place.run(ANYTIME).contains("Client: validation ok! 21 keys compared"),
        "of 3 + 20, 20, and its own"
    );
    let said = place.run(EVENTUALLY);
    assert!(said.contains("Client: all 3 members hold the same"), "{said}");
    assert!(said.contains("Client: validation ok! 27 keys compared"), "24 + 3: {said}");
    for program in [TRANSACTIONS, WATCHES, LEASES, LOCKS, MAINTENANCE, MEMBERS, REPLICAS] {
        place.run(program);
    }
    assert!(place.run(FINALLY).ends_with("Client: the history of all clients is valid\n"));

    let properties = place.properties();
    let shown: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    // These are of corners to which no command of the other templates goes.
    let of_corners = [
        message::LEARNER_STAYS,
        message::LEARNER_MOVED,
        message::PERMISSIONS_HELD,
        message::PERMISSIONS_TRIED,
        message::WATCH_PERMITTED,
        message::WATCH_TRIED,
        message::ROOM_COMES_BACK,
        message::QUOTA_MET,
    ];
    let elsewhere = |message: &str| !of_corners.contains(&message);
    let table: BTreeSet<&str> =
        message::ALL.iter().map(|(message, _)| *message).filter(|message| elsewhere(message)).collect();
    assert_eq!(shown, table);
    for (message, kind) in message::ALL.iter().filter(|(message, _)| elsewhere(message)) {
        let property = &properties[*message];
        assert!(*kind != message::Kind::Always || property.failed.is_empty(), "{message}: {property:?}");
    }
    let companions = [
        message::DURABLE_CHECKED,
        message::KEPT_CHECKED,
        message::CONVERGED_COMPARED,
        message::REVISIONS_ADVANCE,
        message::LINEARIZABLE_DECIDED,
    ];
    for companion in companions {
        assert!(!properties[companion].held.is_empty(), "{companion}");
    }

    let sources = place.sources();
    let history = parse(&sources);
    assert!(history.files.iter().all(|file| file.closed && file.open == 0), "{:?}", history.files);
    assert!(history.operations.len() > 40);
}

#[tokio::test]
async fn a_seed_and_a_number_decide_what_a_driver_writes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let wrote = |name: &str, seed: &str, number: &str| {
        let place = Place::new(dir.path(), name, &etcd::endpoints(&cluster));
        let mut command = place.command(DRIVER);
        let output =
            command.env("ETCD_TRAFFIC_SEED", seed).env("ETCD_TRAFFIC_NUMBER", number).output().unwrap();
        let said = crate::command::succeeded(&output);
        let keys = said.lines().filter(|line| line.contains("successful get")).map(str::to_owned);
        keys.collect::<Vec<_>>()
    };
    let first = wrote("a", "7", "1");
    assert_eq!(first.len(), 10);
    assert_eq!(first, wrote("b", "7", "1"));
    assert_ne!(first, wrote("c", "7", "2"));
    assert_ne!(first, wrote("d", "8", "1"));
}
