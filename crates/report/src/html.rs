//! Pages: the report as one file that needs nothing else, and the same pieces for a page that is renewed while a run
//! goes on. Only arranges what the view has chosen.
//!
//! Whatever comes from a history, a log or a command is data: it reaches a page through the template's escaping alone,
//! or as JSON without a single `<`, and the page's own policy lets no other script run.

mod commands;
mod faults;
mod latency;
mod members;
mod plots;
mod properties;
mod verdict;
mod violation;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::View;

/// The look of all pages.
pub const STYLE: &str = include_str!("html/page.css");
/// What makes pages move: a moment under the cursor, filters, copying.
pub const SCRIPT: &str = include_str!("html/page.js");

/// One section of a page.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name in links.
    pub id: &'static str,
    /// What it is called in the navigation.
    pub title: &'static str,
    /// Its content; empty where there is nothing to show.
    pub body: String,
}

/// The whole report.
#[must_use]
pub fn page(view: &View) -> String {
    let sections = sections(view);
    let body = html! {
        (top(view, &sections))
        main #main {
            @for section in &sections { (placed(section)) }
        }
        footer {
            p { "Made by etcd-traffic from the files of the run's directory. This page is complete: it loads nothing." }
        }
        (moments(view))
    };
    document(&title(view), &body, "")
}

/// A document around a body. `more` is a script of its own beside the pages'.
#[must_use]
pub fn document(title: &str, body: &Markup, more: &str) -> String {
    let script = if more.is_empty() { SCRIPT.to_owned() } else { format!("{SCRIPT}\n{more}") };
    let hash = STANDARD.encode(Sha256::digest(script.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (plain(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(script)) }
            }
        }
    };
    page.into_string()
}

/// The sections of a run, in their order; those that have nothing to show are left out.
#[must_use]
pub fn sections(view: &View) -> Vec<Section> {
    let section = |id, title, body: Option<Markup>| Section {
        id,
        title,
        body: body.map_or(String::new(), PreEscaped::into_string),
    };
    let all = [
        section("verdict", "Verdict", Some(verdict::verdict(view))),
        section(
            "violation",
            "Violation",
            view.violation.as_ref().map(|found| violation::violation(found, &view.sentence)),
        ),
        section(
            "timeline",
            "Timeline",
            view.timeline.as_ref().map(|line| plots::timeline(line, &view.commands)),
        ),
        section("members", "Members", members::members(&view.members)),
        section("properties", "Properties", properties::properties(view)),
        section("faults", "Faults", faults::faults(&view.faults)),
        section("latency", "Latency", latency::latency(&view.latency)),
        section("commands", "Commands", commands::commands(&view.commands)),
        section("setup", "Setup", verdict::setup(view)),
    ];
    all.into_iter().filter(|section| !section.body.is_empty()).collect()
}

fn placed(section: &Section) -> Markup {
    html! { section id=(section.id) aria-label=(section.title) { (PreEscaped(&section.body)) } }
}

fn top(view: &View, sections: &[Section]) -> Markup {
    html! {
        a.skip href="#main" { "Skip to the report" }
        header.top {
            p.brand { b { "etcd-traffic" } " " span { (plain(&view.run)) } }
            nav aria-label="Sections" {
                @for section in sections.iter().skip(1) { a href={ "#" (section.id) } { (section.title) } }
            }
            button.theme type="button" data-theme-switch aria-label="Switch between light and dark" { "◐" }
        }
    }
}

fn title(view: &View) -> String {
    let word = view.verdict.map_or("running", verdict::word);
    if view.run.is_empty() { word.to_owned() } else { format!("{word} · {}", view.run) }
}

/// What the moment under the cursor is looked up in.
#[must_use]
pub fn moments(view: &View) -> Markup {
    let Some(timeline) = &view.timeline else { return html! {} };
    html! { script type="application/json" id="moments" { (PreEscaped(json(&plots::moments(timeline)))) } }
}

/// JSON that no HTML parser can take for markup.
#[must_use]
pub fn json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Longer texts are cut: whoever wants a megabyte finds it in the run's files.
const TEXT_MAX: usize = 2_000;

/// Text without what a browser would not show, or would show elsewhere: control characters, and those that turn the
/// direction of what follows. The template escapes the rest.
#[must_use]
pub fn plain(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let harmless =
        |c: char| if (c.is_control() && c != '\n' && c != '\t') || turns(c) { '\u{fffd}' } else { c };
    let mut plain: String = text.chars().take(TEXT_MAX).map(harmless).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        plain.push('…');
    }
    plain
}

/// A share of 1 as a length in CSS.
fn share(share: f64) -> String {
    format!("{:.3}%", share.clamp(0.0, 1.0) * 100.0)
}

/// A heading with a line below it that says what is to be seen.
fn heading(title: &str, about: &str) -> Markup {
    html! {
        div.heading {
            h2 { (title) }
            @if !about.is_empty() { p { (about) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_turn_into_markup_or_turn_the_text_around() {
        assert_eq!(plain("a\u{0}b\u{202e}c\u{1b}"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        let value = serde_json::json!("</script><script>alert(1)</script>&amp;");
        assert!(!json(&value).contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json(&value)).unwrap(), value);
        let page = document("</title><script>alert(1)</script>", &html! {}, "");
        assert!(!page.contains("<script>alert"));
    }

    #[test]
    fn pages_name_no_other_place() {
        for text in [STYLE, SCRIPT] {
            for word in ["http:", "https:", "//cdn", "@import", "url(", "fetch(\"http", "eval(", "innerHTML"]
            {
                assert!(!text.contains(word), "{word}");
            }
        }
    }
}
