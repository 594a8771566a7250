//! The Temporal web UI: it needs to be told of a cluster, and proxies that cluster's API.

use anyhow::Context;

use crate::{
    env, health,
    http::{self, Response},
    serve_for_ever,
};

pub(crate) fn run() -> anyhow::Result<()> {
    let cluster = env("TEMPORAL_ADDRESS").context("TEMPORAL_ADDRESS is not set")?;
    let port = env("TEMPORAL_UI_PORT").unwrap_or_else(|| "8080".to_owned());
    http::serve(&format!("0.0.0.0:{port}"), move |request| match request.path.as_str() {
        "/healthz" => Response::text(200, "OK (stand-in)\n"),
        path if path.starts_with("/api/v1/") => {
            match health::ask(&cluster, "health temporal.api.workflowservice.v1.WorkflowService") {
                Ok(status) => Response::text(200, format!("{cluster}: {status}\n")),
                Err(error) => Response::text(503, format!("{error:#}\n")),
            }
        }
        _ => Response::page("Temporal UI"),
    })?;
    serve_for_ever();
}
