//! Lists the knowledge base's ingestions.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::aws::kb::{self, Given, text};
use crate::cli::flags;
use crate::machine::{table, term};

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
            let row = |job: &Value| {
                let [id, status, started] =
                    ["ingestionJobId", "status", "startedAt"].map(|it| text(job, it).to_owned());
                let [scanned, new, modified, deleted, failed] =
                    kb::STATISTICS.map(|(name, _)| kb::count(job, name).to_string());
                [id, status, started, scanned, new, modified, deleted, failed]
            };
            let titles = ["JOB", "STATUS", "STARTED", "SCANNED", "NEW", "MODIFIED", "DELETED", "FAILED"];
            term::out(&table::titled(titles, &jobs.iter().map(row).collect::<Vec<_>>()));
        }
        Ok(())
    }
}
