//! One process's part in a run: its configuration, its history file, its clients.
//!
//! Every client of a session writes to the same file; whoever wants two files begins two sessions.

use std::sync::atomic::{AtomicU32, Ordering};

use history::{Nanos, WriteError, Writer, clock};

use crate::client::{Answer, Client};
use crate::config::{Config, Member};

/// A begun history file, and the means to talk to members.
#[derive(Debug)]
pub struct Session<'c> {
    config: &'c Config,
    writer: Writer,
    clients: AtomicU32,
    began: Nanos,
}

impl<'c> Session<'c> {
    /// Begins the history file of this process in the run's shared directory, which is made where missing.
    ///
    /// # Errors
    /// When the directory or the file cannot be made.
    pub fn begin(config: &'c Config) -> Result<Self, WriteError> {
        let began = clock::now();
        let writer = Writer::create(&config.history_dir(), &config.run, &config.command, config.number)?;
        Ok(Self { config, writer, clients: AtomicU32::new(0), began })
    }

    /// Connects to `member` and asks for its status, so that the connection is there, or is known not to be. The
    /// question is recorded like any other.
    ///
    /// # Errors
    /// When the question cannot be recorded.
    pub async fn dial<'s>(&'s self, member: &'s Member) -> Result<Answer<Client<'s>>, WriteError> {
        let mut client = match self.client(member).await {
            Ok(client) => client,
            Err(problem) => return Ok(Err(problem)),
        };
        Ok(client.status().await?.map(|_| client))
    }

    /// A client of `member` that has sent nothing yet; it connects with its first request.
    ///
    /// # Errors
    /// When the member's address is none.
    pub async fn client<'s>(&'s self, member: &'s Member) -> Answer<Client<'s>> {
        let number = self.clients.fetch_add(1, Ordering::Relaxed);
        Client::open(&self.writer, number, member, &self.config.limits).await
    }

    /// A further client that shares the connection of `other`: what many send over one arrives together.
    #[must_use]
    pub fn beside<'s>(&'s self, other: &Client<'s>) -> Client<'s> {
        other.beside(self.clients.fetch_add(1, Ordering::Relaxed))
    }

    /// What this process was told.
    #[must_use]
    pub fn config(&self) -> &'c Config {
        self.config
    }

    /// The file being written.
    #[must_use]
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// When the session began, not later than anything in its file.
    #[must_use]
    pub fn began(&self) -> Nanos {
        self.began
    }

    /// Ends the history file in order.
    ///
    /// # Errors
    /// When its last line cannot be written.
    pub fn close(self) -> Result<(), WriteError> {
        self.writer.close()
    }
}
