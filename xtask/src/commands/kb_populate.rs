//! Fills the knowledge base: upload, ingestion, wait.

use anyhow::Result;
use xshell::Shell;

use crate::{
    aws::kb::{self, Given},
    cli::flags,
    commands::{
        kb_ingest::{self, Start},
        kb_sync,
    },
    machine::term,
};

impl flags::KbPopulate {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let documents = kb_sync::find_documents(sh, self.source)?;
        let given = Given { bucket: self.bucket, kb_id: self.kb_id, ds_id: self.ds_id, region: self.region };
        let place = kb::locate(sh, given, &[kb::BUCKET, kb::KB_ID, kb::DS_ID])?;
        if self.dry_run {
            kb_sync::print(sh, &place, &kb_sync::args(&documents, &place, self.delete))?;
            return kb_ingest::print(sh, &place);
        }
        let changed = kb_sync::sync(sh, &documents, &place, self.delete)?;
        if kb_ingest::ingest(sh, &place, self.timeout)? == Start::Joined && changed > 0 {
            // The joined job may have listed the bucket before our upload. The next one certainly lists it after.
            term::say("that job began before the upload: one more, to be sure");
            kb_ingest::ingest(sh, &place, self.timeout)?;
        }
        Ok(())
    }
}
