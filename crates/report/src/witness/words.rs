//! Calls and replies in few words. Keys and values are cut where they are long; they stay data.

use std::fmt::Write as _;

use history::{Blob, Call, Compare, Comparison, KeyValue, Outcome, Reply, Target};

/// Longer keys and values are cut.
const TEXT_MAX: usize = 48;
/// Further parts of a transaction or an answer are counted.
const PARTS_MAX: usize = 4;

/// What was asked.
pub(super) fn asked(call: &Call<'_>) -> String {
    match call {
        Call::Put(put) => format!("put {} = {}", text(&put.key), text(&put.value)),
        Call::Range(range) => {
            let mut words = format!("get {}", keys(&range.key, range.end.as_ref()));
            if range.revision != 0 {
                let _ = write!(words, " at revision {}", range.revision);
            }
            if range.serializable {
                words.push_str(", serializable");
            }
            words
        }
        Call::Delete(delete) => format!("delete {}", keys(&delete.key, delete.end.as_ref())),
        Call::Txn(txn) => {
            let compare = listed(txn.compare.iter().map(compared), " and ");
            let success = listed(txn.success.iter().map(asked), ", ");
            let failure = listed(txn.failure.iter().map(asked), ", ");
            let mut words = format!("if {} then {}", or(compare, "always"), or(success, "nothing"));
            if !failure.is_empty() {
                let _ = write!(words, " else {failure}");
            }
            words
        }
        Call::Grant { ttl, lease } => format!("grant lease {lease} for {ttl} s"),
        Call::Revoke { lease } => format!("revoke lease {lease}"),
        Call::KeepAlive { lease } => format!("keep lease {lease} alive"),
        Call::TimeToLive { lease, .. } => format!("time to live of lease {lease}"),
        Call::Compact { revision, .. } => format!("compact to revision {revision}"),
        Call::Watch(watch) => format!("watch {}", keys(&watch.key, watch.end.as_ref())),
        other => other.name().to_owned(),
    }
}

/// What was answered.
pub(super) fn answered(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Ok(reply) => replied(reply),
        Outcome::Failed(failure) => format!("failed: {}", cut(&failure.message)),
        Outcome::Unknown(Some(failure)) => format!("unknown: {}", cut(&failure.message)),
        Outcome::Unknown(None) => "unknown: never returned".to_owned(),
    }
}

fn replied(reply: &Reply<'_>) -> String {
    match reply {
        Reply::Put { .. } => "written".to_owned(),
        Reply::Range { kvs, count, .. } if kvs.is_empty() && *count == 0 => "found nothing".to_owned(),
        Reply::Range { kvs, count, .. } if kvs.is_empty() => format!("{count} keys"),
        Reply::Range { kvs, .. } => format!("found {}", listed(kvs.iter().map(held), ", ")),
        Reply::Delete { deleted, .. } => format!("{deleted} deleted"),
        Reply::Txn { succeeded, replies, .. } => {
            let took = if *succeeded { "comparisons held" } else { "comparisons did not hold" };
            let replies = listed(replies.iter().map(replied), ", ");
            if replies.is_empty() { took.to_owned() } else { format!("{took}: {replies}") }
        }
        Reply::Grant { lease, ttl, .. } => format!("lease {lease} for {ttl} s"),
        Reply::KeepAlive { ttl, .. } | Reply::TimeToLive { ttl, .. } => format!("{ttl} s to live"),
        Reply::Hash { hash, .. } => format!("hash {hash:08x}"),
        Reply::Status { leader, term, .. } => format!("leader {leader:x}, term {term}"),
        _ => "done".to_owned(),
    }
}

fn held(kv: &KeyValue<'_>) -> String {
    format!("{} of revision {}", text(&kv.value), kv.mod_revision)
}

fn compared(compare: &Compare<'_>) -> String {
    let (what, operand) = match &compare.target {
        Target::Value(value) => ("value", text(value)),
        Target::Version(version) => ("version", version.to_string()),
        Target::Create(revision) => ("create revision", revision.to_string()),
        Target::Mod(revision) => ("revision", revision.to_string()),
        Target::Lease(lease) => ("lease", lease.to_string()),
    };
    let sign = match compare.comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "≠",
        Comparison::Greater => ">",
        Comparison::Less => "<",
    };
    format!("{what} of {} {sign} {operand}", keys(&compare.key, compare.end.as_ref()))
}

fn keys(key: &Blob<'_>, end: Option<&Blob<'_>>) -> String {
    match end {
        None => text(key),
        Some(end) if end.bytes() == b"\0" => format!("{} and after", text(key)),
        Some(end) => format!("{} to {}", text(key), text(end)),
    }
}

fn text(blob: &Blob<'_>) -> String {
    if blob.bytes().is_empty() { "\"\"".to_owned() } else { cut(&blob.to_string()) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn listed(parts: impl Iterator<Item = String>, separator: &str) -> String {
    let parts: Vec<String> = parts.collect();
    let mut words = parts[..parts.len().min(PARTS_MAX)].join(separator);
    if parts.len() > PARTS_MAX {
        let _ = write!(words, "{separator}{} more", parts.len() - PARTS_MAX);
    }
    words
}

fn or(words: String, instead: &str) -> String {
    if words.is_empty() { instead.to_owned() } else { words }
}

#[cfg(test)]
mod tests {
    use history::{Put, Range, Txn};

    use super::*;

    #[test]
    fn calls_and_replies_read_like_sentences() {
        let put = Call::Put(Put { key: "a".into(), value: "x\u{7}".into(), ..Put::default() });
        let txn = Txn {
            compare: vec![Compare {
                key: "a".into(),
                end: None,
                target: Target::Mod(5),
                comparison: Comparison::Equal,
            }],
            success: vec![put.clone()],
            failure: vec![Call::Range(Range { key: "a".into(), ..Range::default() })],
        };
        assert_eq!(asked(&put), "put a = x\\u{7}");
        assert_eq!(asked(&Call::Txn(txn)), "if revision of a = 5 then put a = x\\u{7} else get a");
        let nothing = Reply::Range { revision: 5, kvs: Vec::new(), count: 0, more: false };
        assert_eq!(answered(&Outcome::Ok(nothing)), "found nothing");
        assert_eq!(answered(&Outcome::Unknown(None)), "unknown: never returned");
        let long = Call::Put(Put { key: "k".into(), value: "v".repeat(1_000_000).into(), ..Put::default() });
        assert!(asked(&long).len() < 100);
    }
}
