//! A full disk quota as it comes by itself, and the way back from it: delete, compact, defragment, take back the alarm.

use std::time::Duration;

use history::{Alarm, Call, Cluster, Delete, Reply, WriteError, clock};

use super::keys::put;
use super::maintain::WHOLE_FILE;
use super::{Check, Report, Site};
use crate::client::Client;
use crate::draw::Draw;
use crate::session::Session;

/// Each value takes so much of the quota. A member that has a usual quota of gigabytes is not filled by so many.
const VALUE: usize = 64 << 10;
const PUTS_MAX: u32 = 400;
/// The way back may need to be gone more than once, as others write meanwhile.
const TIMES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// Puts until the store refuses more, makes room, and puts again.
pub(super) async fn fill<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let text = site.text();
    let mut value = text.repeat(VALUE.div_ceil(text.len()));
    value.truncate(VALUE);
    let mut full = false;
    let mut n = 0;
    while site.goes_on(true) && n < PUTS_MAX {
        n += 1;
        let key = site.key("fill", format!("{text}{n}"));
        if let Err(problem) = site.ask(client, &Call::Put(put(&key, &value)), report).await?
            && problem.class == "no-space"
        {
            full = true;
            break;
        }
    }
    if !full {
        // Others may fill it all the same; what is of no use here would help them.
        site.ask(client, &Call::Delete(all(&site.swarm.salt)), report).await?.ok();
        return Ok(());
    }
    let mut back = Check::default();
    let until = clock::now().plus(site.session.config().limits.wait / 2);
    for time in (1..=TIMES).take_while(|_| clock::now() < until) {
        if time > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        if !make_room(site.session, &site.swarm.salt).await? {
            continue;
        }
        disarm(site, client, report).await?;
        let key = site.key("fill", "back");
        let answer = site.ask(client, &Call::Put(put(&key, &text)), report).await?;
        let answer = answer.map(drop).map_err(|problem| problem.class);
        if let Some(broken) = refused_still(answer, time) {
            back.saw(broken);
            break;
        }
    }
    report.room.join(back);
    Ok(())
}

/// Deletes what filled the quota, compacts it, and gives its space back at every member; whether it could be deleted.
pub(super) async fn make_room(session: &Session<'_>, salt: &str) -> Result<bool, WriteError> {
    let mut deleted = false;
    for member in &session.config().members {
        let Ok(mut client) = session.dial(member).await? else { continue };
        if !deleted && let Ok(reply) = client.ask(&Call::Delete(all(salt))).await? {
            deleted = true;
            client.ask(&Call::Compact { revision: reply.revision(), physical: true }).await?.ok();
        }
    }
    for member in &session.config().members {
        if let Ok(mut client) = session.dial(member).await? {
            client.ask_within(&Call::Cluster(Cluster::Defragment), WHOLE_FILE).await?.ok();
        }
    }
    Ok(deleted)
}

/// Everything that fills the quota.
fn all(salt: &str) -> Delete<'static> {
    Delete { key: format!("{salt}/fill/").into(), end: Some(format!("{salt}/fill0").into()), prev_kv: false }
}

/// What is wrong with the answer to a put once room was made, so many times; `None` where it is too early to say.
fn refused_still(answer: Result<(), &str>, times: u32) -> Option<Option<String>> {
    match answer {
        Ok(()) => Some(None),
        Err("no-space") if times == TIMES => {
            Some(Some(format!("no put is taken after room was made {times} times")))
        }
        Err(_) => None,
    }
}

/// Takes back all alarms about space.
async fn disarm<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    client: &mut Client<'_>,
    report: &mut Report,
) -> Result<(), WriteError> {
    let list = Call::Cluster(Cluster::Alarms);
    let Ok(Reply::Alarms { alarms, .. }) = site.ask(client, &list, report).await? else { return Ok(()) };
    for (id, alarm) in alarms.into_iter().filter(|(_, alarm)| *alarm == Alarm::NoSpace) {
        site.ask(client, &Call::Cluster(Cluster::Disarm { id, alarm }), report).await?.ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_stays_full_is_seen() {
        assert_eq!(refused_still(Ok(()), 1), Some(None));
        assert_eq!(refused_still(Err("no-space"), 1), None, "somebody else may have filled it again");
        assert_eq!(refused_still(Err("deadline-exceeded"), TIMES), None);
        let stays = refused_still(Err("no-space"), TIMES).flatten().unwrap();
        assert_eq!(stays, "no put is taken after room was made 5 times");
    }
}
