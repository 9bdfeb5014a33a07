//! The document that says what `verdict.json` holds.

use crate::sample;

const WRITTEN: &str = include_str!("../../../../docs/verdict.schema.json");

#[test]
fn the_schema_in_the_documents_is_that_of_the_types() {
    let written: serde_json::Value = serde_json::from_str(WRITTEN).unwrap();
    let how = "cargo run -p report --example verdict_schema > docs/verdict.schema.json";
    assert_eq!(written, report::verdict_schema(), "the types have changed: {how}");
}

/// What is required is there, and what is there is described: a schema that says less than the file is of no use.
#[test]
fn a_verdict_has_what_the_schema_says() {
    let schema = report::verdict_schema();
    let summary = sample::material("").summary.unwrap();
    let verdict = serde_json::to_value(&summary).unwrap();
    fits(&verdict, &schema);
    fits(&verdict["properties"][0], &schema["$defs"]["Property"]);
    fits(&verdict["properties"][2]["examples"][0], &schema["$defs"]["Example"]);
}

fn fits(value: &serde_json::Value, schema: &serde_json::Value) {
    let fields = value.as_object().unwrap();
    for field in fields.keys() {
        assert!(schema["properties"].get(field).is_some(), "{field} is not described");
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(required.as_str().unwrap()), "{required} is missing");
    }
}
