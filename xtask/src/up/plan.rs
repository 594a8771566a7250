//! What a dry run prints.

use std::fmt::Write;
use std::time::Instant;

use xshell::Shell;

use super::starting::{create, gates};
use crate::machine::process;
use crate::preflight::Preflight;
use crate::schema;
use crate::settings::template;
use crate::stack::namespaces;
use crate::stack::order::waves;
use crate::stack::service::Service;
use crate::stack::wait::start;

/// The commands that would run, and what would happen between them.
pub(super) fn plan(sh: &Shell, found: &Preflight, services: &[&Service], no_schema: bool) -> String {
    let mut out = String::new();
    for (cluster, _) in &found.rendered {
        _ = writeln!(out, "# write {}", template::path(*cluster));
    }
    let gates = gates(sh, found, services, &[], no_schema, Instant::now());
    let all: Vec<String> = services.iter().map(|it| it.name.clone()).collect();
    _ = writeln!(out, "{}", process::line(&create(sh, &found.stack, &all)));
    let is_schema = |at: usize| !no_schema && at == 0 && services.iter().any(|it| it.schema.is_some());
    for (batch, opened) in waves(services, &gates) {
        if !batch.is_empty() {
            _ = writeln!(out, "{}", process::line(&start(sh, &found.stack, &batch, &found.containers)));
        }
        for at in opened {
            if is_schema(at) {
                out.push_str(&schema::dry_run_all(sh, &found.stack, &found.settings, services));
                continue;
            }
            let after: Vec<&Service> =
                services.iter().filter(|it| gates[at].after.contains(&it.name)).copied().collect();
            let commands = namespaces::commands(sh, &found.stack, &after);
            commands.iter().for_each(|(_, it)| _ = writeln!(out, "{}", process::line(it)));
        }
    }
    out
}
