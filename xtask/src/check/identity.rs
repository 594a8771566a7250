//! Signing in to AWS: who refers to AWS has the directory, read-only, and both spellings of the region.

use serde_yaml::Value;

use super::{
    Finding,
    repo::{Repo, scalars, text},
};

/// Where containers find the AWS directory.
const TARGET: &str = "/aws";
const REFERENCES: &[&str] = &["TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST", "AWS_REGION"];

/// Property 2, and what belongs to it.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, name, node) in repo.services() {
        let mount = aws_mount(node);
        if let Some(mount) = mount {
            if mount.get("read_only").and_then(Value::as_bool) != Some(true) {
                found.push(file.finding(
                    file.line_in(name, "AWS_MOUNT_DIR"),
                    format!("{name} could write to the AWS directory"),
                    "add `read_only: true` to that mount",
                ));
            }
            if mount.get("target").and_then(Value::as_str) != Some(TARGET) {
                found.push(file.finding(
                    file.line_in(name, "AWS_MOUNT_DIR"),
                    format!("{name} has the AWS directory elsewhere than at {TARGET}"),
                    format!("write `target: {TARGET}`, where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE point"),
                ));
            }
        } else if let Some(reference) = refers(node) {
            found.push(file.finding(
                file.line_in(name, reference),
                format!("{name} refers to {reference} and does not mount the AWS directory"),
                "add `*aws-directory` to its volumes",
            ));
        }
        let environment = |key: &str| node.get("environment")?.get(key).and_then(text);
        if let Some(region) = environment("AWS_REGION")
            && environment("AWS_DEFAULT_REGION").as_ref() != Some(&region)
        {
            found.push(file.finding(
                file.line_in(name, "AWS_REGION"),
                format!("{name} has AWS_REGION, but not the same AWS_DEFAULT_REGION"),
                "set both: Temporal reads one, the Copilot the other",
            ));
        }
    }
    found
}

fn aws_mount(node: &Value) -> Option<&Value> {
    let source = |it: &&Value| it.get("source").and_then(Value::as_str).is_some_and(|it| it.contains("AWS_MOUNT_DIR"));
    node.get("volumes")?.as_sequence()?.iter().find(source)
}

fn refers(node: &Value) -> Option<&'static str> {
    let mut all = Vec::new();
    scalars(node, &mut all);
    let whole = |text: &str, name: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == name)
    };
    REFERENCES.iter().copied().find(|name| all.iter().any(|it| whole(it, name)))
}
