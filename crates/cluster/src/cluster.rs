//! The members of a system that runs as processes of this one. It starts them and ends them; what a member is
//! and does is in [`crate::member`]. When the last handle is dropped, no process is left.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use tokio::time::Instant;

use crate::chart::Chart;
use crate::endpoints::Endpoints;
use crate::journal::{self, Journal};
use crate::launch::Launch;
use crate::member::{Member, MemberError, State};
use crate::readiness::{self, NotReady};
use crate::wiring::Wiring;

/// How many lines of a dead member's log are shown: a stack trace's beginning, and what led to it.
const LOG_LINES: usize = 15;
/// How long a starting member may hold up the next one. Most answer within a tenth of this.
const NEXT_WITHIN: Duration = Duration::from_secs(1);

/// A running system. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chart: Chart,
    wiring: Wiring,
    members: Vec<Member>,
}

/// Why a system could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The run's directory could not be written to.
    #[error("cannot write to {path}: {source}")]
    Directory {
        /// The directory or file.
        path: std::path::PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A member could not be started.
    #[error(transparent)]
    Member(#[from] MemberError),
}

/// Why a system is not ready.
#[derive(Debug, thiserror::Error)]
pub enum ReadyError {
    /// A member has no process.
    #[error(transparent)]
    Dead(#[from] Dead),
    /// A member did not answer in time.
    #[error(transparent)]
    NotReady(#[from] NotReady),
}

/// A member whose process has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member} has ended ({status}); the end of {log}:{}", indented(last_lines))]
pub struct Dead {
    /// The member's name.
    pub member: String,
    /// How it ended, such as `exit status: 1`.
    pub status: String,
    /// Where its log is.
    pub log: String,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
}

fn indented(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n    {line}");
    }
    if lines.is_empty() { "\n    (it is empty)".to_owned() } else { text }
}

impl Cluster {
    /// Starts every member, one after another where the chart wants it so. They run when this returns, but
    /// need not be ready, and may have died since: see [`Self::ready`].
    ///
    /// # Errors
    /// When directories, the journal or a process cannot be made. Nothing is left running then.
    pub async fn start(launch: Launch) -> Result<Self, StartError> {
        let Launch { chart, wiring, commands, run_dir } = launch;
        fs::create_dir_all(&run_dir)
            .map_err(|source| StartError::Directory { path: run_dir.clone(), source })?;
        let path = journal::path(&run_dir);
        let journal = Journal::open(&path).map_err(|source| StartError::Directory { path, source })?;
        let journal = Arc::new(journal);
        let members: Vec<_> =
            commands.into_iter().map(|command| Member::new(command, Arc::clone(&journal))).collect();
        for (at, member) in members.iter().enumerate() {
            member.start()?;
            if let Some(next) = &chart.process.next_when
                && at + 1 < members.len()
                && let Some(endpoint) = wiring.listens(at, &next.port)
            {
                // Only a matter of speed: whoever is not ready later, and why, is found by `ready`.
                let gone = || dead(member).map(ReadyError::Dead);
                let _ = readiness::wait(&next.probe, &Endpoints(vec![endpoint]), NEXT_WITHIN, gone).await;
            }
        }
        Ok(Self(Arc::new(Inner { chart, wiring, members })))
    }

    /// Waits until every member answers the chart's probe.
    ///
    /// # Errors
    /// At once when a member has no process, with the end of its log; else who did not answer in time, and
    /// what each said last.
    pub async fn ready(&self, within: Duration) -> Result<(), ReadyError> {
        let endpoints = self.0.wiring.listened(&self.0.chart);
        let dead = || self.members().iter().find_map(dead).map(ReadyError::Dead);
        readiness::wait(&self.0.chart.ready, &endpoints, within, dead).await
    }

    /// Asks one member, once, what [`Self::ready`] asks all.
    ///
    /// # Errors
    /// What it said instead, or what went wrong with asking.
    pub async fn ask(&self, member: &str) -> Result<(), String> {
        let endpoints = self.0.wiring.listened(&self.0.chart);
        let Some(endpoint) = endpoints.0.into_iter().find(|endpoint| endpoint.name == member) else {
            return Err(format!("there is no member {member}"));
        };
        readiness::ask(&self.0.chart.ready, endpoint).await
    }

    /// The members, in the order of the wiring.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.0.members
    }

    /// The member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.name() == name)
    }

    /// The chart they were started from.
    #[must_use]
    pub fn chart(&self) -> &Chart {
        &self.0.chart
    }

    /// Where they listen and how they are called.
    #[must_use]
    pub fn wiring(&self) -> &Wiring {
        &self.0.wiring
    }

    /// How commands call the members; they expect it in the environment variable that the chart names.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        self.0.wiring.advertised(&self.0.chart)
    }

    /// The version that each member tells, or why it is not known.
    pub async fn versions(&self) -> Vec<(String, Result<String, String>)> {
        let endpoints = self.0.wiring.listened(&self.0.chart);
        readiness::versions(self.0.chart.reported_version.as_ref(), &endpoints).await
    }

    /// The members that ended although nobody asked them to: crashes of the system under test.
    #[must_use]
    pub fn crashed(&self) -> Vec<Dead> {
        let crashed = |member: &&Member| matches!(member.state(), State::Ended { asked: false, .. });
        self.members().iter().filter(crashed).filter_map(dead).collect()
    }

    /// Stops one member after another, the last first, so that each can hand over what it leads to one that
    /// stays. Together they have `grace`; those that still run then are killed.
    ///
    /// # Errors
    /// The first that could not be ended; the others are ended all the same.
    pub async fn stop(&self, grace: Duration) -> Result<(), MemberError> {
        let deadline = Instant::now() + grace;
        let mut result = Ok(());
        for member in self.members().iter().rev() {
            result = result.and(member.stop_by(deadline).await);
        }
        result
    }
}

fn dead(member: &Member) -> Option<Dead> {
    let State::Ended { status, .. } = member.state() else { return None };
    Some(Dead {
        member: member.name().to_owned(),
        status: status.map_or_else(|| "never started".to_owned(), |status| status.to_string()),
        log: member.command().log.display().to_string(),
        last_lines: member.last_log_lines(LOG_LINES),
    })
}
