//! Asking a member for what it tells of itself, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::readiness;

/// Larger answers are refused: an etcd tells a tenth of this.
const READ_BYTES: u64 = 4 << 20;

/// The numbers of these names that the member at `url` tells now; names that it does not tell are missing.
///
/// # Errors
/// What went wrong with asking, or what it answered instead.
pub fn scrape(
    url: &str,
    path: &str,
    names: &[String],
    within: Duration,
) -> Result<BTreeMap<String, f64>, String> {
    let (status, body) = readiness::request(&format!("{url}{path}"), None, within, READ_BYTES)?;
    if status != 200 {
        return Err(format!("status {status}"));
    }
    Ok(parse(&body, names))
}

/// Numbers of one name with different labels are added up.
fn parse(text: &str, names: &[String]) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        // Labels may hold anything in quotes; the value comes after the last brace, and perhaps a time after it.
        let values = rest.rfind('}').map_or(rest, |brace| &rest[brace + 1..]);
        if let Some(value) = values.split_whitespace().next().and_then(|value| value.parse::<f64>().ok()) {
            *found.entry(name.to_owned()).or_default() += value;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_among_comments_labels_and_times() {
        let text = "# HELP a what it is\na 1\nb{x=\"} 9\",y=\"z\"} 2.5 1700000000\nb{x=\"2\"} 1e3\nabc 7\nc NaN\nd nonsense\n";
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let found = parse(text, &names);
        assert_eq!((found["a"], found["b"]), (1.0, 1_002.5));
        assert!(found["c"].is_nan());
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
