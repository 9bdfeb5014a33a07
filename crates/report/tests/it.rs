//! From histories and records to what people see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/page.rs"]
mod page;
#[path = "it/sample.rs"]
mod sample;
#[path = "it/schema.rs"]
mod schema;
#[path = "it/view.rs"]
mod view;
