//! Placeholder, filled by its first commit.
fn main() {}
