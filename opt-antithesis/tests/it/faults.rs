//! Commands in trouble: nobody answers, the command is killed, a write is lost, the environment makes no sense.

use std::io::Read as _;
use std::process::Stdio;

use history::{Call, Outcome, Put, Reply, Writer};
use properties::message;

use crate::command::{
    ALL, ANYTIME, CROWD, DRIVER, EVENTUALLY, FINALLY, FIRST, Place, WORKLOADS, parse, succeeded,
};
use crate::etcd;

/// Members that refuse every connection: ports that were free a moment ago.
fn nobody() -> String {
    let free = |name: &str| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("{name}=http://{}", listener.local_addr().unwrap())
    };
    [free("etcd0"), free("etcd1"), free("etcd2")].join(",")
}

#[test]
fn where_nobody_answers_a_command_records_it_and_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    for program in ALL.into_iter().chain(WORKLOADS) {
        let name = program.rsplit('/').next().unwrap();
        let place = Place::new(dir.path(), name, &nobody());
        let said = succeeded(&place.command(program).env("ETCD_TRAFFIC_WAIT_MS", "1").output().unwrap());
        assert!(said.contains("connect-refused"), "{name}: {said}");
        let sources = place.sources();
        let history = parse(&sources);
        assert!(!history.operations.is_empty(), "{name}");
        for operation in &history.operations {
            assert!(matches!(&operation.outcome, Outcome::Failed(why) if why.class == "connect-refused"));
        }
    }
    let properties = Place::new(dir.path(), "eventually_cluster_recovers", "").properties();
    let lacking = &properties[message::RECOVERED].failed[0]["lacking"];
    assert_eq!(lacking[0], "etcd0 gives no status (connect-refused)");
}

#[tokio::test]
async fn a_member_that_is_killed_makes_puts_fail_and_nothing_inconsistent() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let place = Place::new(dir.path(), "run", &etcd::endpoints(&cluster));
    let mut command = place.command(DRIVER);
    command.env("ETCD_TRAFFIC_REQUESTS", "1000").env("ETCD_TRAFFIC_PHASE_MS", "60000");
    let mut child = command.spawn().unwrap();
    wait_for_output(&mut child, 2_000);
    cluster.members()[0].kill().await.unwrap();
    let said = succeeded(&child.wait_with_output().unwrap());
    assert!(said.contains("unsuccessful put"), "{said}");
    let properties = place.properties();
    assert_eq!(properties[message::PUTS_FAIL].held.len(), 1);
    assert_eq!(properties[message::PUTS_SUCCEED].held.len(), 1);

    // After a restart what was acknowledged is there, and what was not is looked for.
    cluster.members()[0].start().unwrap();
    place.run(EVENTUALLY);
    let properties = place.properties();
    assert_eq!(properties[message::RECOVERED].held.len(), 1);
    for message in [message::KEPT, message::VALUES_CONSISTENT] {
        assert_eq!(properties[message].failed.len(), 0, "{:?}", properties[message]);
    }
}

#[tokio::test]
async fn a_crowd_goes_on_when_its_member_is_back_and_reads_what_it_was_promised() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let place = Place::new(dir.path(), "run", &etcd::endpoints(&cluster));
    let mut command = place.command(CROWD);
    command.env("ETCD_TRAFFIC_REQUESTS", "100000").env("ETCD_TRAFFIC_PHASE_MS", "10000");
    let child = command.spawn().unwrap();
    wait_for_puts(&place, 20).await;
    cluster.members()[0].kill().await.unwrap();
    cluster.members()[0].start().unwrap();
    let said = succeeded(&child.wait_with_output().unwrap());
    assert!(!said.contains("successful put"), "thousands of puts are not printed: {said}");

    let sources = place.sources();
    let history = parse(&sources);
    let is_put = |call: &Call<'_>| matches!(call, Call::Put(_) | Call::Txn(_));
    let puts = || history.operations.iter().filter(|operation| is_put(&operation.call));
    let keys: std::collections::BTreeSet<_> = puts().map(|put| format!("{:?}", put.call)).collect();
    assert_eq!(keys.len(), puts().count(), "no put is made twice");
    assert!(puts().any(|put| !matches!(put.outcome, Outcome::Ok(_))), "the kill was noticed");
    let properties = place.properties();
    assert_eq!(properties[message::VALUES_READ_BACK].held.len(), 1, "{said}");
    for message in [message::VALUES_CONSISTENT, message::REVISIONS_ORDERED] {
        assert!(properties[message].failed.is_empty(), "{message}: {said}");
    }
    assert!(place.run(EVENTUALLY).contains("Client: validation ok!"));
}

/// Waits until a command has got so many answers, as its history says.
async fn wait_for_puts(place: &Place, answers: usize) {
    loop {
        let files = std::fs::read_dir(place.dir.join("shared/history"));
        let file = files.ok().and_then(|mut files| files.next()).map(|file| file.unwrap().path());
        let text = file.map_or_else(String::new, |file| std::fs::read_to_string(file).unwrap());
        if text.matches(r#""o":"ok""#).count() >= answers {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Reads the first `bytes` of a command's output: it is at work by then.
fn wait_for_output(child: &mut std::process::Child, bytes: usize) {
    child.stdout.as_mut().unwrap().read_exact(&mut vec![0; bytes]).unwrap();
}

#[tokio::test]
async fn a_killed_command_leaves_its_operation_open() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let place = Place::new(dir.path(), "run", &etcd::endpoints(&cluster));
    let mut command = place.command(DRIVER);
    command.env("ETCD_TRAFFIC_REQUESTS", "100000").env("ETCD_TRAFFIC_PHASE_MS", "60000");
    command.env("ETCD_TRAFFIC_TIMEOUT_MS", "60000");
    let mut child = command.spawn().unwrap();
    wait_for_output(&mut child, 2_000);
    // A member that stands still keeps the command in the middle of a put.
    cluster.members()[0].pause().unwrap();
    let mut calls = 0;
    loop {
        let sources = place.sources();
        let file = parse(&sources).files[0].clone();
        if file.open == 1 && file.operations == calls {
            break;
        }
        calls = file.operations;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    cluster.members()[0].resume().unwrap();

    let sources = place.sources();
    let history = parse(&sources);
    assert_eq!((history.files[0].open, history.files[0].closed), (1, false));
    let last = history.operations.last().unwrap();
    assert!(matches!(last.call, Call::Put(_)));
    assert_eq!(last.outcome, Outcome::Unknown(None));
}

/// A history that claims a put which the store has never seen: for the store's client, a lost write.
fn claim_a_write(place: &Place) {
    let writer = Writer::create(&place.dir.join("shared/history"), "", "main/liar", 7).unwrap();
    let put = Put { key: "never-there".into(), value: "1".into(), ..Put::default() };
    let id = writer.invoke(0, "etcd0", &Call::Put(put)).unwrap();
    writer.finish(id, &Outcome::Ok(Reply::Put { revision: 2, prev: None })).unwrap();
}

#[tokio::test]
async fn a_lost_write_fails_the_properties_with_its_key_and_not_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    for (program, message) in [(ANYTIME, message::DURABLE), (EVENTUALLY, message::KEPT)] {
        let place = Place::new(dir.path(), &message.replace(' ', "-"), &etcd::endpoints(&cluster));
        claim_a_write(&place);
        let said = place.run(program);
        assert!(said.contains("a key value mismatch! This shouldn't happen. key 'never-there'"), "{said}");
        let properties = place.properties();
        for message in [message, message::VALUES_CONSISTENT] {
            let details = &properties[message].failed[0]["mismatch"];
            assert_eq!(details["kind"], "lost", "{message}");
            assert_eq!(details["key"], "never-there");
            assert_eq!(details["expected"], serde_json::json!({ "value": "1", "revision": 2 }));
            assert_eq!(details["found"], serde_json::Value::Null);
        }
    }
}

#[tokio::test]
async fn a_value_that_is_not_the_one_that_was_put_is_not_linearizable() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let place = Place::new(dir.path(), "run", &etcd::endpoints(&cluster));
    place.run(FIRST);
    place.run(DRIVER);
    // As if the first of the driver's puts had written something else than what every reader sees.
    let history =
        std::fs::read_dir(place.dir.join("shared/history")).unwrap().map(|entry| entry.unwrap().path());
    let file = history.into_iter().find(|path| path.display().to_string().contains("driver")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let put = text.lines().find(|line| line.contains(r#""f":"put""#)).unwrap();
    let value = put.split(r#""v":""#).nth(1).unwrap();
    std::fs::write(&file, text.replace(put, &put.replace(value, "changed\"}"))).unwrap();

    let said = place.run(FINALLY);
    assert!(said.contains("Client: the history of all clients is invalid: "), "{said}");
    let properties = place.properties();
    let violation = &properties[message::LINEARIZABLE].failed[0]["violation"];
    assert!(violation["sentence"].as_str().unwrap().contains("changed"), "{violation}");
    assert_eq!(properties[message::KEPT].failed[0]["mismatch"]["kind"], "changed");
    assert_eq!(properties[message::LINEARIZABLE_DECIDED].held.len(), 1);
}

#[tokio::test]
async fn the_first_command_makes_older_histories_another_run() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = etcd::start(1, dir.path(), &[]).await else { return };
    let place = Place::new(dir.path(), "run", &etcd::endpoints(&cluster));
    claim_a_write(&place);
    place.run(FIRST);
    place.run(EVENTUALLY);
    assert_eq!(place.properties()[message::KEPT].failed.len(), 0);
}

#[test]
fn an_environment_that_makes_no_sense_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "run", "https://etcd0");
    let output = place.command(DRIVER).stdout(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with("Error: ETCD_TRAFFIC_ENDPOINTS: `https://etcd0`: https is not supported"),
        "{said}"
    );
}

#[test]
fn a_shared_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path(), "run", &nobody());
    std::fs::create_dir_all(&place.dir).unwrap();
    std::fs::write(place.dir.join("shared"), "a file in its way").unwrap();
    let output = place.command(DRIVER).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("shared/history"), "{said}");
}
