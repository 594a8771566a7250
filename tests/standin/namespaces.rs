//! The HTTP API's namespaces, kept where the real server keeps them, so that every process sees them after a restart.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::{
    database::Database,
    http::{Request, Response},
};

const LIST: &str = "SELECT name FROM namespaces ORDER BY name;";
const INSERT: &str =
    "INSERT INTO namespaces (partition_id, id, name, notification_version, data, data_encoding, is_global)
SELECT 54321, gen_random_uuid(), :'name', 0, '', 'stand-in', false
WHERE NOT EXISTS (SELECT 1 FROM namespaces WHERE name = :'name') RETURNING name;";

pub(crate) enum Namespaces {
    InDatabase(Database),
    /// For a start without a schema, which has no table for them.
    InMemory(Mutex<BTreeSet<String>>),
}

impl Namespaces {
    pub(crate) fn list(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut names = match self {
            Namespaces::InDatabase(database) => database.query(LIST, &[])?.lines().map(str::to_owned).collect(),
            Namespaces::InMemory(names) => names.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        names.insert("temporal-system".to_owned());
        Ok(names)
    }

    /// Whether it was not there yet.
    fn register(&self, name: &str) -> anyhow::Result<bool> {
        if self.list()?.contains(name) {
            return Ok(false);
        }
        Ok(match self {
            Namespaces::InDatabase(database) => !database.query(INSERT, &[("name", name)])?.is_empty(),
            Namespaces::InMemory(names) => names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()),
        })
    }

    /// Answers what is under `/api/v1`.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let path = request.path.strip_prefix("/api/v1/").unwrap_or_default();
        let answer = match (request.method.as_str(), path) {
            ("GET", "system-info") => {
                Ok(Response::json(200, &json!({"serverVersion": "1.29.0", "capabilities": {}, "standIn": true})))
            }
            ("GET", "cluster-info") => {
                Ok(Response::json(200, &json!({"clusterName": "stand-in", "historyShardCount": 4})))
            }
            ("GET", "namespaces") => self.list().map(|names| {
                let all: Vec<Value> = names.iter().map(|name| describe(name)).collect();
                Response::json(200, &json!({"namespaces": all}))
            }),
            ("POST", "namespaces") => self.answer_registration(&request.body),
            ("GET", path) if path.starts_with("namespaces/") => self.answer_description(&path["namespaces/".len()..]),
            _ => Ok(failure(404, 5, "Not Found")),
        };
        answer.unwrap_or_else(|error| failure(503, 14, &format!("{error:#}")))
    }

    fn answer_registration(&self, body: &str) -> anyhow::Result<Response> {
        let body: Value = match serde_json::from_str(body) {
            Ok(body) => body,
            Err(error) => return Ok(failure(400, 3, &format!("not JSON: {error}"))),
        };
        let name = body["namespace"].as_str().unwrap_or_default();
        let retention = body["workflowExecutionRetentionPeriod"].as_str().unwrap_or_default();
        let seconds = retention.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok());
        if name.is_empty() {
            return Ok(failure(400, 3, "namespace not set on request"));
        }
        if seconds.is_none_or(|seconds| seconds < 3600) {
            return Ok(failure(
                400,
                3,
                "workflowExecutionRetentionPeriod must be at least an hour, in seconds: 86400s",
            ));
        }
        Ok(match self.register(name)? {
            true => Response::json(200, &json!({})),
            false => failure(409, 6, "Namespace already exists."),
        })
    }

    fn answer_description(&self, name: &str) -> anyhow::Result<Response> {
        Ok(match self.list()?.contains(name) {
            true => Response::json(200, &describe(name)),
            false => failure(404, 5, &format!("Namespace {name} is not found.")),
        })
    }
}

fn describe(name: &str) -> Value {
    json!({"namespaceInfo": {"name": name, "state": "NAMESPACE_STATE_REGISTERED"}})
}

fn failure(status: u16, code: u8, message: &str) -> Response {
    Response::json(status, &json!({"code": code, "message": message, "details": []}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_registered_once() {
        let namespaces = Namespaces::InMemory(Mutex::default());
        assert!(namespaces.register("default").unwrap());
        assert!(!namespaces.register("default").unwrap());
        assert_eq!(namespaces.list().unwrap().len(), 2);
    }
}
