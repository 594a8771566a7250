//! `cargo xtask dev-watch`: the Copilot runs from its checkout, and an edit is followed by what it asks for.

mod edits;
mod imports;
mod restarts;

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use xshell::Shell;

use self::edits::{Edit, Eye, Kind, Places};
use self::imports::Modules;
use self::restarts::{Restart, forget_compiled, is_there, restart};
use crate::aws::credentials;
use crate::cli::flags;
use crate::docker::containers::{self, Container};
use crate::images::build;
use crate::machine::exit::{USAGE, exit};
use crate::machine::{interrupt, lock, term};
use crate::settings::Settings;
use crate::settings::checkouts::{COPILOT, PACKAGES, TEMPORAL};
use crate::stack::Stack;
use crate::stack::mode::Mode;
use crate::up::Up;

const LOOK: Duration = Duration::from_millis(100);
/// How often at thousands of files.
const LOOK_FAR: Duration = Duration::from_secs(2);
/// How often at what was restarted.
const ASK: Duration = Duration::from_millis(250);
const RENEW: Duration = Duration::from_secs(60);
/// For how long an edit may keep the next one waiting.
const TIMEOUT: u64 = 120;
const HINT: &str = "the stack runs on, from the Copilot's checkout; `cargo xtask dev-up` goes back to the image";

struct Watch<'a> {
    sh: &'a Shell,
    /// The services that are restarted.
    services: Vec<String>,
    stack: Stack,
    places: Places,
    near: Eye,
    restarts: Vec<Restart>,
    /// What has not started after its last edit.
    broken: Vec<String>,
    /// Whether the stack was edited meanwhile.
    is_owed: bool,
}

impl flags::DevWatch {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let _watch = lock::take_watch(sh)?;
        let services = chosen(&stack(sh)?, &self.service)?;
        let stack = bring_up(sh, &[])?;
        interrupt::let_children_finish();
        let places = places(sh, &stack);
        let near = Eye::new(places.near());
        let mut watch =
            Watch { sh, services, stack, places, near, restarts: Vec::new(), broken: Vec::new(), is_owed: false };
        let (names, from) = (watch.services.join(", "), watch.places.copilot.display());
        term::say(&format!("{names} run from {from}; watching. Ctrl-C ends this and leaves the stack running"));
        watch.go_on()
    }
}

/// The stack in its mode, before anything is asked or started.
fn stack(sh: &Shell) -> Result<Stack> {
    let mode = Mode { live: true, ..Mode::last(sh)? };
    Stack::load(sh, &Settings::load(sh, mode.local), mode, None)
}

/// These services, or all that can run from the checkout. Exit code 2 for one that cannot.
fn chosen(stack: &Stack, names: &[String]) -> Result<Vec<String>> {
    stack.check_names(names)?;
    let live: Vec<String> = stack.services.iter().filter(|it| it.live.is_some()).map(|it| it.name.clone()).collect();
    match names.iter().find(|it| !live.contains(it)) {
        Some(it) => {
            Err(exit(USAGE, format!("{it} does not run the Copilot's packages; these do: {}", live.join(", "))))
        }
        None if names.is_empty() => Ok(live),
        None => Ok(names.to_vec()),
    }
}

/// What `dev-up` does, for what is there and for what runs from the checkout, but for these.
fn bring_up(sh: &Shell, but: &[String]) -> Result<Stack> {
    let _lock = lock::take_in_turn(sh, "dev-watch")?;
    let draft = stack(sh)?;
    let there = containers::list(sh, &draft.project).unwrap_or_default();
    let is_meant = |name: &str, live: bool| live || containers::find(&there, name).is_some();
    let all = draft.services.iter().filter(|it| !there.is_empty() && is_meant(&it.name, it.live.is_some()));
    let all = all.filter(|it| !but.contains(&it.name));
    let services: Vec<String> = all.map(|it| it.name.clone()).collect();
    let up = Up { services: &services, mode: draft.mode, timeout: Some(TIMEOUT), ..Up::default() };
    let found = up.bring_up(sh);
    interrupt::on_interrupt(HINT);
    Ok(found?.context("this is no dry run")?.stack)
}

fn places(sh: &Shell, stack: &Stack) -> Places {
    let (root, settings) = (sh.current_dir(), Settings::load(sh, stack.mode.local));
    Places {
        copilot: COPILOT.path(&root, &settings, None),
        temporal: TEMPORAL.path(&root, &settings, None),
        rereads: stack.services.iter().flat_map(|it| it.rereads.clone()).collect(),
        root,
    }
}

impl Watch<'_> {
    fn go_on(&mut self) -> Result<()> {
        let mut far = Eye::new(self.places.far());
        let (mut looked, mut asked, mut renewed) = (Instant::now(), Instant::now(), Instant::now());
        let mut is_gone = false;
        loop {
            thread::sleep(LOOK);
            if is_due(&mut looked, LOOK_FAR)
                && let Some(edit) = far.look(self.places.far(), false)
            {
                self.tell_of_temporal(&edit.paths.iter().map(|it| self.places.shown(it)).collect::<Vec<_>>());
            }
            let was_gone = is_gone;
            is_gone = !is_there(&self.places.copilot.join(PACKAGES));
            if is_gone != was_gone {
                let what = if is_gone { "is gone; waiting until it is back" } else { "is back" };
                term::say(&format!("{} {what}", self.places.copilot.join(PACKAGES).display()));
            }
            let edit = if is_gone { None } else { self.near.look(self.places.near(), self.places.git_is_at_work()) };
            if let Some(edit) = edit
                && let Err(e) = self.act(&edit)
            {
                say_error(&e);
            }
            if !self.restarts.is_empty() && is_due(&mut asked, ASK) {
                self.follow();
            }
            if !self.stack.mode.local && is_due(&mut renewed, RENEW) {
                credentials::keep_fresh(self.sh);
            }
        }
    }

    /// Does what an edit asks for.
    fn act(&mut self, edit: &Edit) -> Result<()> {
        let of = |kind: Kind| -> Vec<String> {
            let all = edit.paths.iter().filter(|it| self.places.kind(it) == Some(kind));
            all.map(|it| self.places.shown(it)).collect()
        };
        let (sources, image, stack) = (of(Kind::Sources), of(Kind::Image), of(Kind::Stack));
        self.tell_of_temporal(&of(Kind::Temporal));
        let rereads = of(Kind::Reread);
        if !rereads.is_empty() {
            term::say(&format!("{} → read again by itself", words(&rereads)));
        }
        if sources.is_empty() && image.is_empty() && stack.is_empty() {
            return Ok(());
        }
        forget_compiled(&self.places.root, &self.places.copilot.join(PACKAGES), &edit.paths);
        let before = containers::list(self.sh, &self.stack.project)?;
        if before.is_empty() {
            term::say("the stack is down; `cargo xtask dev-up` starts it, from the Copilot's checkout");
            return Ok(());
        }
        if !image.is_empty() || !stack.is_empty() {
            self.renew(&image, &[&image[..], &stack].concat(), &before, edit.at).unwrap_or_else(|e| say_error(&e));
        }
        // What is new has read them.
        let mut now = containers::list(self.sh, &self.stack.project)?;
        now.retain(|it| before.iter().any(|old| old.id == it.id));
        if sources.is_empty() { Ok(()) } else { self.restart(edit, &sources, &now) }
    }

    /// Builds the image where its recipe was edited, and does what `dev-up` does.
    fn renew(&mut self, image: &[String], files: &[String], before: &[Container], at: SystemTime) -> Result<()> {
        let files = words(files);
        if !image.is_empty() {
            self.build(image)?;
        }
        term::say(&format!("{files} → what `cargo xtask dev-up` does"));
        // What does not start, or may not, would keep the next edit waiting.
        let open = self.restarts.iter().map(Restart::service).map(str::to_owned);
        let later: Vec<String> = self.broken.iter().cloned().chain(open).collect();
        self.is_owed = !later.is_empty();
        self.stack = bring_up(self.sh, &later)?;
        self.places = places(self.sh, &self.stack);
        let now = containers::list(self.sh, &self.stack.project)?;
        let is_new = |it: &&Container| !before.iter().any(|old| old.id == it.id);
        let new: Vec<&str> = now.iter().filter(is_new).map(|it| it.service.as_str()).collect();
        let what = if new.is_empty() { "nothing that runs is changed".to_owned() } else { new.join(", ") + " ready" };
        let took = SystemTime::now().duration_since(at).unwrap_or_default().as_secs_f64();
        term::say(&format!("{files} → {what} in {took:.1} s"));
        Ok(())
    }

    fn restart(&mut self, edit: &Edit, sources: &[String], containers: &[Container]) -> Result<()> {
        let names = self.importers(edit);
        let targets: Vec<&Container> = containers.iter().filter(|it| names.contains(&&it.service)).collect();
        if targets.is_empty() {
            return Ok(());
        }
        let _lock = lock::take_in_turn(self.sh, "dev-watch")?;
        let restarts = restart(self.sh, &targets, &words(sources), edit.at)?;
        self.restarts.retain(|it| !restarts.iter().any(|new| new.service() == it.service()));
        self.restarts.extend(restarts);
        Ok(())
    }

    /// The services that import what was edited: all, where no service does so by name, as it may still be read.
    fn importers(&self, edit: &Edit) -> Vec<&String> {
        let modules = Modules::of(self.near.now.keys().chain(&edit.paths));
        let imports = |name: &&String| {
            let module = self.stack.service(name).and_then(|it| it.live.as_ref());
            let reached = module.map(|it| modules.reached(it)).unwrap_or_default();
            edit.paths.iter().any(|it| reached.contains(&it.as_path()))
        };
        let some: Vec<&String> = self.services.iter().filter(imports).collect();
        if some.is_empty() { self.services.iter().collect() } else { some }
    }

    fn build(&self, files: &[String]) -> Result<()> {
        let settings = Settings::load(self.sh, self.stack.mode.local);
        let live: Vec<_> = self.stack.services.iter().filter(|it| it.live.is_some()).collect();
        if live.iter().filter_map(|it| build::target_of(it)).any(|it| !build::makes(it, &settings)) {
            term::say(&format!("{} → not built: dev/.env names an image of another origin", words(files)));
            return Ok(());
        }
        term::say(&format!("{} → the image is built anew", words(files)));
        build::build_for(self.sh, &live, false)
    }

    fn tell_of_temporal(&self, files: &[String]) {
        if !files.is_empty() {
            let next = "`cargo xtask dev-build temporal` builds it, `cargo xtask dev-up` then starts it";
            term::say(&format!("{} → {next}", words(files)));
        }
    }

    /// Says of what was restarted how it does.
    fn follow(&mut self) {
        match containers::list(self.sh, &self.stack.project) {
            Ok(all) => self.restarts.retain(|it| {
                let outcome = it.outcome(self.sh, &self.stack, &all);
                if outcome.is_some() {
                    self.broken.retain(|name| name != it.service());
                }
                self.broken.extend((outcome == Some(false)).then(|| it.service().to_owned()));
                outcome.is_none()
            }),
            Err(e) => {
                self.restarts.clear();
                say_error(&e);
            }
        }
        if self.is_owed && self.broken.is_empty() && self.restarts.is_empty() {
            self.is_owed = false;
            bring_up(self.sh, &[]).map(drop).unwrap_or_else(|e| say_error(&e));
        }
    }
}

fn say_error(error: &anyhow::Error) {
    term::say(&format!("error: {error:#}\nwaiting for the next edit"));
}

fn is_due(last: &mut Instant, every: Duration) -> bool {
    let due = last.elapsed() >= every;
    if due {
        *last = Instant::now();
    }
    due
}

/// The first of some files, and how many others there are.
fn words(files: &[String]) -> String {
    match files {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
