//! `temporal-elasticsearch-tool`: the index template, the indices and the one cluster setting, as the real tool makes them.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::{env, flag, http, switch};

/// Types and the fields of the visibility index that have them.
const FIELDS: [(&str, &str); 5] = [
    (
        "keyword",
        "NamespaceId TemporalNamespaceDivision WorkflowId RunId WorkflowType ExecutionStatus TaskQueue \
         TemporalChangeVersion BatcherNamespace BatcherUser BinaryChecksums TemporalScheduledById BuildIds \
         ParentWorkflowId ParentRunId RootWorkflowId RootRunId TemporalPauseInfo TemporalWorkerDeploymentVersion \
         TemporalWorkflowVersioningBehavior TemporalWorkerDeployment TemporalReportedProblems \
         TemporalUsedWorkerDeploymentVersions TemporalKeyword01 TemporalKeyword02 TemporalKeyword03 TemporalKeyword04 \
         TemporalLowCardinalityKeyword01 TemporalKeywordList01 TemporalKeywordList02",
    ),
    (
        "date_nanos",
        "StartTime ExecutionTime CloseTime TemporalScheduledStartTime TemporalDatetime01 TemporalDatetime02",
    ),
    (
        "long",
        "ExecutionDuration HistoryLength StateTransitionCount HistorySizeBytes TemporalExternalPayloadSizeBytes \
         TemporalExternalPayloadCount TemporalInt01 TemporalInt02",
    ),
    ("boolean", "TemporalSchedulePaused TemporalBool01 TemporalBool02"),
    ("scaled_float", "TemporalDouble01 TemporalDouble02"),
];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.is_empty() || switch(arguments, "help") || switch(arguments, "version") {
        println!(
            "temporal-elasticsearch-tool 0.0.1 (stand-in): setup-schema, create-index, update-schema, drop-index, ping"
        );
        return Ok(());
    }
    let endpoint = flag(arguments, "endpoint")
        .or_else(|| flag(arguments, "ep"))
        .map(str::to_owned)
        .or_else(|| env("ES_SERVER"))
        .unwrap_or_else(|| "http://127.0.0.1:9200".to_owned());
    let endpoint = endpoint.trim_end_matches('/');
    let commands = ["setup-schema", "create-index", "update-schema", "drop-index", "ping"];
    let command = arguments.iter().find(|argument| commands.contains(&argument.as_str()));
    let command = command.with_context(|| format!("no command; there are {}", commands.join(", ")))?;

    let outcome = match command.as_str() {
        "setup-schema" => put(endpoint, "_cluster/settings", &cluster_settings()).and_then(|()| put_template(endpoint)),
        "create-index" => create_index(endpoint, &index_name(arguments)?),
        "update-schema" => update_schema(endpoint, arguments),
        "drop-index" => send("DELETE", endpoint, &index_name(arguments)?, None),
        _ => send("GET", endpoint, "", None),
    };
    match outcome {
        Err(error) if switch(arguments, "fail") || switch(arguments, "quiet") => {
            eprintln!("temporal-elasticsearch-tool (stand-in): warning: {error:#}");
            Ok(())
        }
        outcome => outcome.map(|()| println!("{command}: done (stand-in)")),
    }
}

fn index_name(arguments: &[String]) -> anyhow::Result<String> {
    flag(arguments, "index")
        .or_else(|| flag(arguments, "i"))
        .map(str::to_owned)
        .or_else(|| env("ES_VISIBILITY_INDEX"))
        .context("--index is required")
}

fn create_index(endpoint: &str, index: &str) -> anyhow::Result<()> {
    match send("PUT", endpoint, index, None) {
        Err(error) if format!("{error:#}").contains("resource_already_exists") => {
            println!("{index} already exists, skipping");
            Ok(())
        }
        outcome => outcome,
    }
}

fn update_schema(endpoint: &str, arguments: &[String]) -> anyhow::Result<()> {
    put_template(endpoint)?;
    match index_name(arguments) {
        Ok(index) => put(endpoint, &format!("{index}/_mapping"), &mappings()),
        Err(_) => Ok(()),
    }
}

fn put_template(endpoint: &str) -> anyhow::Result<()> {
    let settings = json!({
        "number_of_shards": 1,
        "number_of_replicas": 0,
        "auto_expand_replicas": "0-2",
        "sort.field": ["CloseTime", "StartTime", "RunId"],
        "sort.order": ["desc", "desc", "desc"],
        "sort.missing": ["_first", "_first", "_first"],
    });
    let template = json!({
        "index_patterns": ["temporal_visibility_v1*"],
        "settings": {"index": settings},
        "mappings": mappings(),
    });
    put(endpoint, "_template/temporal_visibility_v1_template", &template)
}

fn cluster_settings() -> Value {
    json!({"persistent": {"action.auto_create_index": "false"}})
}

fn mappings() -> Value {
    let mut properties = Map::new();
    for (kind, names) in FIELDS {
        let mapping = match kind {
            "scaled_float" => json!({"type": kind, "scaling_factor": 10_000}),
            _ => json!({"type": kind}),
        };
        properties.extend(names.split_whitespace().map(|name| (name.to_owned(), mapping.clone())));
    }
    json!({"dynamic": "false", "properties": properties})
}

fn put(endpoint: &str, path: &str, body: &Value) -> anyhow::Result<()> {
    send("PUT", endpoint, path, Some(body))
}

fn send(method: &str, endpoint: &str, path: &str, body: Option<&Value>) -> anyhow::Result<()> {
    let url = format!("{endpoint}/{path}");
    let body = body.map(Value::to_string).unwrap_or_default();
    let (status, answer) = http::request(method, &url, &body)?;
    if !(200..300).contains(&status) {
        bail!("{method} {url}: {status}: {answer}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_has_the_fields_of_the_real_one() {
        assert_eq!(mappings()["properties"].as_object().unwrap().len(), 49);
    }
}
