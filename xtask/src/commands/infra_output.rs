//! Shows what the last `infra-apply` made known.

use anyhow::Result;
use serde_json::{Map, Value, json};
use xshell::Shell;

use crate::{
    aws::terraform::{self, Outputs},
    cli::flags,
    machine::{table, term},
};

impl flags::InfraOutput {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let outputs = terraform::outputs(sh)?;
        terraform::require(&outputs)?;
        if self.json {
            term::out(&format!("{:#}\n", json!({ "schemaVersion": 1, "outputs": json(&outputs) })));
        } else {
            term::out(&table(&outputs));
        }
        Ok(())
    }
}

/// The outputs as a table.
pub(crate) fn table(outputs: &Outputs) -> String {
    let body = outputs.shown().map(|(name, value)| [name.to_owned(), value.to_owned()]).collect();
    table::titled(["OUTPUT", "VALUE"], body)
}

/// The outputs as a JSON object.
pub(crate) fn json(outputs: &Outputs) -> Map<String, Value> {
    outputs.shown().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}
