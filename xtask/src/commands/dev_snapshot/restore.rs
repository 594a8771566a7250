use anyhow::{Context as _, Result};
use xshell::Shell;

use super::Here;
use super::standstill::Standstill;
use crate::machine::confirm::confirm;
use crate::machine::exit::prerequisites;
use crate::machine::{interrupt, lock, term};
use crate::schema::{self, Context};
use crate::stack::snapshots::unfinished::{self, Phase, Unfinished};
use crate::stack::snapshots::volumes;
use crate::stack::snapshots::{self, Manifest};

pub(super) fn restore(sh: &Shell, name: &str, yes: bool) -> Result<()> {
    let _lock = lock::take(sh, "dev-snapshot restore")?;
    let here = Here::find(sh)?;
    unfinished::settle(sh)?;
    let manifest = snapshots::find(sh, name)?;
    let mut archive = snapshots::archive(sh, name, &manifest)?;
    let mut misfits = manifest.misfits(&here.now);
    misfits.extend(schema::at_rest::misfits(&Context::new(sh, &here.stack, &here.settings), &manifest));
    prerequisites(&format!("the snapshot `{name}` does not fit"), misfits)?;
    let standstill = Standstill::prepare(sh, &here)?;
    ask(sh, &here, name, &manifest, yes)?;

    interrupt::on_interrupt("nothing was changed; `cargo xtask dev-up` starts what was stopped");
    let staging = Unfinished { phase: Phase::Stage, name: name.to_owned(), volumes: here.volumes.clone() };
    let note = staging.note(sh)?;
    let staged = standstill.begin(sh, &here, note).and_then(|()| {
        make_missing(sh, &here)?;
        here.volumes.stage(sh, &mut archive)?;
        // Before the databases are others, and not after: nothing may note in between what is true of the old ones.
        schema::forget(sh)
    });
    if let Err(e) = staged {
        staging.end(sh)?;
        standstill.end(sh, &here, false)?;
        return Err(e.context(format!("the snapshot `{name}` was not restored; the data is as it was")));
    }
    interrupt::on_interrupt("`cargo xtask dev-up` completes the restore");
    let swapping = Unfinished { phase: Phase::Swap, ..staging };
    swapping.note(sh)?;
    swapping.end(sh).context("`cargo xtask dev-up` completes the restore")?;
    interrupt::on_interrupt("the snapshot is restored; `cargo xtask dev-up` starts what was stopped");
    standstill.end(sh, &here, true)?;
    term::say(&format!("restored `{name}`; `cargo xtask dev-up` starts what does not run"));
    Ok(())
}

/// Names what is lost.
fn ask(sh: &Shell, here: &Here, name: &str, manifest: &Manifest, yes: bool) -> Result<()> {
    let there = here.volumes.existing(sh)?;
    let lost: Vec<&str> = there.names.values().map(String::as_str).collect();
    let what = format!("the snapshot `{name}`, saved {}", manifest.age());
    if lost.is_empty() {
        term::say(&format!("there is no data yet: {what}, overwrites nothing"));
        return Ok(());
    }
    confirm(&format!("{what}, overwrites the data in {}", lost.join(", ")), yes)
}

fn make_missing(sh: &Shell, here: &Here) -> Result<()> {
    let there = here.volumes.existing(sh)?;
    let is_missing = |it: &&volumes::DataVolume| !there.names.contains_key(&it.key);
    here.declared.iter().filter(is_missing).try_for_each(|it| volumes::make(sh, &here.stack.project, it))
}
