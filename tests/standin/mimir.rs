//! Mimir: reads its configuration's first level strictly, takes samples and finds none.

use anyhow::{Context, bail};
use serde_json::json;
use serde_yaml::Value;

use crate::{
    flag,
    http::{self, Request, Response},
    serve_for_ever,
};

const SECTIONS: &str = "target multitenancy_enabled no_auth_tenant shutdown_delay api server distributor querier \
    ingester_client ingester flusher limits frontend_worker frontend blocks_storage compactor store_gateway \
    tenant_federation activity_tracker vault ruler ruler_storage alertmanager alertmanager_storage runtime_config \
    memberlist query_scheduler usage_stats overrides_exporter common ingest_storage";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let path = flag(arguments, "config.file").context("-config.file is missing")?;
    let config = read_config(path, SECTIONS)?;
    if let Some(data) = config["blocks_storage"]["tsdb"]["dir"].as_str() {
        check_writable(data)?;
    }
    let port = http_port(&config, 8080);
    http::serve(&format!("0.0.0.0:{port}"), answer)?;
    serve_for_ever();
}

/// Reads a YAML configuration whose first level may hold only `sections`, separated by spaces.
pub(crate) fn read_config(path: &str, sections: &str) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let config: Value = serde_yaml::from_str(&text).with_context(|| path.to_owned())?;
    let Some(mapping) = config.as_mapping() else { bail!("{path}: not a mapping") };
    for key in mapping.keys() {
        let known = key.as_str().is_some_and(|key| sections.split_whitespace().any(|section| section == key));
        if !known {
            bail!("{path}: field {key:?} not found");
        }
    }
    Ok(config)
}

/// Makes a data folder and a file in it, as a server does at its start.
pub(crate) fn check_writable(folder: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("mkdir {folder}"))?;
    std::fs::write(format!("{folder}/stand-in"), "").with_context(|| format!("cannot write to {folder}"))
}

/// `server.http_listen_port`, or the default.
pub(crate) fn http_port(config: &Value, default: u64) -> u64 {
    config["server"]["http_listen_port"].as_u64().unwrap_or(default)
}

fn answer(request: &Request) -> Response {
    let Some(api) = request.path.strip_prefix("/prometheus/api/v1/") else {
        return match request.path.as_str() {
            "/ready" => Response::text(200, "ready (stand-in)\n"),
            "/api/v1/push" if request.method == "POST" => Response::text(200, ""),
            "/" => Response::page("Mimir"),
            _ => Response::not_found(),
        };
    };
    let data = match api {
        "query" => json!({"resultType": "vector", "result": []}),
        "query_range" => json!({"resultType": "matrix", "result": []}),
        "status/buildinfo" => {
            json!({"application": "Grafana Mimir (stand-in)", "version": "3.0.6"})
        }
        "metadata" | "rules" => json!({}),
        "labels" | "series" => json!([]),
        path if path.starts_with("label/") => json!([]),
        _ => return Response::not_found(),
    };
    Response::json(200, &json!({"status": "success", "data": data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_section_is_refused() {
        let folder = std::env::temp_dir().join(format!("standin-mimir-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("mimir.yaml");
        std::fs::write(&file, "server: {http_listen_port: 9009}\n").unwrap();
        let config = read_config(file.to_str().unwrap(), SECTIONS).unwrap();
        assert_eq!(http_port(&config, 1), 9009);
        std::fs::write(&file, "servers: {http_listen_port: 9009}\n").unwrap();
        let error = read_config(file.to_str().unwrap(), SECTIONS).unwrap_err();
        assert!(format!("{error:#}").contains("servers"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
