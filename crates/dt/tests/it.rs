//! `dt` as its users meet it: words in, words and exit codes out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/attach.rs"]
mod attach;
#[path = "it/by_hand.rs"]
mod by_hand;
#[path = "it/check.rs"]
mod check;
#[path = "it/compose.rs"]
mod compose;
#[path = "it/dashboard.rs"]
mod dashboard;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/harness.rs"]
mod harness;
#[path = "it/live.rs"]
mod live;
#[path = "it/million.rs"]
mod million;
#[path = "it/no_docker.rs"]
mod no_docker;
#[path = "it/pages.rs"]
mod pages;
#[path = "it/past.rs"]
mod past;
#[path = "it/project.rs"]
mod project;
#[path = "it/remote.rs"]
mod remote;
#[path = "it/reports.rs"]
mod reports;
#[path = "it/run.rs"]
mod run;
#[path = "it/service.rs"]
mod service;
#[path = "it/template.rs"]
mod template;
#[path = "it/timelines.rs"]
mod timelines;
#[path = "it/words.rs"]
mod words;
