//! Loki: reads its configuration's first level strictly, takes lines and finds none; checks itself with `-health`.

use anyhow::{Context, bail};
use serde_json::json;

use crate::{
    flag,
    http::{self, Request, Response},
    mimir, serve_for_ever, switch,
};

const SECTIONS: &str = "target auth_enabled ballast_bytes server ui internal_server distributor querier \
    query_engine ingester_client ingester ingest_limits block_builder pattern_ingester index_gateway bloom_build \
    bloom_gateway storage_config chunk_store_config schema_config compactor compactor_client limits_config \
    frontend_worker table_manager memberlist query_range query_scheduler frontend ruler ruler_storage runtime_config \
    operational_config tracing analytics profiling common shutdown_delay metrics_namespace dataobj kafka_config";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if switch(arguments, "health") {
        let url = flag(arguments, "health.url").unwrap_or("http://localhost:3100/ready");
        let (status, body) = http::request("GET", url, "")?;
        if status != 200 {
            bail!("{url} answers {status}: {body}");
        }
        return Ok(());
    }
    let path = flag(arguments, "config.file").context("-config.file is missing")?;
    let config = mimir::read_config(path, SECTIONS)?;
    if switch(arguments, "verify-config") {
        println!("config is valid (stand-in)");
        return Ok(());
    }
    if let Some(data) = config["common"]["path_prefix"].as_str() {
        mimir::check_writable(data)?;
    }
    http::serve(&format!("0.0.0.0:{}", mimir::http_port(&config, 3100)), answer)?;
    serve_for_ever();
}

fn answer(request: &Request) -> Response {
    let data = match request.path.as_str() {
        "/ready" => return Response::text(200, "ready (stand-in)\n"),
        "/loki/api/v1/push" if request.method == "POST" => return Response::text(204, ""),
        "/loki/api/v1/query" | "/loki/api/v1/query_range" => {
            json!({"resultType": "streams", "result": []})
        }
        "/loki/api/v1/labels" | "/loki/api/v1/series" => json!([]),
        "/loki/api/v1/status/buildinfo" => {
            return Response::json(200, &json!({"version": "3.7.6 (stand-in)"}));
        }
        path if path.starts_with("/loki/api/v1/label/") => json!([]),
        "/" => return Response::page("Loki"),
        _ => return Response::not_found(),
    };
    Response::json(200, &json!({"status": "success", "data": data}))
}
