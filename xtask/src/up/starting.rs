//! What a start is made of: the command that makes containers, and what is done between the starts.

use std::process::Command;
use std::time::Instant;

use xshell::Shell;

use crate::docker::containers;
use crate::preflight::Preflight;
use crate::schema;
use crate::stack::order::Gate;
use crate::stack::service::Service;
use crate::stack::{LOAD, Stack, namespaces};

/// What is done between: the schemas once their databases are ready, and a namespace once its cluster serves.
pub(super) fn gates<'a>(
    sh: &Shell,
    found: &'a Preflight,
    services: &'a [&'a Service],
    stale: &[String],
    no_schema: bool,
    deadline: Instant,
) -> Vec<Gate<'a>> {
    let stack = &found.stack;
    let names = |is: &dyn Fn(&Service) -> bool| -> Vec<String> {
        services.iter().filter(|it| is(it)).map(|it| it.name.clone()).collect()
    };
    let mut gates = Vec::new();
    let needs_schema = |it: &Service| it.schema.is_some();
    if !no_schema && services.iter().any(|it| needs_schema(it)) {
        let databases = schema::databases(sh, stack, &found.settings, services);
        let (sh, stale) = (sh.clone(), stale.to_vec());
        let work = move || {
            let anew = schema::bring_up(&sh, stack, &found.settings, services, deadline)?;
            let stopped = super::healing::stop_what_ran_on(&sh, found, services, &anew, deadline)?;
            let starts = |it: &&&Service| it.is_server() && (stale.contains(&it.name) || stopped.contains(&it.name));
            let starting: Vec<&Service> = services.iter().filter(starts).copied().collect();
            schema::forget_gone(&sh, stack, &found.settings, &starting, deadline)?;
            Ok(stopped)
        };
        gates.push(Gate {
            after: names(&|it| databases.contains(&it.name)),
            before: names(&needs_schema),
            work: Box::new(work),
        });
    }
    for &service in services.iter().filter(|it| it.namespace.is_some()) {
        let sh = sh.clone();
        gates.push(Gate {
            after: vec![service.name.clone()],
            before: names(&|it| it.waits_for(&service.name)),
            work: Box::new(move || namespaces::register(&sh, stack, &[service], deadline).map(|()| Vec::new())),
        });
    }
    gates
}

/// Makes the containers of these services that are not there or not what the files say now, without starting any, and
/// removes those that belong to no service any more.
pub(super) fn create(sh: &Shell, stack: &Stack, services: &[String]) -> Command {
    let mut command = stack.compose(sh);
    // To Compose, what no file names is an orphan.
    if containers::loads(sh, &stack.project).is_ok_and(|it| !it.is_empty()) {
        command.args(["--file", LOAD]);
    }
    command.args(["up", "--no-start", "--remove-orphans"]).args(services);
    command
}
