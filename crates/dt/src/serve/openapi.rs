//! Every route of the API, once: the router is made of this table, and so is the document that describes it.

use axum::routing::{MethodRouter, delete, get, post};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Service, api, compare, live, runs, starter};

/// A path, what it is for, and what goes in and out.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) handler: fn() -> MethodRouter<Service>,
    operations: &'static [Operation],
}

struct Operation {
    method: &'static str,
    about: &'static str,
    /// Names of parameters in the query.
    query: &'static [&'static str],
    body: Option<Shape>,
    /// The status of success, and what comes with it.
    answer: (u16, Option<Shape>),
}

type Shape = fn(&mut SchemaGenerator) -> Value;

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

const fn read(about: &'static str, answer: Option<Shape>) -> Operation {
    Operation { method: "get", about, query: &[], body: None, answer: (200, answer) }
}

const fn act(about: &'static str, body: Option<Shape>, answer: (u16, Option<Shape>)) -> Operation {
    Operation { method: "post", about, query: &[], body, answer }
}

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    Route {
        path: "/api/openapi.json",
        handler: || get(api::openapi),
        operations: &[read("This document", None)],
    },
    Route {
        path: "/api/suites",
        handler: || get(api::suites),
        operations: &[read("What can be started", Some(shape::<api::Choices>))],
    },
    Route {
        path: "/api/runs",
        handler: || get(api::list).post(api::start),
        operations: &[
            Operation {
                query: &["suite", "verdict", "limit"],
                ..read("All runs, the newest first", Some(shape::<Vec<runs::RunEntry>>))
            },
            act(
                "Start a run, or let it wait while one goes on",
                Some(shape::<starter::RunRequest>),
                (202, Some(shape::<starter::Waiting>)),
            ),
        ],
    },
    Route {
        path: "/api/queue",
        handler: || get(api::queue),
        operations: &[read("Runs that wait", Some(shape::<starter::QueueState>))],
    },
    Route {
        path: "/api/queue/{id}",
        handler: || delete(api::take_back),
        operations: &[Operation { method: "delete", ..act("Take back a run that waits", None, (204, None)) }],
    },
    Route {
        path: "/api/runs/{name}",
        handler: || get(api::one),
        operations: &[read("One run", Some(shape::<runs::RunEntry>))],
    },
    Route {
        path: "/api/runs/{name}/view",
        handler: || get(api::view),
        operations: &[read("Everything that its report shows, as data", None)],
    },
    Route {
        path: "/api/runs/{name}/live",
        handler: || get(api::live),
        operations: &[read(
            "The run while it goes on, as server-sent events: `head`, `section`, `moments` and at last `done`",
            Some(shape::<live::Head>),
        )],
    },
    Route {
        path: "/api/runs/{name}/files/{file}",
        handler: || get(api::file),
        operations: &[read("A file of its directory, such as report.html or verdict.json", None)],
    },
    Route {
        path: "/api/runs/{name}/stop",
        handler: || post(api::stop),
        operations: &[Operation {
            query: &["keep"],
            ..act(
                "End it in order: what was recorded is judged. With keep=true its members go on until it is stopped again",
                None,
                (200, None),
            )
        }],
    },
    Route {
        path: "/api/runs/{name}/quiet",
        handler: || post(api::quiet),
        operations: &[act(
            "Heal all faults, and apply none for a while",
            Some(shape::<api::Quiet>),
            (200, None),
        )],
    },
    Route {
        path: "/api/runs/{name}/heal",
        handler: || post(api::heal),
        operations: &[act(
            "Heal all faults now; of a run whose process is gone, end what it left",
            None,
            (200, None),
        )],
    },
    Route {
        path: "/api/runs/{name}/judge",
        handler: || post(api::judge),
        operations: &[act("Judge it again and renew its report", None, (200, Some(shape::<runs::RunEntry>)))],
    },
    Route {
        path: "/api/compare",
        handler: || get(api::compare),
        operations: &[Operation {
            query: &["a", "b"],
            ..read("Two runs beside each other", Some(shape::<compare::Comparison>))
        }],
    },
    Route {
        path: "/metrics",
        handler: || get(api::openmetrics),
        operations: &[read("The service's own numbers, in OpenMetrics", None)],
    },
];

/// The OpenAPI document.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let error = shape::<api::ErrorBody>(&mut generator);
    let mut paths = Map::new();
    for route in ROUTES {
        let mut methods = Map::new();
        for operation in route.operations {
            methods.insert(
                operation.method.to_owned(),
                described(route.path, operation, &mut generator, &error),
            );
        }
        paths.insert(route.path.to_owned(), methods.into());
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "dt", "version": env!("CARGO_PKG_VERSION"),
            "description": "Starts runs against distributed stores, shows them while they go on, and keeps past ones."},
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    })
}

fn described(path: &str, operation: &Operation, generator: &mut SchemaGenerator, error: &Value) -> Value {
    let content = |schema: Value| json!({"application/json": {"schema": schema}});
    let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str, place: &str| json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
    let mut parameters: Vec<Value> = in_path.map(|name| parameter(name, "path")).collect();
    parameters.extend(operation.query.iter().map(|name| parameter(name, "query")));
    let (status, answer) = operation.answer;
    let mut success = json!({"description": operation.about});
    if let Some(shape) = answer {
        success["content"] = content(shape(generator));
    }
    let mut described = json!({
        "summary": operation.about,
        "parameters": parameters,
        "responses": {status.to_string(): success, "default": {"description": "Refused", "content": content(error.clone())}},
    });
    if let Some(shape) = operation.body {
        described["requestBody"] = json!({"required": true, "content": content(shape(generator))});
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        let mut seen = 0;
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference}");
            seen += 1;
        }
        assert!(seen > 8, "{seen}");
        assert_eq!(document["paths"].as_object().unwrap().len(), ROUTES.len());
    }
}
