//! `cargo xtask dev-up`: preflight, rendering, data stores, schema, everything else, until it is ready.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;
use xshell::Shell;

use crate::{
    cli::flags::{self, Cluster},
    commands::dev_build,
    docker::{containers, engine},
    images::missing::{self, Lack},
    machine::{
        exit::{PREREQUISITE, code},
        interrupt, lock,
        process::{self, Limit},
        term,
    },
    preflight::{Preflight, preflight},
    schema,
    settings::{Settings, template},
    stack::{
        Service, Stack,
        mode::Mode,
        namespaces,
        readiness::{assess, is_in_crash_loop, probe},
        wait::up_and_wait,
    },
};

const DEFAULT_TIMEOUT: u64 = 300;

/// What needs neither a schema nor a namespace, and what everything else stores its data in.
const STORES: &[&str] = &["elasticsearch", "elasticsearch-setup", "dsql-monitored", "dsql-copilot"];
/// What nothing else waits for, or what cannot start without the namespace that is registered once its cluster serves.
const LAST: &[&str] = &["temporal-ui", "alloy", "grafana", "copilot-ui", "copilot-worker", "copilot-api"];

impl flags::DevUp {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        let lock = (!self.dry_run).then(|| lock::take(sh, "dev-up")).transpose()?;
        let last_saved = Mode::last(sh)?;
        let last = last_saved.with(flag);
        let mode = Mode {
            port_offset: self.port_offset.map_or(last.port_offset, |it| it.0),
            platform: self.platform.or(last.platform),
            ..last
        };
        interrupt::on_interrupt("`cargo xtask dev-up` goes on from here, `cargo xtask dev-down` stops what runs");
        let found = self.found(sh, mode)?;
        say_what_switches(last_saved, mode, &found);
        let services = found.stack.closure(&self.service);
        if self.dry_run {
            term::out(&plan(sh, &found, &services, self.no_schema));
            return Ok(());
        }
        write(sh, &found.stack, &found.rendered)?;
        mode.save(sh)?;
        let stack = &found.stack;
        let stale = stale(sh, &found, &services)?;
        let schema_is_current = self.no_schema || schema::is_current(sh, stack, &found.settings);
        if !stale.is_empty() || !schema_is_current {
            pull(sh, &found, &services)?;
            let deadline = Instant::now() + Duration::from_secs(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
            unpause(sh, &found, &services, deadline)?;
            end_crash_loops(sh, &found, &services, deadline)?;
            for stage in stages(&services) {
                if stage.services.iter().any(|it| stale.contains(&it.name)) {
                    term::say(&format!("{}:", stage.title));
                    up_and_wait(sh, stack, &stage.services, deadline, || up(sh, stack, &stage.services))?;
                }
                match stage.then {
                    Then::Schema if !self.no_schema => {
                        schema::bring_up(sh, stack, &found.settings, &services, deadline)?;
                    }
                    Then::Namespaces => namespaces::register(sh, stack, &stage.services, deadline)?,
                    _ => {}
                }
            }
        }
        term::out(&urls(stack, &services));
        if self.attach {
            // What follows changes nothing: other commands may.
            drop(lock);
            return attach(sh, stack);
        }
        Ok(())
    }

    /// What preflight finds once everything is there that this run may clone and build.
    fn found(&self, sh: &Shell, mode: Mode) -> Result<Preflight> {
        let look = |lack: &Lack| preflight(sh, mode, &self.service, !self.no_schema, lack);
        let first = match look(&Lack::default()) {
            Ok(it) if !self.build => return Ok(it),
            Err(e) if code(&e) != PREREQUISITE => return Err(e),
            other => other,
        };
        // What cannot be read is among what was found.
        let Ok((draft, settings)) = self.draft(sh, mode) else { return first };
        let services = draft.closure(&self.service);
        // Where nobody is there to ask, nothing is fetched unasked.
        let fetch = !self.dry_run && (self.yes || io::stdin().is_terminal());
        let lack = missing::lack(sh, &settings, &services, fetch, self.build);
        // What no build mends is said before minutes of it, beside what it would mend.
        if first.is_err() && (lack.is_empty() || look(&lack).is_err()) {
            return first;
        }
        missing::provide(sh, &lack, self.yes)?;
        if self.build {
            dev_build::build_for(sh, &services, self.dry_run)?;
        }
        look(&Lack::default())
    }

    fn draft(&self, sh: &Shell, mode: Mode) -> Result<(Stack, Settings)> {
        let settings = Settings::load(sh, mode.local);
        let draft = Stack::load(sh, &settings, mode, false)?;
        draft.check_names(&self.service)?;
        Ok((draft, settings))
    }
}

/// Another database is other containers: what runs is recreated, and each database keeps its own data.
fn say_what_switches(before: Mode, now: Mode, found: &Preflight) {
    if before.local != now.local && !found.containers.is_empty() {
        let (from, to) =
            if now.local { ("Aurora DSQL", "local PostgreSQL") } else { ("local PostgreSQL", "Aurora DSQL") };
        term::say(&format!("switching from {from} to {to}: the Temporal services and the Copilot are recreated"));
    }
}

/// Services that are started together, and what follows once they are ready.
struct Stage<'a> {
    title: &'static str,
    services: Vec<&'a Service>,
    then: Then,
}

enum Then {
    Schema,
    Namespaces,
    Nothing,
}

/// Data stores, then the clusters and what keeps metrics and logs, then what looks at them.
fn stages<'a>(services: &[&'a Service]) -> Vec<Stage<'a>> {
    let is_store = |it: &&&Service| STORES.contains(&it.name.as_str());
    let is_last = |it: &&&Service| LAST.contains(&it.name.as_str());
    let stores = services.iter().filter(is_store).copied().collect();
    let middle = services.iter().filter(|it| !is_store(it) && !is_last(it)).copied().collect();
    let last = services.iter().filter(is_last).copied().collect();
    let all = [
        Stage { title: "data stores", services: stores, then: Then::Schema },
        Stage { title: "clusters, metrics and logs", services: middle, then: Then::Namespaces },
        Stage { title: "copilot, dashboards and UIs", services: last, then: Then::Nothing },
    ];
    all.into_iter().filter(|it| !it.services.is_empty()).collect()
}

fn up(sh: &Shell, stack: &Stack, services: &[&Service]) -> Command {
    let mut command = stack.compose(sh);
    command.args(["up", "--detach", "--remove-orphans"]).args(services.iter().map(|it| &it.name));
    command
}

/// Writes everything that containers are made from and that is not committed.
///
/// # Errors
/// A file cannot be written; the old one is then kept.
fn write(sh: &Shell, stack: &Stack, rendered: &[(Cluster, String)]) -> Result<()> {
    for (cluster, text) in rendered {
        template::write(sh, *cluster, text)?;
    }
    stack.write(sh)
}

/// Services that are not ready, or not what the files and the images say now. A container that belongs to no service
/// any more makes all of them stale, so that Compose removes it.
fn stale(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<Vec<String>> {
    let unready = |it: &&&Service| !assess(it, containers::find(&found.containers, it), &probe).is_ready();
    let mut stale: Vec<String> = services.iter().filter(unready).map(|it| it.name.clone()).collect();
    let orphan = found.containers.iter().any(|it| found.stack.service(&it.service).is_none());
    if orphan {
        return Ok(services.iter().map(|it| it.name.clone()).collect());
    }
    // Where nothing runs yet there is nothing to compare.
    if stale.len() < services.len() {
        let hashes = containers::config_hashes(found.stack.compose(sh), "")?;
        let drift = containers::drift(&sh.current_dir(), &found.stack, &found.containers, &hashes, &found.images, &[])?;
        stale.extend(drift.into_iter().map(|(name, _)| name));
    }
    Ok(stale)
}

/// Pulls what is missing, with Docker's own progress. An image that only a build brings is there: preflight has looked.
fn pull(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<()> {
    let is_missing = |it: &Service| engine::find_image(&found.images, &it.image).is_none();
    compose_some(sh, found, services, &["pull", "--policy", "missing"], Limit::Watched, &is_missing)
}

/// Lets paused containers go on: Compose does not start what has been started, and a paused one answers nobody.
fn unpause(sh: &Shell, found: &Preflight, services: &[&Service], deadline: Instant) -> Result<()> {
    let is_paused = |it: &Service| containers::find(&found.containers, it).is_some_and(|it| it.status == "paused");
    compose_some(sh, found, services, &["unpause"], until(deadline), &is_paused)
}

/// Stops what crashes again and again, so that it starts anew and is judged anew: Compose would leave it as it is.
fn end_crash_loops(sh: &Shell, found: &Preflight, services: &[&Service], deadline: Instant) -> Result<()> {
    let crashes = |it: &Service| {
        let container = containers::find(&found.containers, it);
        container.is_some_and(is_in_crash_loop) && !assess(it, container, &probe).is_ready()
    };
    compose_some(sh, found, services, &["stop"], until(deadline), &crashes)
}

/// Runs a command of Compose for those of these services for which `is` holds, where there are any.
fn compose_some(
    sh: &Shell,
    found: &Preflight,
    services: &[&Service],
    command: &[&str],
    limit: Limit,
    is: &dyn Fn(&Service) -> bool,
) -> Result<()> {
    let names: Vec<&str> = services.iter().filter(|it| is(it)).map(|it| it.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    process::run(found.stack.compose(sh).args(command).args(names), limit)
}

fn until(deadline: Instant) -> Limit {
    Limit::Within(deadline.saturating_duration_since(Instant::now()))
}

/// The commands that would run, and what would happen between them.
fn plan(sh: &Shell, found: &Preflight, services: &[&Service], no_schema: bool) -> String {
    let mut out = String::new();
    for (cluster, _) in &found.rendered {
        _ = writeln!(out, "# write {}", template::path(*cluster));
    }
    for stage in stages(services) {
        _ = writeln!(out, "# {}\n{}", stage.title, process::line(&up(sh, &found.stack, &stage.services)));
        match stage.then {
            Then::Schema if !no_schema => {
                out.push_str(&schema::dry_run_all(sh, &found.stack, &found.settings, services));
            }
            Then::Namespaces => {
                let commands = namespaces::commands(sh, &found.stack, &stage.services);
                commands.iter().for_each(|(_, it)| _ = writeln!(out, "{}", process::line(it)));
            }
            _ => {}
        }
    }
    out
}

/// Where to find what, as a table.
fn urls(stack: &Stack, services: &[&Service]) -> String {
    let password = match stack.environment["GRAFANA_ADMIN_PASSWORD"].as_str() {
        "admin" => "admin",
        _ => "what GRAFANA_ADMIN_PASSWORD says",
    };
    let rows: [(&str, &str, u16, String); 10] = [
        ("Temporal UI, monitored", "temporal-ui", 8080, String::new()),
        ("Temporal UI, copilot", "copilot-ui", 8080, String::new()),
        ("Grafana", "grafana", 3000, format!("admin / {password}")),
        ("Copilot API", "copilot-api", 8080, "/status".to_owned()),
        ("Temporal gRPC, monitored", "temporal-frontend", 7233, "namespace default".to_owned()),
        ("Temporal gRPC, copilot", "copilot-temporal", 7233, "namespace default".to_owned()),
        ("Elasticsearch", "elasticsearch", 9200, String::new()),
        ("Mimir", "mimir", 9009, "PromQL under /prometheus".to_owned()),
        ("Loki", "loki", 3100, String::new()),
        ("Alloy", "alloy", 12345, String::new()),
    ];
    let mut out = String::new();
    for (title, name, port, note) in rows {
        let service = services.iter().find(|it| it.name == name);
        if let Some(port) = service.and_then(|it| it.ports.iter().find(|it| it.container == port)) {
            let scheme = if title.contains("gRPC") { "" } else { "http://" };
            let address = format!("{scheme}127.0.0.1:{}", port.host);
            _ = writeln!(out, "{}", format!("{title:<25} {address:<23} {note}").trim_end());
        }
    }
    out
}

/// Follows the logs until Ctrl-C, then stops the stack.
fn attach(sh: &Shell, stack: &Stack) -> Result<()> {
    let mut stop = stack.compose(sh);
    stop.arg("stop");
    interrupt::on_interrupt("stopping; `cargo xtask dev-up` starts it again");
    interrupt::then_run(stop);
    process::run_for_reader(stack.compose(sh).args(["logs", "--follow", "--tail", "0"]))
}
