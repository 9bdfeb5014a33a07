//! The view model, whole, as the API gives it.

use report::{Material, Observed, View};

use crate::sample;

#[test]
fn the_view_of_a_lost_write() {
    let mut view = serde_json::to_value(View::new(&sample::material(""))).unwrap();
    for plot in view["timeline"]["plots"].as_array_mut().unwrap() {
        for line in plot["lines"].as_array_mut().unwrap() {
            // Of hundreds of points, those that say something.
            let points = line["points"].as_array().unwrap();
            let told = points.iter().zip(line["texts"].as_array().unwrap());
            let told: Vec<String> = told
                .filter(|(point, _)| point[1].as_f64().is_some_and(|value| value != 0.0))
                .map(|(point, text)| format!("{:.3}: {}", point[0].as_f64().unwrap(), text.as_str().unwrap()))
                .collect();
            let some: Vec<&String> = told.iter().take(4).collect();
            line["points"] = serde_json::json!({"all": points.len(), "first": some});
            line["texts"] = serde_json::Value::Null;
        }
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&view).unwrap());
}

#[test]
fn the_operations_of_a_violation_are_found_by_their_places() {
    let material = sample::material("");
    let shown = &material.violation.unwrap().witness.operations;
    let core: Vec<&str> = shown.iter().filter(|shown| shown.core).map(|shown| shown.asked.as_str()).collect();
    assert_eq!(core, ["put k = v2", "get k"]);
    assert_eq!(shown.len(), 6, "all are on the same key");
}

#[test]
fn damaged_files_are_observed_as_far_as_they_can_be_read() {
    let whole = sample::history("k", "v");
    let observed = Observed::read(&whole, &[], &[99]).unwrap();
    assert_eq!(observed.outcomes.total(), 6);
    assert!(observed.found.is_empty(), "there is no operation 99");
    let torn = history::Sources::from_bytes(vec![("t.jsonl".into(), b"{\"history\":1,\n{\"i\":0".to_vec())]);
    assert_eq!(Observed::read(&torn, &[], &[]).unwrap().outcomes.total(), 0);
}

#[test]
fn nothing_at_all_can_be_shown() {
    let view = View::new(&Material::default());
    assert!(view.timeline.is_none() && view.violation.is_none() && view.verdict.is_none());
    assert!(report::html::page(&view).contains("</html>"));
}
