//! A stack that stands still for a while: nothing writes, and what ran before runs again.

use std::fs::File;
use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::Shell;

use super::Here;
use crate::docker::containers;
use crate::docker::engine::CHANGE;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::process::{self, Limit};
use crate::schema;
use crate::stack::order::Gate;
use crate::stack::service::Service;
use crate::stack::wait::{DEFAULT_TIMEOUT, Start, start_and_wait};

/// The services that ran.
pub(super) struct Standstill(Vec<String>);

impl Standstill {
    /// Exit code 3: something is under way that a stop would end.
    pub(super) fn prepare(sh: &Shell, here: &Here) -> Result<Standstill> {
        let loads = containers::loads(sh, &here.stack.project)?;
        if !loads.is_empty() {
            let what = format!("a load runs ({}): wait until it has ended, or end it with Ctrl-C", loads.join(", "));
            return Err(exit(PREREQUISITE, what));
        }
        let all = containers::list(sh, &here.stack.project)?;
        if let Some(it) = all.iter().find(|it| it.status == "paused") {
            return Err(exit(PREREQUISITE, format!("{} is paused; `cargo xtask dev-up` lets it go on", it.service)));
        }
        let runs = all.into_iter().filter(|it| matches!(it.status.as_str(), "running" | "restarting"));
        Ok(Standstill(runs.map(|it| it.service).collect()))
    }

    /// Stops everything. The command holds the note of what has begun, for whoever comes after a kill.
    pub(super) fn begin(&self, sh: &Shell, here: &Here, note: File) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        process::run(here.stack.compose(sh).arg("stop").stdin(note), Limit::Within(CHANGE))
    }

    /// Starts the same containers as before, no others, and waits until they are ready. `other_data`: the databases may
    /// have an older schema than the checkouts.
    pub(super) fn end(&self, sh: &Shell, here: &Here, other_data: bool) -> Result<()> {
        let Here { stack, settings, .. } = here;
        let ran = |name: &String| self.0.contains(name);
        let services: Vec<&Service> = stack.services.iter().filter(|it| ran(&it.name)).collect();
        if services.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_secs(DEFAULT_TIMEOUT);
        let databases = schema::databases(sh, stack, settings, &services);
        let mut gates = Vec::new();
        if databases.iter().all(ran) {
            let (sh, services) = (sh.clone(), services.clone());
            let servers: Vec<&Service> = services.iter().filter(|it| it.is_server()).copied().collect();
            let work = move || {
                if other_data {
                    schema::bring_up(&sh, stack, settings, &services, deadline)?;
                }
                schema::forget_gone(&sh, stack, settings, &servers, deadline).map(|()| Vec::new())
            };
            let before = stack.services.iter().filter(|it| it.schema.is_some()).map(|it| it.name.clone()).collect();
            gates.push(Gate { after: databases, before, work: Box::new(work) });
        }
        let pending = services.iter().map(|it| it.name.clone()).collect();
        start_and_wait(sh, stack, &services, deadline, Start { create: None, pending, gates })
    }
}
