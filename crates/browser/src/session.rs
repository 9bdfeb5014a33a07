//! The driver as a child process, and one session over its HTTP interface. Whatever happens, both programs are ended.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::{Error, Programs};

/// The slowest thing a page does is to load a large report on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pictures of long pages have some megabytes.
const ANSWER_MAX: u64 = 128 << 20;
/// How often something is looked at that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Session {
    driver: Driver,
    agent: Agent,
    /// Of the session.
    address: String,
}

impl Session {
    pub(crate) fn start(programs: &Programs, scratch: &Path) -> Result<Self, Error> {
        let (driver, port) = Driver::start(&programs.driver, scratch)?;
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let mut session =
            Self { driver, agent: config.build().into(), address: format!("http://127.0.0.1:{port}") };
        let made = session.post("session", &capabilities(programs))?;
        let id = made["sessionId"].as_str().unwrap_or_default();
        session.address = format!("{}/session/{id}", session.address);
        Ok(session)
    }

    /// A command with its parameters; gives its value.
    pub(crate) fn post(&self, command: &str, body: &Value) -> Result<Value, Error> {
        let transport = |source| Error::Transport { command: command.to_owned(), source: Box::new(source) };
        let request = self.agent.post(format!("{}/{command}", self.address));
        let request = request.header("content-type", "application/json");
        let mut answer = request.send(body.to_string()).map_err(transport)?;
        let bytes = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(transport)?;
        let mut answered: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let value = answered["value"].take();
        if answer.status().is_success() {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or("without a reason");
        // What follows is a stack of addresses.
        let message = message.split("\nStacktrace").next().unwrap_or(message).trim().to_owned();
        Err(Error::Refused { command: command.to_owned(), message })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Ends the browser; the driver ends with its own drop.
        let _ = self.agent.delete(&self.address).call();
        let _ = &self.driver;
    }
}

fn capabilities(programs: &Programs) -> Value {
    let args = [
        "--headless=new",
        // Whoever runs tests in a container is root there, and has no namespaces to make a sandbox of.
        "--no-sandbox",
        "--disable-gpu",
        // Shared memory is small in containers.
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ];
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": {
            "binary": programs.browser,
            "args": args,
            "perfLoggingPrefs": {"enableNetwork": true, "enablePage": false},
        },
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "timeouts": {"pageLoad": 90_000, "script": 90_000},
    }}})
}

#[derive(Debug)]
struct Driver {
    child: Child,
    /// Held open: a driver that cannot write ends.
    _output: BufReader<ChildStdout>,
}

impl Driver {
    fn start(program: &Path, scratch: &Path) -> Result<(Self, u16), Error> {
        let start = |source| Error::Start { program: program.display().to_string(), source };
        let mut command = Command::new(program);
        command.arg("--port=0").env("TMPDIR", scratch);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(start)?;
        let mut output = BufReader::new(child.stdout.take().ok_or(Error::Silent)?);
        let port = told_port(&mut output);
        let driver = Self { child, _output: output };
        Ok((driver, port.ok_or(Error::Silent)?))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From `... started successfully on port 12345.`
fn told_port(output: &mut BufReader<ChildStdout>) -> Option<u16> {
    for line in output.lines().map_while(Result::ok) {
        if line.contains("successfully")
            && let Some(port) = line.rsplit("port ").next()
        {
            return port.trim_end_matches('.').trim().parse().ok();
        }
    }
    None
}

/// Asks until there is an answer or the time is over.
#[expect(clippy::disallowed_methods, reason = "this is where browsers are waited for")]
pub(crate) fn poll<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let answer = ask();
        if answer.is_some() || began.elapsed() > within {
            return answer;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
