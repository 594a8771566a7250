//! Shows what the last `infra-apply` made known.

use anyhow::Result;
use serde_json::json as document;
use xshell::Shell;

use crate::aws::outputs::{json, table};
use crate::aws::terraform;
use crate::cli::flags;
use crate::machine::term;

impl flags::InfraOutput {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let outputs = terraform::outputs(sh)?;
        terraform::require(&outputs)?;
        if self.json {
            term::out(&format!("{:#}\n", document!({ "schemaVersion": 1, "outputs": json(&outputs) })));
        } else {
            term::out(&table(&outputs));
        }
        Ok(())
    }
}
