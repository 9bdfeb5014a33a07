//! Connecting: a bounded dial that is answered or not.
//!
//! A member that does not answer is normal under faults. It is recorded, told to the watcher, and no error.

use history::WriteError;

use crate::client::Client;
use crate::config::Member;
use crate::draw::Draw;
use crate::event::{Event, Watcher};
use crate::session::Session;

/// Connects to `member`. `None` where it does not answer.
///
/// # Errors
/// When the dial cannot be recorded.
pub async fn connect<'s>(
    session: &'s Session<'_>,
    member: &'s Member,
    watcher: &mut Watcher<'_>,
) -> Result<Option<Client<'s>>, WriteError> {
    match session.dial(member).await? {
        Ok(client) => {
            watcher(&Event::Connected { member: &member.name });
            Ok(Some(client))
        }
        Err(problem) => {
            watcher(&Event::NotConnected { member: &member.name, problem: &problem });
            Ok(None)
        }
    }
}

/// Connects to one of `members`, in random order, until one answers. `None` where none does.
///
/// # Errors
/// When a dial cannot be recorded.
pub async fn connect_to_any<'s>(
    session: &'s Session<'_>,
    mut members: Vec<&'s Member>,
    draw: &mut impl Draw,
    watcher: &mut Watcher<'_>,
) -> Result<Option<Client<'s>>, WriteError> {
    while let Some(member) = draw.take(&mut members) {
        if let Some(client) = connect(session, member, watcher).await? {
            return Ok(Some(client));
        }
    }
    Ok(None)
}
