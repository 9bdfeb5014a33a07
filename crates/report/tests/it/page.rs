//! Pages: what they hold, what they must not hold, and how large they are.

use history::Nanos;
use report::{Ended, Observer, Sighting, View, html};

use crate::sample;

/// What would do harm if it were taken for markup, script, a style, an attribute or an end of text.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "'; background:url(//evil.example)",
    "\u{0}\u{1b}[2J\u{202e}txet",
    "<!--",
];

#[test]
fn nothing_from_outside_becomes_markup() {
    let clean = html::page(&View::new(&sample::material("word")));
    let tags = |page: &str| page.matches('<').count();
    for word in HOSTILE {
        let page = html::page(&View::new(&sample::material(word)));
        assert_eq!(tags(&page), tags(&clean), "{word}: as many tags as without it");
        assert!(!page.contains("<img") && !page.contains("<!--"), "{word}");
        assert!(!page.contains(['\u{0}', '\u{1b}', '\u{202e}']), "{word:?}");
        let trace = report::trace(&sample::material(word)).to_string();
        assert!(serde_json::from_str::<serde_json::Value>(&trace).is_ok());
    }
}

#[test]
fn a_page_says_what_a_reader_looks_for() {
    let page = html::page(&View::new(&sample::material("")));
    for words in [
        "broke a promise",
        "dt run etcd --seed 7",
        "lost-write",
        "put k = v2",
        "found nothing",
        "Puts can fail",
        "kill",
        "partition (halves)",
        "killed by the start of eventually_",
        "SIGKILL",
        "a note",
        "Content-Security-Policy",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a_long_run_with_long_values_stays_small() {
    let mut material = sample::material(&"x".repeat(1_000_000));
    let usual = sample::material("");
    let mut observer = Observer::new(&[]);
    for n in 0..1_000_000 {
        let invoked = Nanos(500_000_000 + n * 36_000);
        let (call, revision) = ((n % 4) as usize, n as i64);
        let member = ["etcd0", "etcd1", "etcd2"][(n % 3) as usize];
        let ended = if n % 11 == 0 { Ended::Unknown } else { Ended::Ok };
        let returned = Some(Nanos(invoked.0 + n % 9_000_000));
        observer.saw(&Sighting { call, member, invoked, returned, ended, revision, term: 0, class: None });
    }
    material.observed = observer.finish();
    let many = |n: u64| 0..n;
    material.faults = many(5_000)
        .flat_map(|n| {
            usual.faults[..1].iter().cloned().map(move |mut fault| {
                (fault.id, fault.from, fault.until) =
                    (n, Nanos(n * 7_000_000), Some(Nanos(n * 7_000_000 + 5_000_000)));
                fault
            })
        })
        .collect();
    material.commands = many(20_000)
        .map(|n| {
            let mut run = usual.commands[2].clone();
            (run.n, run.started, run.ended) =
                (n, Nanos(n * 1_800_000), Some(Nanos(n * 1_800_000 + 9_000_000)));
            run
        })
        .collect();
    let page = html::page(&View::new(&material));
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("1,000,000"));
}
