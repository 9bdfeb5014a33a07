//! Faults on links. What shows them is what the links counted.

use std::collections::BTreeSet;

use super::{Effect, Ground, Held, Trouble};
use crate::fault::{Direction, Disruption, Fault, LinkFault};
use crate::links::{Counts, LinkRow, Links};
use crate::log::LinkUse;
use crate::shape::Pair;

pub(super) fn apply(ground: &Ground, fault: &Fault, link: &LinkFault) -> Result<Effect, Trouble> {
    let links = links(ground)?;
    let begin = links.matrix();
    let before = difference(&begin, &ground.samples.lately());
    for pair in pairs(links.clients(), fault, link) {
        links.disturb(&pair, fault.id, link.disruption);
    }
    Ok(Effect { held: Held::Links { before, begin }, ..Effect::default() })
}

pub(super) fn heal(
    ground: &Ground,
    fault: &Fault,
    link: &LinkFault,
    (before, begin): (Vec<LinkRow>, Vec<LinkRow>),
    effect: &mut Effect,
) {
    let Ok(links) = links(ground) else { return };
    // Counted before it is lifted: what happens at the lifting belongs to the time after.
    let during = difference(&links.matrix(), &begin);
    links.lift(fault.id);
    let disturbed: BTreeSet<Pair> = pairs(links.clients(), fault, link).into_iter().collect();
    let mut total = Counts::default();
    for (now, was) in during.iter().zip(&before) {
        let pair = (now.from.clone(), now.to.clone());
        let disturbed = disturbed.contains(&pair);
        if disturbed {
            total = sum(total, now.counts);
        }
        let (from, to) = pair;
        effect.links.push(LinkUse { from, to, disturbed, before: was.counts, during: now.counts });
    }
    let (name, shown) = match link.disruption {
        Disruption::Cut => ("bytes lost", total.dropped),
        Disruption::Hold => ("bytes held", total.held),
        Disruption::Reset => ("resets", total.resets),
        Disruption::Loss { .. } => ("bytes lost", 0),
        Disruption::Delay { .. } => ("bytes delayed", total.delayed),
        Disruption::Bandwidth { .. } => ("bytes paced", total.paced),
    };
    effect.really_applied = shown > 0;
    effect.note(name, shown);
}

/// The links that the fault is on.
pub(super) fn pairs<'c>(
    clients: impl Iterator<Item = &'c str>,
    fault: &Fault,
    link: &LinkFault,
) -> Vec<Pair> {
    let mut pairs = link.shape.pairs(&fault.members, link.direction);
    if link.clients
        && let Some(apart) = link.shape.groups(&fault.members).first()
    {
        for client in clients {
            for member in apart {
                if link.direction != Direction::In {
                    pairs.push((member.clone(), client.to_owned()));
                }
                if link.direction != Direction::Out {
                    pairs.push((client.to_owned(), member.clone()));
                }
            }
        }
    }
    pairs
}

fn links(ground: &Ground) -> Result<&Links, Trouble> {
    ground.links.as_ref().ok_or_else(|| Trouble::NotApplied("no proxies are on the links".to_owned()))
}

/// Row by row; both come from the same links, in the same order. An empty `earlier` stands for the beginning.
pub(crate) fn difference(later: &[LinkRow], earlier: &[LinkRow]) -> Vec<LinkRow> {
    let counts = |at: usize| earlier.get(at).map_or_else(Counts::default, |row| row.counts);
    let row = |(at, row): (usize, &LinkRow)| LinkRow { counts: row.counts - counts(at), ..row.clone() };
    later.iter().enumerate().map(row).collect()
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        opened: a.opened + b.opened,
        bytes: a.bytes + b.bytes,
        dropped: a.dropped + b.dropped,
        held: a.held + b.held,
        delayed: a.delayed + b.delayed,
        paced: a.paced + b.paced,
        resets: a.resets + b.resets,
    }
}
