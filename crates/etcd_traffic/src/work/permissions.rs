//! Users and what they may do: somebody who may read one key reads that, and nothing else, by whatever way. While it lasts,
//! every request needs a login, so nothing else is done beside it.

use std::time::Duration;

use history::{Auth, Call, Event, Range, Reply, Watch, WriteError};

use super::keys::{get, put};
use super::{Check, Report, Site};
use crate::client::{Answer, Client, Told, key_of};
use crate::draw::Draw;
use crate::errors::{Applied, Problem};
use crate::run::Start;

/// Who may do everything; etcd asks for this name.
pub(super) const ROOT: &str = "root";
/// Whoever is not allowed something is told so by then, or told what it must not see.
const PATIENCE: Duration = Duration::from_millis(500);
/// A login is asked for so often; without it nothing can be taken back.
const ASKED_AGAIN: u32 = 20;
const PAUSE: Duration = Duration::from_millis(200);

/// Makes a user who may read one key, asks for logins, tries what is allowed and what is not, and takes all back.
pub(super) async fn permissions<'r, D: Draw>(
    site: &Site<'r, '_, '_, D>,
    client: &mut Client<'r>,
    report: &mut Report,
) -> Result<(), WriteError> {
    if !Start::read(site.session.config()).ok().flatten().is_some_and(|start| start.fresh) {
        // Somebody else's store may have a root of its own.
        return Ok(());
    }
    let (own, secret, end) = (site.key("auth", "a"), site.key("auth", "secret"), site.key("auth", "~"));
    let (user, role) = (format!("guest-{}", site.text()), format!("some-{}", site.text()));
    let value = site.text();
    let mut prepared = true;
    for key in [&own, &secret] {
        prepared &= site.ask(client, &Call::Put(put(key, &value)), report).await?.is_ok();
    }
    for auth in [
        Auth::AddUser { user: ROOT.into() },
        Auth::GrantRole { user: ROOT.into(), role: ROOT.into() },
        Auth::AddUser { user: user.as_str().into() },
        Auth::AddRole { role: role.as_str().into() },
        Auth::Allow {
            role: role.as_str().into(),
            read: true,
            write: false,
            key: own.as_str().into(),
            end: None,
        },
        Auth::GrantRole { user: user.as_str().into(), role: role.as_str().into() },
    ] {
        // Root may be there from a round that was broken off.
        let there = |problem: &Problem| problem.message.contains("user name already exists");
        prepared &= site
            .ask(client, &Call::Auth(auth), report)
            .await?
            .map_or_else(|problem| there(&problem), |_| true);
    }
    let mut asks = Err(Problem::timeout());
    if prepared {
        asks = site.ask(client, &Call::Auth(Auth::Enable), report).await?;
    }
    let mut seen = None;
    if asks.is_ok()
        && let Ok(mut guest) = site.session.client(client.member()).await
        && site.ask(&mut guest, &login(&user), report).await?.is_ok()
    {
        let allowed = reads_and_writes(site, &mut guest, (&own, &secret, &end), report).await?;
        seen = Some((allowed, watches(site, &mut guest, (&own, &end)).await?));
    }
    // One that was not answered may still come.
    if prepared && asks.map_or_else(|problem| problem.applied == Applied::Maybe, |_| true) {
        let on_until_now = allow_all(client, ASKED_AGAIN).await? == Some(true);
        if let (Some((allowed, watched)), true) = (seen, on_until_now) {
            report.permissions.join(allowed);
            report.watched.join(watched);
        }
    }
    for auth in [
        Auth::DeleteUser { user: user.as_str().into() },
        Auth::DeleteUser { user: ROOT.into() },
        Auth::DeleteRole { role: role.as_str().into() },
    ] {
        site.ask(client, &Call::Auth(auth), report).await?.ok();
    }
    Ok(())
}

async fn reads_and_writes<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    guest: &mut Client<'_>,
    (own, secret, end): (&str, &str, &str),
    report: &mut Report,
) -> Result<Check, WriteError> {
    let mut seen = Check::default();
    let value = site.text();
    let range = |end: &str| {
        Call::Range(Range {
            key: own.to_owned().into(),
            end: Some(end.to_owned().into()),
            ..Range::default()
        })
    };
    // A user who may read nothing at all would keep to every rule.
    if let Some(broken) = shown(&site.ask(guest, &get(own), report).await?) {
        seen.saw(broken.then(|| format!("{own} may be read, and is refused")));
    }
    for call in
        [get(secret), range(end), range("\0"), Call::Put(put(own, &value)), Call::Put(put(secret, &value))]
    {
        if let Some(refused) = shown(&site.ask(guest, &call, report).await?) {
            seen.saw((!refused).then(|| format!("a {} of more than {own} is answered", call.name())));
        }
    }
    Ok(seen)
}

/// What watches of more keys than the user may read deliver.
async fn watches<D: Draw>(
    site: &Site<'_, '_, '_, D>,
    guest: &mut Client<'_>,
    (own, end): (&str, &str),
) -> Result<Check, WriteError> {
    let mut seen = Check::default();
    for end in [end, "\0"] {
        let mut feed = guest.feed();
        let watch = Watch {
            key: own.to_owned().into(),
            end: Some(end.to_owned().into()),
            // What is there already is delivered at once.
            revision: 1,
            ..Watch::default()
        };
        feed.open(&watch, false).await?;
        let mut told = feed.next(PATIENCE).await?;
        while matches!(told, Told::Created { .. }) {
            told = feed.next(PATIENCE).await?;
        }
        match told {
            Told::Events { events, .. } => {
                let others = leaked(own, &events);
                seen.saw(
                    others.map(|others| format!("a watch of keys from {own} to {end:?} delivers {others}")),
                );
            }
            Told::Cancelled { .. } => seen.saw(None),
            Told::Broken(problem) => {
                site.tell(&crate::event::Event::Asked { call: "watch", problem: Some(&problem) });
            }
            _ => {}
        }
        feed.close()?;
    }
    Ok(seen)
}

/// Whether a request was refused for want of permission; `None` where the answer says nothing of it.
fn shown(answer: &Answer<Reply<'_>>) -> Option<bool> {
    match answer {
        Ok(_) => Some(false),
        Err(problem) if problem.class == "permission-denied" => Some(true),
        Err(_) => None,
    }
}

/// Keys of events that whoever may see `own` only must not see.
fn leaked(own: &str, events: &[Event<'_>]) -> Option<String> {
    let keys = events.iter().map(|event| key_of(event).to_string());
    let others: Vec<String> = keys.filter(|key| key != own).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

fn login(user: &str) -> Call<'_> {
    Call::Auth(Auth::Login { user: user.into() })
}

/// Asks for no logins any more, so many times at most. `Some` once that is so: whether it certainly was not before.
pub(super) async fn allow_all(client: &mut Client<'_>, times: u32) -> Result<Option<bool>, WriteError> {
    for time in 1..=times {
        client.ask(&login(ROOT)).await?.ok();
        match client.ask(&Call::Auth(Auth::Disable)).await? {
            Ok(_) => return Ok(Some(time == 1)),
            Err(problem) if problem.message.contains("authentication is not enabled") => {
                return Ok(Some(false));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_and_refused_or_not_allowed_and_shown_is_seen() {
        assert_eq!(shown(&Ok(Reply::Done { revision: 1 })), Some(false));
        assert_eq!(shown(&Err(Problem::timeout())), None, "who does not answer refuses nothing");
        let events = |keys: &[&str]| {
            let put = |key: &&str| {
                let kv = history::KeyValue { key: (*key).to_owned().into(), ..history::KeyValue::default() };
                history::Event::Put { kv, prev: None }
            };
            keys.iter().map(put).collect::<Vec<_>>()
        };
        assert_eq!(leaked("a", &events(&["a", "a"])), None);
        assert_eq!(leaked("a", &events(&["a", "b", "c"])).unwrap(), "b, c");
    }
}
