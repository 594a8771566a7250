//! In which order services start: each as soon as what it depends on is ready, and what has to be done between.

use anyhow::Result;

use crate::stack::service::Service;

/// Something to be done once some services are ready, and before others may start; such as the schema.
pub(crate) struct Gate<'a> {
    pub after: Vec<String>,
    pub before: Vec<String>,
    /// Does it, and returns the services that have to start (again) because of it.
    pub work: Box<dyn FnOnce() -> Result<Vec<String>> + Send + 'a>,
}

/// These services, of which those behind a gate depend on what the gate waits for: what fails there fails them too.
pub(crate) fn behind_gates(services: &[&Service], gates: &[Gate<'_>]) -> Vec<Service> {
    let mut services: Vec<Service> = services.iter().map(|it| (*it).clone()).collect();
    for service in &mut services {
        let before = |it: &&Gate<'_>| it.before.contains(&service.name);
        let more: Vec<String> = gates.iter().filter(before).flat_map(|it| it.after.clone()).collect();
        service.depends_on.extend(more);
    }
    services
}

/// Those of `pending` that may start now.
pub(crate) fn startable(
    services: &[Service],
    pending: &[String],
    closed: &[&[String]],
    is_ready: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let is_known = |name: &String| services.iter().any(|it| it.name == *name);
    let is_enough = |of: &Service, on: &String| of.only_started.contains(on) && !pending.contains(on) || is_ready(on);
    let may_start = |it: &&Service| {
        pending.contains(&it.name)
            && !closed.iter().any(|gate| gate.contains(&it.name))
            && it.depends_on.iter().all(|on| !is_known(on) || is_enough(it, on))
    };
    services.iter().filter(may_start).map(|it| it.name.clone()).collect()
}

/// The order where nothing runs yet: what starts together, and the gates (by their place) that open after it.
pub(crate) fn waves(services: &[&Service], gates: &[Gate<'_>]) -> Vec<(Vec<String>, Vec<usize>)> {
    let services = behind_gates(services, gates);
    let mut pending: Vec<String> = services.iter().map(|it| it.name.clone()).collect();
    let mut open: Vec<usize> = Vec::new();
    let mut waves = Vec::new();
    loop {
        let closed: Vec<&[String]> =
            (0..gates.len()).filter(|it| !open.contains(it)).map(|it| &*gates[it].before).collect();
        let batch = startable(&services, &pending, &closed, &|it| !pending.iter().any(|name| name == it));
        pending.retain(|it| !batch.contains(it));
        let opens = |it: &usize| !open.contains(it) && !gates[*it].after.iter().any(|on| pending.contains(on));
        let opened: Vec<usize> = (0..gates.len()).filter(opens).collect();
        if batch.is_empty() && opened.is_empty() {
            return waves;
        }
        open.extend(&opened);
        waves.push((batch, opened));
    }
}
