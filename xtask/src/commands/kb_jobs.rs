//! Lists the knowledge base's ingestions.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::{
    aws::kb::{self, Given, text},
    cli::flags,
    machine::{table, term},
};

impl flags::KbJobs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let given = Given { kb_id: self.kb_id, ds_id: self.ds_id, region: self.region, ..Given::default() };
        let place = kb::locate(sh, given, &[kb::KB_ID, kb::DS_ID])?;
        let jobs = kb::jobs(sh, &place, self.limit.unwrap_or(10))?;
        if self.json {
            let jobs: Vec<Value> = jobs.iter().map(kb::json).collect();
            term::out(&format!("{:#}\n", json!({ "schemaVersion": 1, "jobs": jobs })));
        } else if jobs.is_empty() {
            term::out("there was no ingestion yet: `cargo xtask kb-populate`\n");
        } else {
            let count = |job: &Value, name: &str| kb::count(job, name).to_string();
            let row = |job: &Value| {
                [
                    text(job, "ingestionJobId").to_owned(),
                    text(job, "status").to_owned(),
                    text(job, "startedAt").to_owned(),
                    count(job, "scanned"),
                    count(job, "new"),
                    count(job, "modified"),
                    count(job, "deleted"),
                    count(job, "failed"),
                ]
            };
            let titles = ["JOB", "STATUS", "STARTED", "SCANNED", "NEW", "MODIFIED", "DELETED", "FAILED"];
            term::out(&table::titled(titles, jobs.iter().map(row).collect()));
        }
        Ok(())
    }
}
