//! Uploads the documents of the knowledge base.

use anyhow::Result;
use xshell::Shell;

use crate::aws::kb::{self, Given, documents};
use crate::cli::flags;
use crate::settings::checkouts;

impl flags::KbSync {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let documents = documents::find(&checkouts::documents(sh, self.source))?;
        let given = Given { bucket: self.bucket, region: self.region, ..Given::default() };
        let place = kb::locate(sh, given, &[kb::BUCKET])?;
        if self.dry_run {
            return documents::print_sync(sh, &documents, &place, self.delete);
        }
        documents::sync(sh, &documents, &place, self.delete, self.yes).map(drop)
    }
}
