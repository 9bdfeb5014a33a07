//! What becomes of containers while a run goes on, as the engine tells it: which have ended, and whether somebody asked
//! them to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;

use super::docker::Docker;
use super::error::ComposeError;
use super::fitting::Fitting;
use crate::cluster::Dead;

/// Reads what the engine tells until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    events: Child,
    reader: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Seen>>,
    prefix: String,
    program: std::path::PathBuf,
    /// The last lines of those that failed, by service: asked for once.
    last_lines: Mutex<BTreeMap<String, Vec<String>>>,
}

/// A container that has ended, and was not started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) service: String,
    pub(super) status: String,
    /// Whether its exit code says so, and nobody asked it to end.
    pub(super) failed: bool,
}

/// What is known of containers by their name.
#[derive(Debug, Default)]
struct Seen(BTreeMap<String, Life>);

#[derive(Debug, Default)]
struct Life {
    /// Somebody has asked it to end since it was started.
    asked: bool,
    /// It asked for more memory than it may have.
    out_of_memory: bool,
    /// The exit code that it ended with.
    exit_code: Option<String>,
}

/// The exit code of who was killed: by somebody, unless the kernel did it for want of memory.
const KILLED: &str = "137";

impl Watch {
    pub(super) fn start(docker: &Docker, fitting: &Fitting) -> Result<Self, ComposeError> {
        let label = format!("label={}={}", fitting.label.0, fitting.label.1);
        let words = ["events", "--filter", "type=container", "--filter", &label, "--format", "{{json .}}"];
        let mut events = docker.command(&words).into_std();
        let refused = |error: std::io::Error| ComposeError::Refused {
            command: format!("docker {}", words.join(" ")),
            said: error.to_string(),
        };
        let mut events = events.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(refused)?;
        let told = events.stdout.take().ok_or_else(|| refused(std::io::ErrorKind::BrokenPipe.into()))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        // A thread of its own, since reading lines waits for them.
        let reader = std::thread::Builder::new().name("containers".to_owned()).spawn(move || {
            for line in BufReader::new(told).lines().map_while(Result::ok) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).hear(&line);
            }
        });
        let reader = Some(reader.map_err(refused)?);
        let (prefix, program) = (format!("{}-", fitting.project), docker.program().to_owned());
        Ok(Self { events, reader, seen, prefix, program, last_lines: Mutex::default() })
    }

    /// Those that have ended, by service.
    pub(super) fn ended(&self) -> Vec<Ended> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = |(name, life): (&String, &Life)| {
            let code = life.exit_code.as_ref()?;
            let service = name.strip_prefix(&self.prefix).unwrap_or(name).to_owned();
            let killed = life.asked || (code == KILLED && !life.out_of_memory);
            let failed = code != "0" && !killed;
            Some(Ended { service, status: format!("exit code {code}"), failed })
        };
        seen.0.iter().filter_map(ended).collect()
    }

    /// Those that failed although nobody asked them to end.
    pub(super) fn crashed(&self) -> Vec<Dead> {
        let failed = self.ended().into_iter().filter(|ended| ended.failed);
        failed
            .map(|ended| Dead {
                last_lines: self.last_lines(&ended.service),
                log: format!("members/{}.log", ended.service),
                member: ended.service,
                status: ended.status,
            })
            .collect()
    }

    fn last_lines(&self, service: &str) -> Vec<String> {
        let mut known = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(service.to_owned()).or_insert_with(|| self.ask_last_lines(service)).clone()
    }

    fn ask_last_lines(&self, service: &str) -> Vec<String> {
        let mut logs = std::process::Command::new(&self.program);
        let container = format!("{}{service}", self.prefix);
        let output = logs.args(["logs", "--tail", "15", &container]).stdin(Stdio::null()).output();
        let Ok(output) = output else { return Vec::new() };
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }
}

impl Seen {
    fn hear(&mut self, line: &str) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let attributes = &event["Actor"]["Attributes"];
        let Some(name) = attributes["name"].as_str() else { return };
        let life = self.0.entry(name.to_owned()).or_default();
        match event["status"].as_str().unwrap_or_default() {
            "start" => *life = Life::default(),
            "kill" => life.asked = true,
            "oom" => life.out_of_memory = true,
            "die" => {
                let code = attributes["exitCode"].as_str().unwrap_or("unknown");
                life.exit_code = Some(code.to_owned());
            }
            _ => {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It is a child of ours, so it is there to be killed until it is waited for.
        let _ = self.events.kill();
        let _ = self.events.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str, name: &str) -> String {
        format!(r#"{{"status":"{status}","Actor":{{"Attributes":{{"name":"{name}","exitCode":"137"}}}}}}"#)
    }

    #[test]
    fn who_was_asked_to_end_has_not_failed_and_who_was_started_again_has_not_ended() {
        let mut seen = Seen::default();
        for (status, name) in
            [("start", "a"), ("die", "a"), ("kill", "b"), ("die", "b"), ("die", "c"), ("start", "c")]
        {
            seen.hear(&event(status, name));
        }
        seen.hear("not json");
        let life = |name: &str| (seen.0[name].asked, seen.0[name].exit_code.is_some());
        assert_eq!(life("a"), (false, true));
        assert_eq!(life("b"), (true, true));
        assert_eq!(life("c"), (false, false));
    }
}
