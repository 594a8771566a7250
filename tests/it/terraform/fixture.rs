//! The stand-in for `terraform/dev` behaves as an account would: it comes, stays, fails half-way, is interrupted, goes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const APPLY: [&str; 5] = ["apply", "-auto-approve", "-input=false", "-no-color", "-var=project_name=demo"];
const DESTROY: [&str; 5] = ["destroy", "-auto-approve", "-input=false", "-no-color", "-var=project_name=demo"];

/// A copy of the stand-in, initialised. `None` without Terraform.
fn initialised() -> Option<TempDir> {
    let dir = tempfile::tempdir().unwrap();
    tests::terraform::copy_fixture(dir.path()).unwrap();
    let init = run(dir.path(), &["init", "-input=false", "-no-color"], &[])?;
    assert!(init.status.success(), "{}", stderr(&init));
    Some(dir)
}

fn run(dir: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Option<Output> {
    Some(tests::terraform::command(dir)?.args(arguments).envs(env.iter().copied()).output().unwrap())
}

/// Runs what must succeed and returns what it printed.
fn succeed(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments, &[]).unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn state(dir: &Path) -> Vec<String> {
    succeed(dir, &["state", "list"]).lines().map(str::to_owned).collect()
}

fn outputs(dir: &Path) -> Value {
    serde_json::from_str(&succeed(dir, &["output", "-json"])).unwrap()
}

#[test]
fn it_applies_gives_its_outputs_stays_unchanged_and_is_destroyed() {
    let Some(dir) = initialised() else { return };
    let dir = dir.path();
    assert!(succeed(dir, &APPLY).contains("6 added, 0 changed, 0 destroyed"));

    let outputs = outputs(dir);
    let output = |name: &str| outputs[name]["value"].as_str().unwrap().to_owned();
    for name in ["monitored_dsql_endpoint", "copilot_dsql_endpoint"] {
        let host = output(name);
        let (identifier, rest) = host.split_once('.').unwrap();
        assert_eq!((identifier.len(), rest), (26, "dsql.eu-west-1.on.aws"), "{host}");
        assert!(identifier.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{host}");
    }
    assert_ne!(output("monitored_dsql_endpoint"), output("copilot_dsql_endpoint"));
    for name in ["knowledge_base_id", "data_source_id"] {
        let id = output(name);
        assert_eq!(id.len(), 10, "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{id}");
    }
    assert_eq!(output("kb_source_bucket"), "demo-kb-123456789012-eu-west-1");
    assert_eq!(output("kb_vector_bucket"), "demo-vectors");
    assert_eq!((output("project_name"), output("region")), ("demo".to_owned(), "eu-west-1".to_owned()));

    assert!(succeed(dir, &APPLY).contains("No changes."));
    assert!(succeed(dir, &DESTROY).contains("6 destroyed"));
    assert_eq!(state(dir), [""; 0]);
    assert_eq!(self::outputs(dir), serde_json::json!({}));
}

#[test]
fn a_failed_apply_leaves_half_and_the_next_one_heals() {
    let Some(dir) = initialised() else { return };
    let dir = dir.path();
    let failed = run(dir, &APPLY, &[("TF_VAR_fail", "true")]).unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("ValidationException"), "{}", stderr(&failed));
    let half = state(dir);
    assert!(half.contains(&"terraform_data.monitored".to_owned()), "{half:?}");
    assert!(!half.contains(&"terraform_data.data_source".to_owned()), "{half:?}");
    assert!(outputs(dir).get("data_source_id").is_none());

    assert!(succeed(dir, &APPLY).contains("2 added, 0 changed, 1 destroyed"));
    assert!(outputs(dir).get("data_source_id").is_some());
}

#[test]
fn an_interrupted_apply_keeps_its_state_and_can_be_destroyed() {
    let Some(dir) = initialised() else { return };
    let dir = dir.path();
    let mut apply = tests::terraform::command(dir).unwrap();
    let mut child =
        apply.args(APPLY).env("TF_VAR_slow", "300").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Executing:")), "the knowledge base was never begun");

    let begun = Instant::now();
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let rest: Vec<_> = lines.collect();
    assert!(!child.wait().unwrap().success(), "{rest:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "the interrupted apply waited for its provisioner");

    assert!(state(dir).contains(&"terraform_data.copilot".to_owned()));
    succeed(dir, &DESTROY);
    assert_eq!(state(dir), [""; 0]);
}

#[test]
fn another_region_gives_other_endpoints() {
    let Some(dir) = initialised() else { return };
    let dir = dir.path();
    succeed(dir, &APPLY);
    let before = outputs(dir);
    succeed(dir, &[&APPLY[..], &["-var=region=eu-central-1"]].concat());
    let after = outputs(dir);
    assert_ne!(before["monitored_dsql_endpoint"], after["monitored_dsql_endpoint"]);
    assert_eq!(after["region"]["value"], "eu-central-1");
}
