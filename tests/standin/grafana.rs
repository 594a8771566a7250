//! Grafana: reads its provisioning and its dashboards, shows a login page, and no panel.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use crate::{
    env,
    http::{self, Response},
    serve_for_ever,
};

pub(crate) fn run() -> anyhow::Result<()> {
    let provisioning = env("GF_PATHS_PROVISIONING").unwrap_or_else(|| "/etc/grafana/provisioning".to_owned());
    for file in files_below(Path::new(&provisioning), &["yaml", "yml"]) {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let document: serde_yaml::Value = serde_yaml::from_str(&text).with_context(|| file.display().to_string())?;
        for provider in document["providers"].as_sequence().into_iter().flatten() {
            let folder = provider["options"]["path"].as_str().context("a dashboard provider has no options.path")?;
            check_dashboards(Path::new(folder))?;
        }
    }
    let port = env("GF_SERVER_HTTP_PORT").unwrap_or_else(|| "3000".to_owned());
    http::serve(&format!("0.0.0.0:{port}"), |request| match request.path.as_str() {
        "/api/health" => Response::json(200, &json!({"database": "ok", "version": "12.4.3", "standIn": true})),
        "/login" => Response::page("Grafana"),
        "/" => Response::redirect("/login"),
        _ => Response::not_found(),
    })?;
    serve_for_ever();
}

fn check_dashboards(folder: &Path) -> anyhow::Result<()> {
    let files = files_below(folder, &["json"]);
    eprintln!("stand-in: {} dashboards in {}", files.len(), folder.display());
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let dashboard: serde_json::Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        dashboard["title"].as_str().with_context(|| format!("{}: a dashboard without a title", file.display()))?;
    }
    Ok(())
}

fn files_below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path, extensions));
        } else if path.extension().and_then(|end| end.to_str()).is_some_and(|end| extensions.contains(&end)) {
            found.push(path);
        }
    }
    found
}
