//! The Copilot's API under `granian`: its pool is made once at the start, for better or worse.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    database::{self, Database, requires_schema},
    env, flag,
    http::{self, Request, Response},
    serve_for_ever, worker,
};

const NOW: &str = "SELECT to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"');";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    ensure!(arguments.iter().any(|word| word == "copilot.api:app"), "the stand-in serves copilot.api:app only");
    ensure!(flag(arguments, "interface") == Some("asgi"), "copilot.api:app needs --interface asgi");
    let host = flag(arguments, "host").unwrap_or("127.0.0.1");
    let port = flag(arguments, "port").unwrap_or("8000");

    let pool = open_pool();
    if let Err(error) = &pool {
        eprintln!("stand-in: no connection pool, every answer will be 503: {error:#}");
    }
    http::serve(&format!("{host}:{port}"), move |request| answer(request, pool.as_ref().ok()))?;
    serve_for_ever();
}

fn open_pool() -> anyhow::Result<Database> {
    let host = env("COPILOT_DSQL_ENDPOINT").unwrap_or_else(|| "localhost".to_owned());
    let database = worker::copilot_database(&host)?;
    database::check_credentials(&["AWS_DEFAULT_REGION"])?;
    database.query("SELECT 1;", &[])?;
    Ok(database)
}

fn answer(request: &Request, pool: Option<&Database>) -> Response {
    match request.path.as_str() {
        "/docs" => return Response::page("Copilot API"),
        "/openapi.json" => return Response::text(500, "Internal Server Error"),
        "/actions" => return Response::json(501, &json!({"error": "not implemented"})),
        _ => {}
    }
    if body_of(&request.path, "").is_none() {
        return Response::json(404, &json!({"detail": "Not Found"}));
    }
    let Some(database) = pool else {
        let detail = json!({"error": "no connection pool", "health_state": "unknown", "degraded": true});
        return Response::json(503, &json!({"detail": detail}));
    };
    let table = if requires_schema() { "health_assessments" } else { "pg_tables" };
    match database.query(&format!("SELECT count(*) FROM {table};"), &[]).and_then(|_| database.query(NOW, &[])) {
        Ok(now) => Response::json(200, &body_of(&request.path, &now).unwrap_or_default()),
        Err(error) => Response::text(500, format!("Internal Server Error (stand-in): {error:#}\n")),
    }
}

fn body_of(path: &str, now: &str) -> Option<Value> {
    Some(match path {
        "/status" => json!({
            "health_state": "happy", "timestamp": now, "primary_signals": {}, "amplifiers": {}, "log_patterns": [],
            "recommended_actions": [], "issue_count": 0, "stand_in": true,
        }),
        "/status/services" => json!({"services": []}),
        "/status/issues" => json!({"issues": []}),
        "/status/timeline" => json!({"timeline": []}),
        "/status/summary" => json!({
            "summary": "No assessment available yet.", "timestamp": now, "health_state": "happy", "stand_in": true,
        }),
        _ => return None,
    })
}
