//! Shows the knowledge base and its last ingestion.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::aws::awscli;
use crate::aws::kb::{self, Given, ingestion, text};
use crate::cli::flags;
use crate::machine::{table, term};

impl flags::KbStatus {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let given = Given { kb_id: self.kb_id, ds_id: self.ds_id, region: self.region, ..Given::default() };
        let place = kb::locate(sh, given, &[kb::KB_ID, kb::DS_ID])?;
        let asked = ["bedrock-agent", "get-knowledge-base", "--knowledge-base-id", &place.kb_id];
        let base = awscli::json(sh, &place.region, &asked, awscli::PATIENCE)?["knowledgeBase"].take();
        // A list has no failure reasons: the job itself is asked for them.
        let last = match kb::jobs(sh, &place, 1)?.first() {
            Some(it) => kb::job(sh, &place, text(it, "ingestionJobId"), awscli::PATIENCE)?,
            None => Value::Null,
        };
        if self.json {
            let report = json!({
                "schemaVersion": 1,
                "region": place.region,
                "knowledgeBase": { "id": place.kb_id, "name": base["name"], "status": base["status"], "updatedAt": base["updatedAt"],
                                   "failureReasons": kb::reasons(&base) },
                "dataSourceId": place.ds_id,
                "lastJob": if last.is_null() { Value::Null } else { kb::json(&last) },
            });
            term::out(&format!("{report:#}\n"));
            return Ok(());
        }
        let row = |name: &str, value: &str| [name.to_owned(), value.to_owned()];
        let mut rows = vec![
            row("knowledge base", &format!("{} ({})", place.kb_id, text(&base, "name"))),
            row("status", text(&base, "status")),
            row("data source", &place.ds_id),
            row("region", &place.region),
        ];
        rows.extend(kb::reasons(&base).iter().map(|it| row("  reason", it)));
        if last.is_null() {
            rows.push(row("last ingestion", "none yet: `cargo xtask kb-populate`"));
            term::out(&table::rows(&rows));
            return Ok(());
        }
        rows.push(row("last ingestion", text(&last, "ingestionJobId")));
        rows.push(row("  status", text(&last, "status")));
        rows.push(row("  started", text(&last, "startedAt")));
        rows.push(row("  updated", text(&last, "updatedAt")));
        rows.extend(kb::reasons(&last).iter().map(|it| row("  reason", it)));
        term::out(&format!("{}\n{}", table::rows(&rows), ingestion::statistics(&last)));
        Ok(())
    }
}
