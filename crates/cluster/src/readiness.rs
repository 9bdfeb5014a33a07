//! Asking members whether they are ready, until all are or the time is over. It asks where members listen, so
//! that no proxy on a link decides the answer.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::chart::{HttpProbe, Probe, TcpProbe, VersionProbe};
use crate::endpoints::{Endpoint, Endpoints};

/// How often a member is asked: a start takes some tenths of a second, and an answer under a millisecond.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// How much of an answer is kept to be shown.
const SHOWN_CHARS: usize = 200;
/// How much of an answer is read at all.
const READ_BYTES: u64 = 64 * 1024;

/// Some members did not become ready in time.
#[derive(Debug, thiserror::Error)]
#[error("{} of {asked} members did not become ready within {}: {}",
    waiting.len(), seconds(within), listed(waiting))]
pub struct NotReady {
    /// Each member that is not ready, with its last answer.
    pub waiting: Vec<Waiting>,
    /// How many members were asked.
    pub asked: usize,
    /// How long was waited.
    pub within: Duration,
}

/// A member that is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The member's name.
    pub member: String,
    /// What it said last, or what went wrong with asking.
    pub last: String,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.last)
    }
}

fn listed(waiting: &[Waiting]) -> String {
    waiting.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn seconds(within: &Duration) -> String {
    format!("{} s", within.as_secs_f64())
}

/// Asks every member until each has answered as the probe wants. `stop` is asked between the rounds and ends
/// the waiting early.
///
/// # Errors
/// Who was not ready in time, or what `stop` said.
pub(crate) async fn wait<E: From<NotReady>>(
    probe: &Probe,
    endpoints: &Endpoints,
    within: Duration,
    stop: impl Fn() -> Option<E>,
) -> Result<(), E> {
    let deadline = Instant::now() + within;
    let asked = endpoints.0.len();
    let mut waiting: Vec<_> = endpoints.0.iter().map(|one| (one.clone(), "was not asked".into())).collect();
    loop {
        if let Some(error) = stop() {
            return Err(error);
        }
        waiting = ask_all(probe, waiting).await;
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let waiting = waiting.into_iter();
            let waiting = waiting.map(|(one, last)| Waiting { member: one.name, last }).collect();
            return Err(NotReady { waiting, asked, within }.into());
        }
        sleep(ASK_EVERY).await;
    }
}

/// Asks one member, once.
pub(crate) async fn ask(probe: &Probe, member: Endpoint) -> Result<(), String> {
    let waiting = ask_all(probe, vec![(member, String::new())]).await;
    waiting.into_iter().next().map_or(Ok(()), |(_, last)| Err(last))
}

/// Asks all at once; those that are not ready come back with what they said.
async fn ask_all(probe: &Probe, members: Vec<(Endpoint, String)>) -> Vec<(Endpoint, String)> {
    let asked: Vec<_> = members
        .into_iter()
        .map(|(one, _)| {
            let (probe, url, authority) = (probe.clone(), one.url.clone(), one.authority().to_owned());
            let answer = tokio::task::spawn_blocking(move || match &probe {
                Probe::Http(http) => ask_http(http, &url),
                Probe::Tcp(tcp) => ask_tcp(tcp, &authority),
            });
            (one, answer)
        })
        .collect();
    let mut waiting = Vec::new();
    for (one, answer) in asked {
        match answer.await {
            Ok(Ok(())) => {}
            Ok(Err(last)) => waiting.push((one, last)),
            Err(panicked) => waiting.push((one, panicked.to_string())),
        }
    }
    waiting
}

fn ask_http(probe: &HttpProbe, url: &str) -> Result<(), String> {
    let url = format!("{url}{}", probe.path);
    let (status, body) =
        request(&url, probe.post.as_deref(), Duration::from_millis(probe.within_ms), READ_BYTES)?;
    if status == probe.status { Ok(()) } else { Err(format!("status {status}: {}", shown(&body))) }
}

/// One HTTP exchange: the status and the body.
pub(crate) fn request(
    url: &str,
    post: Option<&str>,
    within: Duration,
    limit: u64,
) -> Result<(u16, String), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(within))
        .http_status_as_error(false)
        // Members are asked directly, whatever proxy the user's shell names.
        .proxy(None)
        .build()
        .into();
    let answer = match post {
        Some(body) => agent.post(url).header("Content-Type", "application/json").send(body),
        None => agent.get(url).call(),
    };
    let mut answer = answer.map_err(|error| error.to_string())?;
    let body = answer.body_mut().with_config().limit(limit).read_to_string();
    Ok((answer.status().as_u16(), body.map_err(|error| error.to_string())?))
}

fn ask_tcp(probe: &TcpProbe, authority: &str) -> Result<(), String> {
    let within = Duration::from_millis(probe.within_ms);
    let exchange = || {
        let address = authority.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let mut stream = TcpStream::connect_timeout(&address, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        stream.write_all(probe.send.as_bytes())?;
        let mut answer = Vec::new();
        let limit = u64::try_from(probe.expect.len()).unwrap_or(READ_BYTES);
        stream.take(limit).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    match exchange() {
        Ok(answer) if answer == probe.expect => Ok(()),
        Ok(answer) => Err(format!("answered {:?}", shown(&answer))),
        Err(error) => Err(std::io::Error::to_string(&error)),
    }
}

fn shown(text: &str) -> String {
    text.trim().chars().take(SHOWN_CHARS).collect()
}

/// The version that each member tells, or why it is not known.
pub(crate) async fn versions(
    probe: Option<&VersionProbe>,
    endpoints: &Endpoints,
) -> Vec<(String, Result<String, String>)> {
    let mut versions = Vec::new();
    for Endpoint { name, url } in endpoints.0.clone() {
        let version = match probe.cloned() {
            None => Err("the chart does not say where members tell it".to_owned()),
            Some(probe) => tokio::task::spawn_blocking(move || version(&probe, &url))
                .await
                .unwrap_or_else(|panicked| Err(panicked.to_string())),
        };
        versions.push((name, version));
    }
    versions
}

fn version(probe: &VersionProbe, url: &str) -> Result<String, String> {
    let (status, body) = request(&format!("{url}{}", probe.path), None, Duration::from_secs(2), READ_BYTES)?;
    let document: serde_json::Value =
        serde_json::from_str(&body).map_err(|error| format!("status {status}, {error}: {}", shown(&body)))?;
    let field = document.get(&probe.field).and_then(serde_json::Value::as_str);
    field.map(str::to_owned).ok_or_else(|| format!("no text in field `{}`: {}", probe.field, shown(&body)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::{HttpProbe, TcpProbe, ask_http, ask_tcp};

    /// Gives one of these answers to each connection, in order.
    fn server(answers: &'static [&'static str]) -> (String, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                // What is asked must be taken, or the answer is lost with the connection.
                let _ = stream.read(&mut [0; 4096]).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (authority, thread)
    }

    #[test]
    fn an_http_probe_compares_the_status() {
        let (authority, server) = server(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
            "HTTP/1.1 503 Unavailable\r\nContent-Length: 9\r\nConnection: close\r\n\r\nno leader",
        ]);
        let probe = HttpProbe { path: "/x".into(), post: None, status: 200, within_ms: 5_000 };
        let url = format!("http://{authority}");
        assert_eq!(ask_http(&probe, &url), Ok(()));
        assert_eq!(ask_http(&probe, &url), Err("status 503: no leader".into()));
        server.join().unwrap();
        assert!(ask_http(&probe, &url).is_err(), "nobody listens");
    }

    #[test]
    fn a_tcp_probe_compares_how_the_answer_begins() {
        let (authority, server) = server(&["+PONG\r\n", "-LOADING\r\n"]);
        let probe = TcpProbe { send: "PING\r\n".into(), expect: "+PONG".into(), within_ms: 5_000 };
        assert_eq!(ask_tcp(&probe, &authority), Ok(()));
        assert_eq!(ask_tcp(&probe, &authority), Err("answered \"-LOAD\"".into()));
        server.join().unwrap();
        assert!(ask_tcp(&probe, &authority).is_err(), "nobody listens");
    }
}
