use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::{LOCAL, dev_up, xtask};
use tests::fakes::Fakes;

const API: &str = "docker restart --time 0 copilot-api";
/// By the beginning of its id, which the fakes make of its name.
const WORKER: &str = "docker restart --time 0 copilot-work";
const TRACEBACK: &str = "up\nTraceback (most recent call last):\n  File \"/src/copilot/src/copilot/api.py\", line 1\n    \
                         def (\nSyntaxError: invalid syntax\nmain stops\n";

/// A stack that is up, and a `dev-watch` on it. Dropping it ends that.
struct Watched {
    fakes: Fakes,
    child: Child,
}

impl Watched {
    fn new() -> Watched {
        let fakes = started();
        let child = watch(&fakes);
        fakes.forget();
        Watched { fakes, child }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.fakes.checkout.root.join("tests/fixtures/temporal-sre-copilot").join(file)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Waits until it has said this.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.fakes.told("said").contains(words) {
            assert!(Instant::now() < deadline, "`{words}` is not in\n{}", self.fakes.told("said"));
            thread::sleep(Duration::from_millis(20));
        }
        self.fakes.told("said")
    }

    /// What it has called since this was asked last, in the order of the alphabet.
    fn calls(&self) -> Vec<String> {
        let mut calls = self.fakes.calls();
        self.fakes.forget();
        calls.sort();
        calls
    }

    /// Ctrl-C, and the exit code.
    fn interrupt(&mut self) -> Option<i32> {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A stack that is up, and a Copilot of which each service imports something that the other does not.
fn started() -> Fakes {
    let fakes = Fakes::with_checkouts();
    let sources = fakes.checkout.root.join("tests/fixtures/temporal-sre-copilot/packages/copilot/src/copilot");
    for (file, text) in [
        ("__init__.py", ""),
        ("models.py", ""),
        ("api.py", "from copilot.models import A\n"),
        ("worker.py", "from copilot import models\n"),
    ] {
        fs::write(sources.join(file), text).unwrap();
    }
    dev_up(&fakes, "--local").expect(0);
    fakes.forget();
    fakes
}

fn watch(fakes: &Fakes) -> Child {
    fakes.tell("said", "");
    let said = File::options().append(true).open(fakes.folder.join("said")).unwrap();
    let child = fakes.command().arg("dev-watch").stderr(said).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fakes.told("said").contains("; watching") {
        assert!(Instant::now() < deadline, "it does not come so far: {}", fakes.told("said"));
        thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn an_edit_restarts_what_imports_it_once_and_says_when_that_is_ready() {
    let mut watched = Watched::new();
    watched.write("packages/copilot/src/copilot/api.py", "import copilot.models\n");
    let said = watched.says("packages/copilot/src/copilot/api.py → copilot-api ready in ");
    assert!(said.ends_with(" s\n"), "{said}");
    assert_eq!(watched.calls(), [API]);
    // A burst, saved as some editors do.
    for n in 0..20 {
        watched.write("packages/copilot/src/copilot/.models.py.swp", "");
        watched.write("packages/copilot/src/copilot/new", &format!("N = {n}\n"));
        fs::rename(
            watched.path("packages/copilot/src/copilot/new"),
            watched.path("packages/copilot/src/copilot/models.py"),
        )
        .unwrap();
        watched.write(&format!("packages/copilot/src/copilot/more{n}.py"), "");
    }
    watched.says(" and 20 more → copilot-api ready in ");
    watched.says(" and 20 more → copilot-worker ready in ");
    assert_eq!(watched.calls(), [API, WORKER]);
    // Not imported by name: it may still be read.
    watched.write("packages/copilot/src/copilot/db/schema.sql", "-- another\n");
    watched.says("schema.sql → copilot-api ready in ");
    watched.says("schema.sql → copilot-worker ready in ");
    assert_eq!(watched.calls(), [API, WORKER]);
    assert_eq!(watched.interrupt(), Some(130));
    watched.says("interrupted: the stack runs on, from the Copilot's checkout; `cargo xtask dev-up` goes back");
    assert_eq!(watched.calls(), [""; 0]);
}

#[test]
fn what_does_not_start_is_shown_with_its_traceback_and_the_next_edit_is_waited_for() {
    let watched = Watched::new();
    watched.fakes.tell("container-log", TRACEBACK);
    watched.fakes.tell("unhealthy", "copilot-api\n");
    watched.fakes.tell("restarts", "1\n");
    watched.write("packages/copilot/src/copilot/api.py", "def (\n");
    let said = watched.says("the next edit restarts it");
    for part in ["api.py → copilot-api: it does not start", "    SyntaxError: invalid syntax\n  the engine tries"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(watched.calls(), [API]);
    // An edit of the stack does not wait for it; once it starts, that is made up for.
    let env = watched.fakes.checkout.root.join("dev/.env");
    let text = fs::read_to_string(&env).unwrap_or_default();
    fs::write(&env, text + "\n# an edit\n").unwrap();
    watched.says("dev/.env → nothing that runs is changed in ");
    assert_eq!(watched.calls(), [""; 0]);
    watched.fakes.tell("unhealthy", "");
    watched.fakes.tell("restarts", "0\n");
    watched.fakes.tell("changed", "copilot-api\n");
    watched.write("packages/copilot/src/copilot/api.py", "X = 1\n");
    watched.says("copilot-api ready in ");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !watched.fakes.calls().iter().any(|it| it.contains(" up ") && it.contains(" copilot-api")) {
        assert!(Instant::now() < deadline, "{:?}", watched.fakes.calls());
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(watched.calls().iter().filter(|it| *it == API).count(), 1);
}

#[test]
fn an_edit_of_the_image_s_recipe_builds_it_and_one_of_the_stack_does_what_dev_up_does() {
    let watched = Watched::new();
    watched.write("uv.lock", "# another\n");
    watched.says("uv.lock → nothing that runs is changed in ");
    let copilot = "ROOT/tests/fixtures/temporal-sre-copilot";
    let built = format!(
        "DOCKER_BUILDKIT=1 BUILDX_BUILDER=default BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --tag temporal-sre-copilot:dev {copilot}"
    );
    assert_eq!(watched.calls(), [built]);
    // Broken variables are named, and nothing is lost.
    let env = watched.fakes.checkout.root.join("dev/.env");
    let good = fs::read_to_string(&env).unwrap_or_default();
    fs::write(&env, good.clone() + "TEMPORAL_HISTORY_SHARDS=many\n").unwrap();
    let said = watched.says("waiting for the next edit");
    assert!(said.contains("TEMPORAL_HISTORY_SHARDS"), "{said}");
    assert_eq!(watched.calls(), [""; 0]);
    watched.fakes.tell("changed", "loki\n");
    fs::write(&env, good).unwrap();
    watched.says("dev/.env → nothing that runs is changed in ");
    let first = watched.calls().into_iter().find(|it| it.contains(" up "));
    assert_eq!(first, Some(format!("{LOCAL} up --no-start --remove-orphans loki")));
    // Grafana reads its dashboards again by itself.
    watched.fakes.tell("changed", "");
    watched.fakes.checkout.edit("grafana/home/home.json", "{", "{ ");
    watched.says("grafana/home/home.json → read again by itself");
    let temporal = watched.fakes.checkout.root.join("tests/fixtures/temporal-dsql/cmd/server/main.go");
    fs::write(temporal, "package main\n").unwrap();
    watched.says("cmd/server/main.go → `cargo xtask dev-build temporal` builds it");
    assert_eq!(watched.calls(), [""; 0]);
}

#[test]
fn while_it_runs_dev_up_keeps_the_checkout_mounted_and_goes_back_to_the_image_afterwards() {
    let mut watched = Watched::new();
    let overrides =
        || fs::read_to_string(watched.fakes.checkout.root.join("dev/.rendered/docker-compose.override.yml"));
    let is_live = || overrides().unwrap().contains("temporal-sre-copilot.live: 'true'");
    xtask(&watched.fakes, "dev-watch").expect(1).says(&["`cargo xtask dev-watch (process ", "is at work"]);
    xtask(&watched.fakes, "dev-up").expect(0).says(&["runs, so the Copilot goes on running from its checkout"]);
    assert!(is_live());
    assert!(overrides().unwrap().contains("PYTHONPATH"));
    xtask(&watched.fakes, "dev-down").expect(0);
    watched.fakes.forget();
    watched.write("packages/copilot/src/copilot/api.py", "X = 2\n");
    watched.says("the stack is down; `cargo xtask dev-up` starts it");
    assert_eq!(watched.calls(), [""; 0]);
    watched.interrupt();
    let back = dev_up(&watched.fakes, "--local").expect(0);
    back.says(&["goes back from its checkout to its image"]);
    let overrides = fs::read_to_string(watched.fakes.checkout.root.join("dev/.rendered/docker-compose.override.yml"));
    assert!(!overrides.unwrap().contains("PYTHONPATH"));
}

#[test]
fn a_checkout_that_is_gone_is_waited_for() {
    let watched = Watched::new();
    let (packages, away) = (watched.path("packages"), watched.path("away"));
    fs::rename(&packages, &away).unwrap();
    watched.says("packages is gone; waiting until it is back");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(watched.calls(), [""; 0]);
    fs::rename(&away, &packages).unwrap();
    watched.says("packages is back");
    watched.write("packages/copilot/src/copilot/api.py", "X = 3\n");
    watched.says("copilot-api ready in ");
    assert_eq!(watched.calls(), [API]);
}

#[test]
fn dev_watch_refuses_what_does_not_run_the_copilot_and_a_checkout_that_is_not_there() {
    let fakes = started();
    xtask(&fakes, "dev-watch loki").expect(2).says(&["loki does not run", "copilot-worker, copilot-api"]);
    xtask(&fakes, "dev-watch copilot-apo").expect(2).says(&["Did you mean `copilot-api`?"]);
    let nothing = Fakes::new();
    xtask(&nothing, "dev-watch").expect(3).says(&["cargo xtask dev-up --local"]);
}
