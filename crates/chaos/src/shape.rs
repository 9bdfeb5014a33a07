//! Which links a fault is on, for any number of members, and whether a majority is left untouched. Data in, data out:
//! nothing is applied here.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::{Direction, Fault, Kind};

/// How a fault divides the members. They come in the order that was drawn for the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The first, apart from all others.
    Alone,
    /// The first half, rounded down, apart from the others.
    Halves,
    /// The largest minority apart from the smallest majority.
    MajorityMinority,
    /// Each hears a majority that it is itself in the middle of, and no two hear the same.
    Ring,
    /// The first reaches all; the others are halves that do not reach each other.
    Bridge,
}

/// A directed link, from whom to whom bytes go.
pub type Pair = (String, String);

impl Shape {
    /// The directed links that are disturbed among `members`, taken in this order.
    #[must_use]
    pub fn pairs(self, members: &[String], direction: Direction) -> Vec<Pair> {
        let n = members.len();
        match self {
            Self::Alone => apart(&members[..n.min(1)], &members[n.min(1)..], direction),
            Self::Halves => apart(&members[..n / 2], &members[n / 2..], direction),
            Self::MajorityMinority => {
                let minority = n.saturating_sub(1) / 2;
                apart(&members[..minority], &members[minority..], direction)
            }
            Self::Ring => unheard_in_ring(members),
            Self::Bridge => {
                let others = &members[n.min(1)..];
                let (left, right) = others.split_at(others.len() / 2);
                apart(left, right, direction)
            }
        }
    }

    /// How many members it needs to disturb any link at all.
    #[must_use]
    pub fn least_members(self) -> usize {
        match self {
            Self::Alone | Self::Halves => 2,
            Self::MajorityMinority | Self::Ring | Self::Bridge => 3,
        }
    }

    /// The groups that it makes, for logs; a ring makes none.
    #[must_use]
    pub fn groups(self, members: &[String]) -> Vec<Vec<String>> {
        let n = members.len();
        let split = |at: usize| vec![members[..at].to_vec(), members[at..].to_vec()];
        match self {
            Self::Alone => split(n.min(1)),
            Self::Halves => split(n / 2),
            Self::MajorityMinority => split(n.saturating_sub(1) / 2),
            Self::Ring => Vec::new(),
            Self::Bridge => {
                let others = &members[n.min(1)..];
                let (left, right) = others.split_at(others.len() / 2);
                vec![left.to_vec(), right.to_vec()]
            }
        }
    }
}

fn apart(inside: &[String], outside: &[String], direction: Direction) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for one in inside {
        for other in outside {
            if direction != Direction::In {
                pairs.push((one.clone(), other.clone()));
            }
            if direction != Direction::Out {
                pairs.push((other.clone(), one.clone()));
            }
        }
    }
    pairs
}

/// Each member hears itself and the nearest others around it, a majority together.
fn unheard_in_ring(members: &[String]) -> Vec<Pair> {
    let n = members.len();
    let majority = n / 2 + 1;
    let mut pairs = Vec::new();
    for (at, hears) in members.iter().enumerate() {
        let first = at + n - majority / 2;
        let heard: BTreeSet<usize> = (0..majority).map(|step| (first + step) % n).collect();
        let unheard = members.iter().enumerate().filter(|(other, _)| !heard.contains(other));
        pairs.extend(unheard.map(|(_, other)| (other.clone(), hears.clone())));
    }
    pairs
}

impl Fault {
    /// Whether it is on the process of one of `members`, on a link between two of them, or between one of them and
    /// clients. What a program of the suite does is not known, so it touches everybody.
    #[must_use]
    pub fn touches(&self, members: &[String]) -> bool {
        match &self.kind {
            Kind::Links(link) => {
                let pairs = link.shape.pairs(&self.members, link.direction);
                let apart = link.shape.groups(&self.members).into_iter().next().unwrap_or_default();
                pairs.iter().any(|(from, to)| members.contains(from) && members.contains(to))
                    || (link.clients && apart.iter().any(|member| members.contains(member)))
            }
            Kind::Exec(_) => true,
            kind if kind.is_on_process() => self.members.iter().any(|member| members.contains(member)),
            _ => false,
        }
    }
}

/// All smallest majorities of `members`. Nobody runs more than five, which have ten.
#[must_use]
pub fn majorities(members: &[String]) -> Vec<Vec<String>> {
    let chosen = |subset: u32| {
        let of = |(at, member): (usize, &String)| (subset >> at & 1 == 1).then(|| member.clone());
        members.iter().enumerate().filter_map(of).collect::<Vec<_>>()
    };
    let all = (0_u32..1 << members.len().min(16)).map(chosen);
    all.filter(|chosen| chosen.len() == members.len() / 2 + 1).collect()
}

/// Whether some majority of `members` is untouched by all of `faults`: their processes run, and every link between any
/// two of them is as it always is. Only then may anyone demand that the system answers.
#[must_use]
pub fn majority_untouched<'a>(members: &[String], faults: impl IntoIterator<Item = &'a Fault>) -> bool {
    let faults: Vec<&Fault> = faults.into_iter().collect();
    majorities(members).iter().any(|majority| !faults.iter().any(|fault| fault.touches(majority)))
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alone => "alone",
            Self::Halves => "halves",
            Self::MajorityMinority => "majority and minority",
            Self::Ring => "ring",
            Self::Bridge => "bridge",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Disruption, LinkFault};

    fn members(n: usize) -> Vec<String> {
        ["a", "b", "c", "d", "e"].into_iter().take(n).map(str::to_owned).collect()
    }

    fn shown(shape: Shape, n: usize, direction: Direction) -> String {
        let pairs = shape.pairs(&members(n), direction);
        pairs.iter().map(|(from, to)| format!("{from}{to}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn shapes_disturb_the_links_they_are_named_for() {
        assert_eq!(shown(Shape::Alone, 3, Direction::Both), "ab ba ac ca");
        assert_eq!(shown(Shape::Alone, 3, Direction::Out), "ab ac");
        assert_eq!(shown(Shape::Alone, 3, Direction::In), "ba ca");
        assert_eq!(shown(Shape::Halves, 5, Direction::Out), "ac ad ae bc bd be");
        assert_eq!(shown(Shape::MajorityMinority, 3, Direction::Both), "ab ba ac ca");
        assert_eq!(shown(Shape::Bridge, 3, Direction::Both), "bc cb");
        assert_eq!(shown(Shape::Bridge, 5, Direction::Both), "bd db be eb cd dc ce ec");
        for shape in [Shape::Alone, Shape::Halves, Shape::MajorityMinority, Shape::Ring, Shape::Bridge] {
            assert_eq!(shown(shape, 1, Direction::Both), "", "{shape}: nobody to be apart from");
            assert!(!shape.pairs(&members(shape.least_members()), Direction::Both).is_empty(), "{shape}");
        }
    }

    #[test]
    fn in_a_ring_everyone_hears_a_majority_and_no_two_the_same() {
        for n in [3, 5] {
            let unheard = Shape::Ring.pairs(&members(n), Direction::Both);
            let heard = |by: &String| -> BTreeSet<String> {
                members(n).into_iter().filter(|from| !unheard.contains(&(from.clone(), by.clone()))).collect()
            };
            let all: BTreeSet<_> = members(n).iter().map(heard).collect();
            assert_eq!(all.len(), n, "no two hear the same");
            assert!(all.iter().all(|heard| heard.len() == n / 2 + 1));
            assert!(members(n).iter().all(|member| heard(member).contains(member)));
        }
    }

    fn fault(kind: Kind, targets: &[&str]) -> Fault {
        let members = targets.iter().map(|&name| name.to_owned()).collect();
        Fault { id: 1, monkey: String::new(), kind, members, lasts_ms: 0, seed: 0 }
    }

    fn cut(shape: Shape, order: &[&str]) -> Fault {
        let (direction, disruption) = (Direction::Both, Disruption::Cut);
        fault(Kind::Links(LinkFault { shape, direction, disruption, clients: false }), order)
    }

    #[test]
    fn a_majority_is_untouched_when_its_processes_and_links_are() {
        let three = members(3);
        assert!(majority_untouched(&three, []));
        assert!(majority_untouched(&three, &[fault(Kind::Kill, &["a"])]));
        assert!(!majority_untouched(&three, &[fault(Kind::Kill, &["a"]), fault(Kind::Pause, &["b"])]));
        assert!(majority_untouched(&three, &[cut(Shape::Alone, &["a", "b", "c"])]));
        assert!(!majority_untouched(
            &three,
            &[cut(Shape::Alone, &["a", "b", "c"]), fault(Kind::Stop, &["b"])]
        ));
        assert!(majority_untouched(&three, &[cut(Shape::Bridge, &["a", "b", "c"])]));
        assert!(!majority_untouched(&three, &[cut(Shape::Ring, &["a", "b", "c"])]));
        assert!(!majority_untouched(&members(1), &[fault(Kind::Kill, &["a"])]));
        assert!(majority_untouched(&members(1), &[fault(Kind::Defragment, &["a"])]));
    }
}
