//! Has the knowledge base read its bucket, and waits until it has.

use anyhow::Result;
use xshell::Shell;

use crate::aws::kb::ingestion::{ingest, print};
use crate::aws::kb::{self, Given};
use crate::cli::flags;

impl flags::KbIngest {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let given = Given { kb_id: self.kb_id, ds_id: self.ds_id, region: self.region, ..Given::default() };
        let place = kb::locate(sh, given, &[kb::KB_ID, kb::DS_ID])?;
        if self.dry_run {
            return print(sh, &place);
        }
        ingest(sh, &place, self.timeout).map(drop)
    }
}
