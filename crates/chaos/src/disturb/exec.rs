//! Programs that a suite names as monkeys. Each leads a process group of its own, which is killed when the program ends
//! or its time does; what it prints is kept, up to a limit.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cluster::journal::Leftover;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Effect, Ground, Held, Trouble};
use crate::fault::{Exec, Fault};

/// Kept of what each stream says: enough to see what went wrong.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// How often a program is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// What a process says that has left its program's group is not waited for.
const SAID_WITHIN: Duration = Duration::from_secs(1);

/// A running program.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    /// The group that it leads.
    group: Option<Pid>,
    copying: JoinSet<io::Result<()>>,
    output: PathBuf,
}

pub(super) fn start(ground: &Ground, fault: &Fault, exec: &Exec) -> Result<Effect, Trouble> {
    let output = ground.run_dir.join("faults").join(fault.id.to_string());
    let program = spawn(ground, fault, exec, output)
        .map_err(|error| Trouble::NotApplied(format!("cannot start {}: {error}", exec.command.join(" "))))?;
    if let Some(group) = program.group {
        // The mark in its environment finds it where this line comes too late.
        let process = Leftover::of(&fault.monkey, group.as_raw_nonzero().get().cast_unsigned());
        if let Ok(process) = process {
            ground.journal.started(fault.id, process)?;
        }
    }
    Ok(Effect { held: Held::Program(program), ..Effect::default() })
}

fn spawn(ground: &Ground, fault: &Fault, exec: &Exec, output: PathBuf) -> io::Result<Program> {
    fs::create_dir_all(ground.run_dir.join("faults"))?;
    let (out, err) =
        (File::create(output.with_extension("out"))?, File::create(output.with_extension("err"))?);
    let mut words = exec.command.iter();
    let mut child = Command::new(words.next().ok_or(io::ErrorKind::InvalidInput)?)
        .args(words)
        .envs(ground.environment.iter().cloned())
        .envs([ground.journal.mark()])
        .env("ETCD_TRAFFIC_SEED", fault.seed.to_string())
        .envs(&exec.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let mut copying = JoinSet::new();
    copying.spawn(copy(child.stdout.take(), out));
    copying.spawn(copy(child.stderr.take(), err));
    Ok(Program { child, group, copying, output })
}

/// Keeps the beginning of a stream, and reads the rest so that its writer is not blocked.
async fn copy(stream: Option<impl AsyncRead + Unpin>, file: File) -> io::Result<()> {
    let Some(stream) = stream else { return Ok(()) };
    let mut file = tokio::fs::File::from_std(file);
    let mut kept = stream.take(OUTPUT_BYTES_MAX);
    tokio::io::copy(&mut kept, &mut file).await?;
    file.flush().await?;
    tokio::io::copy(&mut kept.into_inner(), &mut tokio::io::sink()).await?;
    Ok(())
}

impl Program {
    /// Returns when the program has ended by itself.
    pub(super) async fn ended(&self) {
        while !self.has_ended() {
            sleep(LOOK).await;
        }
    }

    /// Its status stays to be taken, so that its number stays its own.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.group.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    /// Ends what is left, and notes how it went.
    pub(super) async fn end(mut self, effect: &mut Effect) -> Result<(), String> {
        let by_itself = self.has_ended();
        self.kill_group();
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        self.group = None;
        let copying = async {
            while let Some(copied) = self.copying.join_next().await {
                copied.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(())
        };
        timeout(SAID_WITHIN, copying).await.unwrap_or(Ok(()))?;
        effect.really_applied = by_itself && status.success();
        effect
            .note("ending", if by_itself { status.to_string() } else { "killed at its deadline".to_owned() });
        effect.note("output", self.output.display().to_string());
        Ok(())
    }

    fn kill_group(&self) {
        if let Some(group) = self.group {
            // Whoever is gone already needs no killing.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill_group();
    }
}
