//! The wait until every member serves again: a poll with a deadline that knows what it is still waiting for.
//!
//! A member that does not answer is no error here, however long; whoever waited decides what it means.

use std::time::Duration;

use history::{WriteError, clock};

use crate::attempt::{Attempt, get};
use crate::client::{Client, Coming};
use crate::config::Member;
use crate::consistency::Fate;
use crate::draw::{Draw, Source};
use crate::event::{Event, Watcher};
use crate::session::Session;
use crate::validate::Validation;

/// Between two rounds: short against an election (a second), long against a round on a healthy cluster.
const PAUSE: Duration = Duration::from_millis(200);

/// What every member has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Answer a linearizable read.
    Read,
    /// Acknowledge a write, then answer a linearizable read of it.
    WriteAndRead,
}

/// How the wait ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Every member did what it had to, in one round, and all named the same leader.
    pub healthy: bool,
    /// Rounds of asking every member; 1 when there was nothing to wait for.
    pub rounds: u32,
    /// What was lacking in the last round, in words; nothing when healthy.
    pub lacking: Vec<String>,
    /// The newest revision that a member's status named before this wait made its first request.
    pub before: i64,
    /// The newest revision that a read reported.
    pub revision: i64,
    /// The probes' writes, read back.
    pub validation: Validation,
}

/// Whether every member tells its status now, with the same leader: one look, which writes nothing.
///
/// # Errors
/// When an operation cannot be recorded.
pub async fn is_whole(session: &Session<'_>) -> Result<bool, WriteError> {
    let mut health = Health::default();
    Round { session, need: Need::Read, leaders: Vec::new(), health: &mut health }.ask_status().await?;
    Ok(health.lacking.is_empty())
}

/// Asks every member again and again until all of them serve, or the configured wait is over.
///
/// # Errors
/// When an operation cannot be recorded.
pub fn wait_until_healthy<'a>(
    session: &'a Session<'_>,
    need: Need,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Health, WriteError>> {
    Box::pin(waited(session, need, draw, watcher))
}

async fn waited(
    session: &Session<'_>,
    need: Need,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Health, WriteError> {
    let draw = &mut draw;
    let deadline = clock::now().plus(session.config().limits.wait);
    let mut health = Health::default();
    loop {
        let before = std::mem::take(&mut health.lacking);
        let mut round = Round { session, need, leaders: Vec::new(), health: &mut health };
        round.ask_all(draw, watcher).await?;
        let lacking = health.lacking.join(", ");
        if lacking.is_empty() {
            health.healthy = true;
            watcher(&Event::Healthy);
            break;
        }
        if clock::now() > deadline {
            watcher(&Event::GaveUp { lacking: &lacking });
            break;
        }
        if health.lacking != before {
            watcher(&Event::Waiting { lacking: &lacking });
        }
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(mismatch) = &health.validation.mismatch {
        watcher(&Event::Mismatch(mismatch));
    }
    Ok(health)
}

/// What a member lacks.
type Lack = String;

struct Round<'r, 'c> {
    session: &'r Session<'c>,
    need: Need,
    leaders: Vec<u64>,
    health: &'r mut Health,
}

impl<'r> Round<'r, '_> {
    /// First everybody's status, which costs the cluster nothing; requests only when nobody lacks anything.
    async fn ask_all(&mut self, draw: &mut impl Draw, watcher: &mut Watcher<'_>) -> Result<(), WriteError> {
        self.health.rounds += 1;
        let clients = self.ask_status().await?;
        if !self.health.lacking.is_empty() {
            return Ok(());
        }
        for mut client in clients {
            if let Err(lack) = self.serve(&mut client, draw, watcher).await? {
                self.lacks(client.member(), &lack);
            }
        }
        Ok(())
    }

    async fn ask_status(&mut self) -> Result<Vec<Client<'r>>, WriteError> {
        let mut clients = Vec::new();
        for member in &self.session.config().members {
            match self.ask(member).await? {
                Ok(client) => clients.push(client),
                Err(lack) => self.lacks(member, &lack),
            }
        }
        if self.leaders.windows(2).any(|pair| pair[0] != pair[1]) {
            self.health.lacking.push("members name different leaders".to_owned());
        }
        Ok(clients)
    }

    fn lacks(&mut self, member: &Member, lack: &str) {
        self.health.lacking.push(format!("{} {lack}", member.name));
    }

    async fn ask(&mut self, member: &'r Member) -> Result<Result<Client<'r>, Lack>, WriteError> {
        let mut client = match self.session.client(member).await {
            Ok(client) => client,
            Err(problem) => return Ok(Err(format!("cannot be addressed ({problem})"))),
        };
        Ok(match client.status().await? {
            Ok(status) if status.leader == 0 => Err("knows no leader".to_owned()),
            Ok(status) => {
                self.leaders.push(status.leader);
                if self.health.revision == 0 {
                    self.health.before = self.health.before.max(status.revision);
                }
                Ok(client)
            }
            Err(problem) => Err(format!("gives no status ({})", problem.class)),
        })
    }

    async fn serve(
        &mut self,
        client: &mut Client<'_>,
        draw: &mut impl Draw,
        watcher: &mut Watcher<'_>,
    ) -> Result<Result<(), Lack>, WriteError> {
        let key = draw.text() + &draw.text();
        let attempt = match self.need {
            Need::Read => None,
            Need::WriteAndRead => {
                let attempt = Attempt::put(client, key.clone(), draw.text(), watcher).await?;
                if !matches!(attempt.fate, Fate::Acknowledged(_)) {
                    return Ok(Err("acknowledges no write".to_owned()));
                }
                Some(attempt)
            }
        };
        let read = match get(client, key.as_bytes(), watcher).await? {
            Ok(read) => read,
            Err(problem) => return Ok(Err(format!("answers no linearizable read ({})", problem.class))),
        };
        self.health.revision = self.health.revision.max(read.revision);
        if let Some(attempt) = attempt {
            self.health.validation.take(&attempt, &read, &client.member().name);
        }
        Ok(Ok(()))
    }
}
