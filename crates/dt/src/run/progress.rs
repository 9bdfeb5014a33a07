//! What is seen while a run goes on: one line that is renewed on a terminal, a line now and then elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use composer::{Phase, Progress};
use history::{Nanos, clock};

use super::tail::{Counts, Tail};

/// How often the line is renewed on a terminal, and how often one is written elsewhere.
pub(super) const TICK: Duration = Duration::from_millis(500);
const QUIET_TICKS: u32 = 10;

/// The running state of the display.
#[derive(Debug)]
pub(super) struct Display {
    terminal: bool,
    began: Nanos,
    ticks: u32,
    tail: Tail,
    phase: Option<Phase>,
    running: BTreeMap<String, usize>,
    faults: BTreeMap<u64, String>,
    width: usize,
}

impl Display {
    pub(super) fn new(history: &Path) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let (began, tail) = (clock::now(), Tail::new(history));
        Self {
            terminal,
            began,
            ticks: 0,
            tail,
            phase: None,
            running: BTreeMap::new(),
            faults: BTreeMap::new(),
            width: 0,
        }
    }

    /// Takes in what the composer says.
    pub(super) fn observe(&mut self, progress: &Progress) {
        match progress {
            Progress::Entered(phase) => self.phase = Some(*phase),
            Progress::Started { launch, .. } => *self.running.entry(short(&launch.command)).or_default() += 1,
            Progress::Finished { launch, .. } => {
                let name = short(&launch.command);
                if let Some(count) = self.running.get_mut(&name) {
                    *count -= 1;
                    if *count == 0 {
                        self.running.remove(&name);
                    }
                }
            }
        }
    }

    /// A fault is in effect.
    pub(super) fn fault_began(&mut self, id: u64, label: &str) {
        self.faults.insert(id, label.to_owned());
    }

    /// It no longer is.
    pub(super) fn fault_ended(&mut self, id: u64) {
        self.faults.remove(&id);
    }

    /// Shows the state, if it is time to.
    pub(super) fn tick(&mut self) {
        let quiet = self.ticks;
        self.ticks += 1;
        if self.terminal {
            let line = self.line();
            let width = line.chars().count();
            let pad = self.width.saturating_sub(width);
            self.width = width;
            write(&format!("\r{line}{:pad$}", ""));
        } else if quiet.is_multiple_of(QUIET_TICKS) {
            let line = self.line();
            write(&format!("{line}\n"));
        }
    }

    /// Ends the renewed line, so that something else can be written.
    pub(super) fn rest(&mut self) {
        if self.terminal && self.width > 0 {
            self.tick();
            self.width = 0;
            write("\n");
        }
    }

    fn line(&mut self) -> String {
        let Counts { ok, failed, unknown } = self.tail.counts();
        let seconds = clock::now().since(self.began).as_secs();
        let phase = self.phase.map_or("start", phase_word);
        let mut line = format!("{seconds:>4} s  {phase:<8}  {ok} ok, {failed} failed, {unknown} unknown");
        if !self.faults.is_empty() {
            let labels: Vec<&str> = self.faults.values().map(String::as_str).collect();
            let _ = write!(line, "  faults: {}", labels.join(", "));
        }
        let mut separator = "  running: ";
        for (name, count) in &self.running {
            let _ = write!(line, "{separator}{name}");
            if *count > 1 {
                let _ = write!(line, " x{count}");
            }
            separator = ", ";
        }
        line.chars().take(if self.terminal { 118 } else { 400 }).collect()
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::New | Phase::Ready => "start",
        Phase::First => "first",
        Phase::Drive => "drive",
        Phase::Driven => "heal",
        Phase::Drain => "drain",
        Phase::Terminal => "terminal",
        Phase::Stopping => "stop",
        Phase::Done => "done",
    }
}

/// A command's file name: the template is the same for all.
fn short(command: &str) -> String {
    command.rsplit('/').next().unwrap_or(command).to_owned()
}

/// One line of news.
pub(crate) fn say(words: &str) {
    write(&format!("{words}\n"));
}

/// A terminal that is gone is no reason to end a run.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
