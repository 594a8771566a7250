//! The Copilot's worker: needs a region, its cluster and its namespace; polls, and writes a row every half minute.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{
    database::{self, Database},
    env, health, http, ports,
};

const POLL_EVERY: Duration = Duration::from_secs(3);
const SNAPSHOT_EVERY: Duration = Duration::from_secs(30);
const SNAPSHOT: &str = "INSERT INTO metrics_snapshots (id, timestamp, metrics)
VALUES (gen_random_uuid(), now(), '{\"stand-in\": true}');";

/// Where the Copilot's own Temporal is.
pub(crate) fn temporal_address() -> String {
    env("TEMPORAL_ADDRESS").unwrap_or_else(|| "localhost:7233".to_owned())
}

/// The task queue that the worker polls.
pub(crate) fn task_queue() -> String {
    env("COPILOT_TASK_QUEUE").unwrap_or_else(|| "copilot-task-queue".to_owned())
}

pub(crate) fn run() -> anyhow::Result<()> {
    eprintln!("copilot.worker (stand-in) starts");
    database::check_credentials(&["AWS_DEFAULT_REGION"])?;
    let namespace = env("TEMPORAL_NAMESPACE").unwrap_or_else(|| "default".to_owned());
    poll(&namespace)?;
    eprintln!("stand-in: polls {} at {}", task_queue(), temporal_address());

    let database = workflow_database()?;
    let mut next_snapshot = Instant::now();
    loop {
        thread::sleep(POLL_EVERY);
        // Once it runs, the real worker rides out a cluster that is away.
        if let Err(error) = poll(&namespace) {
            eprintln!("stand-in: {error:#}");
        }
        let Some(database) = database.as_ref().filter(|_| Instant::now() >= next_snapshot) else {
            continue;
        };
        next_snapshot = Instant::now() + SNAPSHOT_EVERY;
        match database.query(SNAPSHOT, &[]) {
            Ok(_) => eprintln!("stand-in: a snapshot is stored"),
            Err(error) => eprintln!("stand-in: no snapshot: {error:#}"),
        }
    }
}

fn poll(namespace: &str) -> anyhow::Result<()> {
    let identity = format!("1@{}", env("HOSTNAME").unwrap_or_else(ports::hostname));
    let answer = health::ask(&temporal_address(), &format!("poll {namespace} {} {identity}", task_queue()))
        .context("no connection to Temporal")?;
    if answer != "ok" {
        bail!("Temporal refuses to be polled: {answer}");
    }
    Ok(())
}

/// Where the workflows write; without a database or a metrics store the real worker starts none and polls all the same.
fn workflow_database() -> anyhow::Result<Option<Database>> {
    let (Some(host), Some(metrics)) = (env("COPILOT_DSQL_ENDPOINT"), env("PROMETHEUS_ENDPOINT")) else {
        eprintln!("stand-in: COPILOT_DSQL_ENDPOINT or PROMETHEUS_ENDPOINT is not set: no workflows");
        return Ok(None);
    };
    match http::request("GET", &format!("{metrics}/api/v1/query?query=up"), "") {
        Ok((200, _)) => {}
        Ok((status, _)) => eprintln!("stand-in: warning: {metrics} answers {status}"),
        Err(error) => eprintln!("stand-in: warning: {error:#}"),
    }
    Ok(Some(copilot_database(&host)?))
}

/// The Copilot's connector takes only hosts of DSQL's own form.
pub(crate) fn copilot_database(host: &str) -> anyhow::Result<Database> {
    if !is_dsql_host(host) {
        bail!("COPILOT_DSQL_ENDPOINT: `{host}` is not of the form NAME.dsql.REGION.on.aws");
    }
    Ok(Database { host: host.to_owned(), port: "5432".to_owned(), sslmode: "require".to_owned() })
}

fn is_dsql_host(host: &str) -> bool {
    let Some(rest) = host.strip_suffix(".on.aws") else {
        return false;
    };
    let parts: Vec<&str> = rest.split('.').collect();
    matches!(parts[..], [name, dsql, region] if !name.is_empty() && dsql.starts_with("dsql") && !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_dsql_s_own_form_are_taken() {
        assert!(is_dsql_host("copilot-local.dsql.eu-west-1.on.aws"));
        for host in ["localhost", "dsql-copilot", "copilot.dsql.local", "a.dsql..on.aws", ".dsql.eu-west-1.on.aws"] {
            assert!(!is_dsql_host(host), "{host}");
        }
    }
}
