//! What the platform is told about the course of a test.
//!
//! Nothing in a test command may call [`setup_complete`]: commands start only after it.

use serde_json::Value;

/// Says that the system under test is ready; faults and commands begin after this. Once for the whole system.
pub fn setup_complete(details: &Value) {
    antithesis_sdk::lifecycle::setup_complete(details);
}
