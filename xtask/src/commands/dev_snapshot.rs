//! `cargo xtask dev-snapshot`: the data of the `--local` stack, set aside and brought back.

mod restore;
mod save;
mod standstill;

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::cli::flags::{self, SnapshotAction};
use crate::machine::confirm::confirm;
use crate::machine::exit::{PREREQUISITE, USAGE, exit};
use crate::machine::few;
use crate::machine::{lock, table, term};
use crate::settings::Settings;
use crate::stack::mode::Mode;
use crate::stack::snapshots::volumes::{self, DataVolume, Volumes};
use crate::stack::snapshots::{self, Manifest, size};
use crate::stack::{Stack, postgres_image};

impl flags::DevSnapshot {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let name = self.name.as_ref().map(|it| it.0.as_str());
        match (self.action, name) {
            (SnapshotAction::List, None) => list(sh, self.json),
            (SnapshotAction::List, Some(_)) => Err(exit(USAGE, "`dev-snapshot list` takes no name")),
            (_, None) => Err(exit(USAGE, format!("NAME is missing: `dev-snapshot {} NAME`", self.action.as_str()))),
            (SnapshotAction::Save, Some(name)) => save::save(sh, name, self.yes),
            (SnapshotAction::Restore, Some(name)) => restore::restore(sh, name, self.yes),
            (SnapshotAction::Remove, Some(name)) => remove(sh, name, self.yes),
        }
    }
}

fn list(sh: &Shell, as_json: bool) -> Result<()> {
    let all = snapshots::list(sh)?;
    if as_json {
        let row = |(name, it): &(String, Manifest)| {
            let mut row = it.json();
            row["name"] = json!(name);
            row
        };
        let rows: Vec<Value> = all.iter().map(row).collect();
        term::out(&format!("{:#}\n", json!({ "schemaVersion": 1, "snapshots": rows })));
        return Ok(());
    }
    if all.is_empty() {
        term::say("there are no snapshots; `cargo xtask dev-snapshot save NAME` makes one");
        return Ok(());
    }
    let row = |(name, it): &(String, Manifest)| [name.clone(), it.age(), size(it.bytes), it.mode.clone()];
    term::out(&table::titled(["NAME", "SAVED", "SIZE", "MODE"], &all.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

fn remove(sh: &Shell, name: &str, yes: bool) -> Result<()> {
    let _lock = lock::take(sh, "dev-snapshot remove")?;
    let it = snapshots::find(sh, name)?;
    confirm(&format!("this removes the snapshot `{name}`, saved {}, {}", it.age(), size(it.bytes)), yes)?;
    snapshots::remove(sh, name)
}

/// The stack whose data it is about.
struct Here {
    stack: Stack,
    settings: Settings,
    /// As the compose files have them.
    declared: Vec<DataVolume>,
    /// All of them, whether they are there or not.
    volumes: Volumes,
    now: Manifest,
}

impl Here {
    /// Exit code 3: there is no local stack, or no engine.
    fn find(sh: &Shell) -> Result<Here> {
        let Some(mode) = Mode::saved(sh)? else {
            return Err(exit(PREREQUISITE, "no stack was started here yet; `cargo xtask dev-up --local` starts one"));
        };
        if !mode.local {
            let what = "the data of this stack is in Aurora DSQL, which snapshots do not reach: they are for `--local`";
            return Err(exit(PREREQUISITE, what));
        }
        let settings = Settings::load(sh, true);
        let stack = Stack::running(sh, &settings, mode)?.0.restored(sh)?;
        let declared = volumes::declared(sh, &stack)?;
        let names = few::map(declared.iter().map(|it| (it.key.clone(), it.name.clone())));
        let image = helper(sh, &stack)?;
        let now = Manifest::of(mode, stack.arch.as_deref().unwrap_or_default(), &declared);
        let volumes = Volumes { project: stack.project.clone(), image, names };
        Ok(Here { stack, settings, declared, volumes, now })
    }
}

/// The image of the local databases: it has what it takes, and is there already.
fn helper(sh: &Shell, stack: &Stack) -> Result<String> {
    let named = postgres_image(sh)?;
    let last = |it: &str| it.rsplit('/').next().unwrap_or_default().to_owned();
    let own = stack.services.iter().find(|it| last(&it.image) == last(&named));
    Ok(own.map_or(named, |it| it.image.clone()))
}
