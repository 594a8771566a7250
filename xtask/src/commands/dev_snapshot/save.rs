use anyhow::{Context as _, Result};
use xshell::Shell;

use super::Here;
use super::standstill::Standstill;
use crate::machine::confirm::confirm;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::{interrupt, lock, term};
use crate::schema::{self, Context};
use crate::stack::snapshots::unfinished::{self, Phase, Unfinished};
use crate::stack::snapshots::volumes::Volumes;
use crate::stack::snapshots::{self, Manifest, size};

pub(super) fn save(sh: &Shell, name: &str, yes: bool) -> Result<()> {
    let _lock = lock::take(sh, "dev-snapshot save")?;
    let here = Here::find(sh)?;
    unfinished::settle(sh)?;
    let volumes = here.volumes.existing(sh)?;
    if volumes.names.is_empty() {
        return Err(exit(PREREQUISITE, "there is no data yet; `cargo xtask dev-up --local` makes some"));
    }
    let standstill = Standstill::prepare(sh, &here)?;
    if let Some(it) = snapshots::read(sh, name) {
        confirm(&format!("this replaces the snapshot `{name}`, saved {}, {}", it.age(), size(it.bytes)), yes)?;
    }
    interrupt::on_interrupt("nothing was saved; `cargo xtask dev-up` starts what was stopped");
    let begun = Unfinished { phase: Phase::Save, name: name.to_owned(), volumes };
    let note = begun.note(sh)?;
    let saved = standstill.begin(sh, &here, note).and_then(|()| write(sh, &here, name, &begun.volumes));
    // Also after a failure: it removes what is half made.
    begun.end(sh)?;
    if saved.is_ok() {
        interrupt::on_interrupt("the snapshot is saved; `cargo xtask dev-up` starts what was stopped");
    }
    standstill.end(sh, &here, false)?;
    let manifest = saved.with_context(|| format!("the snapshot `{name}` was not saved"))?;
    term::say(&format!(
        "saved `{name}`, {}: `cargo xtask dev-snapshot restore {name}` brings it back",
        size(manifest.bytes)
    ));
    Ok(())
}

fn write(sh: &Shell, here: &Here, name: &str, volumes: &Volumes) -> Result<Manifest> {
    let mut manifest = here.now.clone();
    manifest.volumes.retain(|key, _| volumes.names.contains_key(key));
    manifest.databases =
        schema::at_rest::look(&Context::new(sh, &here.stack, &here.settings), volumes, &here.declared)?;
    let mut archive = snapshots::begin(sh)?;
    volumes.pack(sh, &mut archive)?;
    manifest.bytes = archive.metadata()?.len();
    snapshots::publish(sh, name, &archive, &manifest)?;
    Ok(manifest)
}
