//! The driver's workload: puts of random keys through one member, then their validation through another.

use history::{WriteError, clock};

use crate::attempt::Attempt;
use crate::client::Coming;
use crate::config::Member;
use crate::connect::connect;
use crate::consistency::Fate;
use crate::draw::{Draw, Source};
use crate::event::{Event, Watcher};
use crate::revisions::Revisions;
use crate::session::Session;
use crate::validate::{Validation, validate};

/// What a driver put, and through whom.
#[derive(Clone, Debug)]
pub struct Traffic<'c> {
    /// The member that was asked.
    pub member: &'c Member,
    /// In the order of asking.
    pub attempts: Vec<Attempt>,
}

/// What a driver did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `None` where no member answered, before or after the puts.
    pub validation: Option<Validation>,
    /// The revisions of all its requests, one after another.
    pub revisions: Revisions,
}

/// The whole driver: traffic, then its validation.
///
/// # Errors
/// When an operation cannot be recorded. What the store answers, or does not, is no error.
pub fn generate_and_validate<'a>(
    session: &'a Session<'_>,
    draw: Source<'a>,
    watcher: &'a mut Watcher<'_>,
) -> Coming<'a, Result<Report, WriteError>> {
    Box::pin(generated(session, draw, watcher))
}

async fn generated(
    session: &Session<'_>,
    mut draw: Source<'_>,
    watcher: &mut Watcher<'_>,
) -> Result<Report, WriteError> {
    let draw = &mut draw;
    let mut revisions = Revisions::default();
    let mut watch = |event: &Event<'_>| {
        revisions.watch(event);
        watcher(event);
    };
    let validation = match generate_traffic(session, draw, &mut watch).await? {
        Some(traffic) => validate(session, &traffic, draw, &mut watch).await?,
        None => None,
    };
    if let Some(regression) = revisions.regression() {
        watcher(&Event::Regression(regression));
    }
    Ok(Report { validation, revisions })
}

/// Connects to a random member and makes a random number of puts of random keys with a common prefix. `None` where the
/// member does not answer.
///
/// # Errors
/// When an operation cannot be recorded.
pub async fn generate_traffic<'c>(
    session: &Session<'c>,
    draw: &mut impl Draw,
    watcher: &mut Watcher<'_>,
) -> Result<Option<Traffic<'c>>, WriteError> {
    let config = session.config();
    let prefix = draw.text();
    let Some(member) = draw.take(&mut config.members.iter().collect()) else { return Ok(None) };
    let Some(mut client) = connect(session, member, watcher).await? else { return Ok(None) };

    let wanted = config.requests.map_or_else(|| draw.requests(), std::num::NonZeroU32::get);
    let deadline = clock::now().plus(config.limits.phase);
    let mut attempts = Vec::new();
    for done in 0..wanted as usize {
        if clock::now() > deadline {
            watcher(&Event::TimeUp { done, of: wanted as usize });
            break;
        }
        let (key, value) = (prefix.clone() + &draw.text(), draw.text());
        attempts.push(Attempt::put(&mut client, key, value, watcher).await?);
    }
    let count = |wanted: fn(Fate) -> bool| attempts.iter().filter(|attempt| wanted(attempt.fate)).count();
    watcher(&Event::Simulated {
        acknowledged: count(|fate| matches!(fate, Fate::Acknowledged(_))),
        unknown: count(|fate| fate == Fate::Unknown),
        failed: count(|fate| fate == Fate::Failed),
    });
    Ok(Some(Traffic { member, attempts }))
}
