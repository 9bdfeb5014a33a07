//! What an admin does to the data is an operation like those of clients, and a checker must know of it: it is in a history
//! file of its own.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use history::{Call, Failure, OperationId, Outcome, Reply, WriteError, Writer};

use super::Trouble;
use crate::gateway::GatewayError;

/// What the header of the history says about its writer.
const COMMAND: &str = "chaos";

/// The history of this part. The file is made with its first operation.
#[derive(Debug)]
pub(crate) struct Record {
    directory: PathBuf,
    run: String,
    writer: Mutex<Option<Writer>>,
}

impl Record {
    pub(crate) fn new(run_dir: &Path, run: &str) -> Self {
        Self { directory: run_dir.join("history"), run: run.to_owned(), writer: Mutex::new(None) }
    }

    /// Asks `member`, and records the request before it leaves and its outcome.
    pub(super) async fn ask(
        &self,
        member: &str,
        call: &Call<'_>,
        request: impl Future<Output = Result<Reply<'static>, GatewayError>>,
    ) -> Result<Result<Reply<'static>, GatewayError>, Trouble> {
        let operation = self.invoke(member, call)?;
        let answer = request.await;
        self.finish(operation, &outcome(&answer))?;
        Ok(answer)
    }

    /// Before a request leaves.
    fn invoke(&self, member: &str, call: &Call<'_>) -> Result<OperationId, WriteError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = match &mut *writer {
            Some(writer) => writer,
            none => none.insert(Writer::create(&self.directory, &self.run, COMMAND, 0)?),
        };
        writer.invoke(0, member, call)
    }

    /// When its outcome is known.
    fn finish(&self, operation: OperationId, outcome: &Outcome<'_>) -> Result<(), WriteError> {
        match &*self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(writer) => writer.finish(operation, outcome).map(|_| ()),
            // Closed meanwhile: the operation stays open.
            None => Ok(()),
        }
    }

    /// When there will be no more operations.
    pub(crate) fn close(&self) -> Result<(), WriteError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        writer.map_or(Ok(()), Writer::close)
    }
}

/// What is known of a request, by what was answered.
fn outcome<'a>(answer: &'a Result<Reply<'static>, GatewayError>) -> Outcome<'a> {
    let error = match answer {
        Ok(reply) => return Outcome::Ok(reply.clone()),
        Err(error) => error,
    };
    let failure = |class: &'static str| Failure { class: class.into(), message: error.to_string().into() };
    if error.is_refusal() {
        Outcome::Failed(failure("refused"))
    } else {
        Outcome::Unknown(Some(failure("no-answer")))
    }
}
