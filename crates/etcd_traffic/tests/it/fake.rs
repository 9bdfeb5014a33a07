//! Servers that read requests and answer in ways of their own. They speak just enough of HTTP/2 to count requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_traffic::{Applied, Config, Session};
use history::{Call, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::session::{config, recorded};

/// The client's greeting, before its first frame.
const PREFACE: usize = 24;
/// A server's greeting: an empty SETTINGS frame.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A frame with a message in it; those of these tests fit into one, on streams too.
const DATA: u8 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Closes the connection when a request has arrived as a whole.
    Close,
    /// Never answers.
    Ignore,
}

/// Counts the requests that have arrived, over all connections, and looks at the history file at each.
pub(crate) struct Fake {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
    on_disk: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) async fn start(manner: Manner, dir: std::path::PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("m=http://{}", listener.local_addr().unwrap());
        let (requests, on_disk) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let fake = Self { url, requests: requests.clone(), on_disk: on_disk.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, on_disk, dir) = (requests.clone(), on_disk.clone(), dir.clone());
                tokio::spawn(async move {
                    let arrived = || {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
                        on_disk.lock().unwrap().push(std::fs::read_to_string(file).unwrap());
                    };
                    // A client that goes away is nobody's failure.
                    let _ = serve(stream, manner, arrived).await;
                });
            }
        });
        fake
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, arrived: impl Fn()) -> std::io::Result<()> {
    stream.write_all(&SETTINGS).await?;
    stream.read_exact(&mut [0; PREFACE]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        stream.read_exact(&mut vec![0; length]).await?;
        let kind = head[3];
        if kind == DATA && length > 0 {
            arrived();
            if manner == Manner::Close {
                return Ok(());
            }
        }
    }
}

fn only_put(config: &Config) -> Outcome<'static> {
    let operations = recorded(config);
    assert_eq!(operations.len(), 1);
    assert!(matches!(operations[0].call, Call::Put(_)));
    operations[0].outcome.clone()
}

#[tokio::test]
async fn a_put_whose_connection_is_closed_is_unknown_and_never_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(Manner::Close, dir.path().join("shared/history")).await;
    let config = config(&fake.url, dir.path());
    let session = Session::begin(&config).unwrap();
    let mut client = session.client(&config.members[0]).await.unwrap();
    let problem = client.put(b"k", b"v").await.unwrap().unwrap_err();
    assert_eq!((problem.class, problem.applied), ("connection-lost", Applied::Maybe), "{problem}");
    assert!(matches!(only_put(&config), Outcome::Unknown(Some(_))));
    assert_eq!(fake.requests(), 1);

    // A read through the same client makes a new connection; if the put were waiting somewhere, it would come along.
    let _ = client.get(b"k").await.unwrap();
    assert_eq!(fake.requests(), 2);
}

#[tokio::test]
async fn a_put_without_an_answer_is_unknown_when_time_is_up() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(Manner::Ignore, dir.path().join("shared/history")).await;
    let mut config = config(&fake.url, dir.path());
    config.limits.request = Duration::from_millis(300);
    let session = Session::begin(&config).unwrap();
    let mut client = session.client(&config.members[0]).await.unwrap();
    let problem = client.put(b"k", b"v").await.unwrap().unwrap_err();
    assert_eq!((problem.class, problem.applied), ("timeout", Applied::Maybe));
    assert!(matches!(only_put(&config), Outcome::Unknown(Some(_))));
    assert_eq!(fake.requests(), 1);
}

#[tokio::test]
async fn an_invocation_is_on_disk_before_its_request_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(Manner::Close, dir.path().join("shared/history")).await;
    let config = config(&fake.url, dir.path());
    let session = Session::begin(&config).unwrap();
    let mut client = session.client(&config.members[0]).await.unwrap();
    let _ = client.put(b"k", b"v").await.unwrap();
    let seen = fake.on_disk.lock().unwrap().clone();
    let lines: Vec<&str> = seen[0].lines().collect();
    assert_eq!(lines.len(), 2, "a header and an invocation: {lines:?}");
    assert!(lines[1].contains(r#""f":"put","k":"k","v":"v""#), "{}", lines[1]);
}

#[tokio::test]
async fn a_refused_connection_has_sent_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = config(&format!("m=http://{address}"), dir.path());
    let session = Session::begin(&config).unwrap();
    let mut client = session.client(&config.members[0]).await.unwrap();
    let problem = client.put(b"k", b"v").await.unwrap().unwrap_err();
    assert_eq!((problem.class, problem.applied), ("connect-refused", Applied::No), "{problem}");
    assert!(matches!(only_put(&config), Outcome::Failed(_)));
}

#[tokio::test]
async fn a_dial_that_is_not_answered_is_recorded_and_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(Manner::Ignore, dir.path().join("shared/history")).await;
    let mut config = config(&fake.url, dir.path());
    config.limits.request = Duration::from_millis(300);
    let session = Session::begin(&config).unwrap();
    assert!(session.dial(&config.members[0]).await.unwrap().is_err());
    let operations = recorded(&config);
    assert_eq!(operations[0].call, Call::Status);
    assert!(matches!(&operations[0].outcome, Outcome::Failed(failure) if failure.class == "timeout"));
}
