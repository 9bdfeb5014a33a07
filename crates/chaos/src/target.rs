//! On whom a fault is. A plan names a set; who that is may depend on who leads when the fault is applied.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Any one.
    #[default]
    One,
    /// The largest minority.
    Minority,
    /// The smallest majority.
    Majority,
    /// Whoever leads.
    Leader,
    /// All but the leader.
    Followers,
    /// All.
    All,
    /// These.
    Named(Vec<String>),
}

impl Target {
    /// The members it stands for. `order` holds all members, in the order drawn for the fault; `None` when it depends
    /// on a leader and none is known.
    #[must_use]
    pub fn resolve(&self, order: &[String], leader: Option<&str>) -> Option<Vec<String>> {
        let leading = || leader.filter(|leader| order.iter().any(|member| member == leader));
        let size = order.len();
        Some(match self {
            Self::One => order[..size.min(1)].to_vec(),
            Self::Minority => order[..size.saturating_sub(1) / 2].to_vec(),
            Self::Majority => order[..(size / 2 + 1).min(size)].to_vec(),
            Self::All => order.to_vec(),
            Self::Leader => vec![leading()?.to_owned()],
            Self::Followers => {
                let leader = leading()?;
                order.iter().filter(|member| *member != leader).cloned().collect()
            }
            Self::Named(names) => names.clone(),
        })
    }

    /// Whether it is one member, whoever that is.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self, Self::One | Self::Leader) || matches!(self, Self::Named(names) if names.len() == 1)
    }

    /// Whether the answer depends on who leads.
    #[must_use]
    pub fn needs_leader(&self) -> bool {
        matches!(self, Self::Leader | Self::Followers)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one"),
            Self::Minority => f.write_str("a minority"),
            Self::Majority => f.write_str("a majority"),
            Self::Leader => f.write_str("the leader"),
            Self::Followers => f.write_str("the followers"),
            Self::All => f.write_str("all"),
            Self::Named(names) => f.write_str(&names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn sets_have_the_size_they_are_named_for() {
        let order: Vec<String> = ["c", "a", "b"].map(str::to_owned).into();
        let resolved =
            |target: Target, leader| target.resolve(&order, leader).map(|members| members.concat());
        assert_eq!(resolved(Target::One, None).unwrap(), "c");
        assert_eq!(resolved(Target::Minority, None).unwrap(), "c");
        assert_eq!(resolved(Target::Majority, None).unwrap(), "ca");
        assert_eq!(resolved(Target::All, None).unwrap(), "cab");
        assert_eq!(resolved(Target::Leader, Some("a")).unwrap(), "a");
        assert_eq!(resolved(Target::Followers, Some("a")).unwrap(), "cb");
        assert_eq!(resolved(Target::Leader, None), None);
        assert_eq!(resolved(Target::Followers, Some("x")), None, "not one of ours");
        assert_eq!(resolved(Target::Named(vec!["b".into()]), None).unwrap(), "b");
    }

    #[test]
    fn a_single_member_has_no_minority() {
        let order = ["a".to_owned()];
        assert_eq!(Target::Minority.resolve(&order, None).unwrap().len(), 0);
        assert_eq!(Target::Majority.resolve(&order, None).unwrap().len(), 1);
    }
}
