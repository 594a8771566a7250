//! Fills the knowledge base: upload, ingestion, wait.

use anyhow::Result;
use xshell::Shell;

use crate::aws::kb::ingestion::{self, Start};
use crate::aws::kb::{self, Given, documents};
use crate::cli::flags;
use crate::machine::term;
use crate::settings::checkouts;

impl flags::KbPopulate {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let documents = documents::find(&checkouts::documents(sh, self.source))?;
        let given = Given { bucket: self.bucket, kb_id: self.kb_id, ds_id: self.ds_id, region: self.region };
        let place = kb::locate(sh, given, &[kb::BUCKET, kb::KB_ID, kb::DS_ID])?;
        if self.dry_run {
            documents::print_sync(sh, &documents, &place, self.delete)?;
            return ingestion::print(sh, &place);
        }
        let changed = documents::sync(sh, &documents, &place, self.delete, self.yes)?;
        if ingestion::ingest(sh, &place, self.timeout)? == Start::Joined && changed > 0 {
            // The joined job may have listed the bucket before our upload. The next one certainly lists it after.
            term::say("that job began before the upload: one more, to be sure");
            ingestion::ingest(sh, &place, self.timeout)?;
        }
        Ok(())
    }
}
