//! "Did you mean": the nearest of some known names. It only suggests; it never picks for the user.

/// The known name that is nearest to `given`, if one is near enough to be a slip of the hand.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong: more than that suggests things nobody meant.
    let limit = given.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("etdc", ["etcd", "redis"]), Some("etcd"));
        assert_eq!(nearest("rediss", ["etcd", "redis"]), Some("redis"));
        assert_eq!(nearest("zookeeper", ["etcd", "redis"]), None);
        assert_eq!(nearest("3.5.31", ["3.5.30", "3.4.23"]), Some("3.5.30"));
    }
}
