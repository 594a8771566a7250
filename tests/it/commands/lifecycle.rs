//! What is done with a stack that runs, or did, or cannot even be found.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::starts::{start, with_dsql};
use super::{LOCAL, PROJECT, dev_up, expect_calls, expect_shown, xtask};
use tests::{
    checkout::{Outcome, run},
    fakes::Fakes,
};

pub(super) fn down(flags: &str) -> String {
    let command = format!("{PROJECT} down --remove-orphans {flags}");
    command.trim_end().to_owned()
}

#[test]
fn dev_down_keeps_the_data_and_with_volumes_names_them_and_asks() {
    let fakes = Fakes::new();
    fakes.tell("volumes", "one\ntwo\n");
    for line in ["dev-down", "dev-down --yes"] {
        xtask(&fakes, line).expect(0);
        expect_calls(&fakes, &[down("")]);
    }
    let refused = xtask(&fakes, "dev-down --volumes").expect(5);
    assert!(refused.err.contains("this removes the data in one, two; without a terminal"), "{}", refused.err);
    assert!(refused.err.contains("`--yes` confirms it"), "{}", refused.err);
    assert!(
        fakes
            .log()
            .iter()
            .any(|it| it.ends_with("docker volume ls --quiet --filter label=com.docker.compose.project=PROJECT"))
    );
    expect_calls(&fakes, &[]);
    for line in ["dev-down --volumes --yes", "dev-down -y --volumes"] {
        let done = xtask(&fakes, line).expect(0);
        assert!(done.err.contains("this removes the data in one, two\n"), "{}", done.err);
        expect_calls(&fakes, &[down("--volumes")]);
    }
    fakes.tell("volumes", "");
    xtask(&fakes, "dev-down --volumes").expect(0);
    expect_calls(&fakes, &[down("--volumes")]);
}

#[test]
fn with_the_data_dev_down_forgets_which_schemas_were_applied() {
    let fakes = Fakes::with_checkouts();
    fakes.tell("volumes", "data\n");
    dev_up(&fakes, "--local").expect(0);
    let is_current = || xtask(&fakes, "dev-status --json").json()["schemaIsCurrent"].clone();
    for (line, code) in [("dev-down", 0), ("dev-down --volumes", 5)] {
        xtask(&fakes, line).expect(code);
        assert_eq!(is_current(), true, "{line}");
    }
    xtask(&fakes, "dev-down --volumes --yes").expect(0);
    assert_eq!(is_current(), false);
}

#[test]
fn a_volume_of_the_project_s_that_compose_has_not_labelled_or_no_longer_names_is_asked_for_and_removed_like_the_others()
{
    let fakes = Fakes::new();
    let name = |it: &str| format!("{}_{it}", fakes.checkout.project);
    let (data, older, other) = (name("loki-data"), name("older-data"), name("unknown"));
    fakes.tell("volumes", &format!("{older}\n"));
    fakes.tell("all-volumes", &format!("{data}\n{older}\n{other}\n"));
    let refused = xtask(&fakes, "dev-down --volumes").expect(5);
    assert!(refused.err.contains(&format!("this removes the data in {older}, {data};")), "{}", refused.err);
    expect_calls(&fakes, &[]);
    // The fake's Compose has left both, which the real one does with what its files do not name.
    xtask(&fakes, "dev-down --volumes --yes").expect(0);
    let rest = "docker volume rm PROJECT_older-data PROJECT_loki-data".to_owned();
    expect_calls(&fakes, &[down("--volumes"), rest]);
    fakes.tell("all-volumes", &format!("{other}\n"));
    xtask(&fakes, "dev-down --volumes --yes").expect(0);
    expect_calls(&fakes, &[down("--volumes")]);
}

#[test]
fn the_everyday_commands_pass_on_what_they_are_given() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki mimir dsql-copilot").expect(0);
    fakes.forget();
    for (line, expected) in [
        ("dev-ps", "ps --all"),
        ("dev-logs", "logs --follow"),
        ("dev-logs loki mimir", "logs --follow loki mimir"),
        ("dev-logs --no-follow", "logs"),
        ("dev-logs loki --tail 5 --since 10m", "logs --follow --tail 5 --since 10m loki"),
        ("dev-logs -n 0 --no-follow --since=2026-01-02T03:04:05Z", "logs --tail 0 --since 2026-01-02T03:04:05Z"),
        ("dev-restart", "restart"),
        ("dev-restart loki dsql-copilot", "restart loki dsql-copilot"),
        ("dev-exec loki", "exec --no-TTY loki sh"),
        ("dev-exec dsql-copilot -- psql -U admin -c=x --help", "exec --no-TTY dsql-copilot psql -U admin -c=x --help"),
    ] {
        let done = xtask(&fakes, line).expect(0);
        let compose = if line.contains("--build") { LOCAL } else { PROJECT };
        let expected = [format!("{compose} {expected}")];
        expect_shown(&fakes, &done.err, &expected);
        expect_calls(&fakes, &expected);
        assert_eq!(done.out, "", "{line}");
    }
    let word = "SELECT 'a  b'";
    let done = fakes.xtask(&["dev-exec", "loki", "--", "echo", word, ""]).expect(0);
    assert!(done.err.contains(r"echo 'SELECT '\''a  b'\''' ''"), "{}", done.err);
    expect_calls(&fakes, &[format!("{PROJECT} exec --no-TTY loki echo '{word}' ''")]);
}

#[test]
fn before_the_first_start_nothing_runs_and_that_is_said() {
    let fakes = Fakes::new();
    xtask(&fakes, "dev-ps").expect(0);
    expect_calls(&fakes, &[format!("{PROJECT} ps --all")]);
    xtask(&fakes, "dev-down").expect(0);
    expect_calls(&fakes, &[down("")]);
    let project = &fakes.checkout.project;
    for (line, says) in [
        ("dev-logs", format!("there is no container of {project}: `cargo xtask dev-up` makes it")),
        ("dev-logs loki mimir", "no container of loki, mimir: `cargo xtask dev-up loki mimir` makes it".to_owned()),
        ("dev-exec loki", "there is no container of loki: `cargo xtask dev-up loki` makes it".to_owned()),
        ("dev-restart", "there is no container of ".to_owned()),
    ] {
        xtask(&fakes, line).expect(3).says(&[&says]);
        expect_calls(&fakes, &[]);
    }
    let status = xtask(&fakes, "dev-status").expect(4);
    assert_eq!(
        status.out.matches(" stopped ").count() + status.out.matches(" stopped\n").count(),
        15,
        "{}",
        status.out
    );
    expect_calls(&fakes, &[]);
}

#[test]
fn dev_status_tells_services_that_are_ready_from_those_that_are_not() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki mimir").expect(0);
    fakes.forget();
    let status = xtask(&fakes, "dev-status --json").expect(4);
    assert!(status.err.contains("16 of 18 services are not ready; `cargo xtask dev-up`"), "{}", status.err);
    let json: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!((&json["schemaVersion"], &json["mode"]), (&1.into(), &"local".into()));
    assert_eq!(json["project"], fakes.checkout.project.as_str());
    let services = json["services"].as_array().unwrap();
    assert_eq!(services.len(), 18);
    let ready: Vec<&str> =
        services.iter().filter(|it| it["ready"] == true).map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(ready, ["mimir", "loki"]);
    let loki = services.iter().find(|it| it["name"] == "loki").unwrap();
    assert_eq!(loki["ports"], serde_json::json!([fakes.checkout.port(3100)]));
    assert_eq!((&loki["restarts"], &loki["oomKilled"]), (&0.into(), &false.into()));
    fakes.tell("restarts", "3\n");
    let restarted = xtask(&fakes, "dev-status").expect(4).out;
    let line = restarted.lines().find(|it| it.starts_with("loki ")).unwrap();
    assert!(line.ends_with("restarted by the engine: 3"), "{line}");
    expect_calls(&fakes, &[]);
}

#[test]
fn a_failing_child_fails_the_command_with_code_1_and_its_own_code_is_printed() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki").expect(0);
    for (line, fails) in [("dev-ps", "*ps --all"), ("dev-restart loki", "*restart*"), ("dev-down", "*down*")] {
        fakes.tell("fail", &format!("{fails}\n"));
        let failed = xtask(&fakes, line).expect(1);
        for says in ["the fake fails as it was told to", "\nerror: `docker compose ", "ended with exit status: 7"] {
            assert_eq!(failed.err.matches(says).count(), 1, "{}", failed.err);
        }
    }
}

#[test]
fn a_command_in_a_container_and_the_logs_end_as_docker_ends_them_and_add_nothing() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki").expect(0);
    let docker = fakes.bin().join("docker");
    let program = fs::canonicalize(&docker).unwrap();
    for (line, ends) in [("dev-exec loki -- sh", "exec"), ("dev-logs --no-follow loki", "logs"), ("dev-logs", "logs")] {
        for (script, code) in [("exit 7", 7), ("exit 137", 137), ("kill -9 $$", 137), ("exit 0", 0)] {
            let body = format!("printf 'out\\0no line end'; echo err >&2; {script}");
            fakes.add("docker", &format!("case \" $* \" in *' {ends} '*) {body} ;; esac; . {}", program.display()));
            let done = xtask(&fakes, line).expect(code);
            assert_eq!(done.out, "out\0no line end", "{line}: {script}");
            let lines: Vec<&str> = done.err.lines().collect();
            assert!(lines.len() == 2 && lines[0].starts_with("$ docker compose ") && lines[1] == "err", "{lines:?}");
        }
    }
}

#[test]
fn a_container_that_does_not_run_is_not_entered() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki elasticsearch-setup --no-schema").expect(0);
    fakes.forget();
    let says = "elasticsearch-setup does not run, it is exited: `cargo xtask dev-up elasticsearch-setup` starts it";
    xtask(&fakes, "dev-exec elasticsearch-setup").expect(3).says(&[says]);
    fakes.tell("paused", "loki\n");
    xtask(&fakes, "dev-exec loki").expect(3).says(&["loki does not run, it is paused"]);
    xtask(&fakes, "dev-exec lokii").expect(2).says(&["Did you mean `loki`?"]);
    expect_calls(&fakes, &[]);
}

/// Every command that acts on what runs, or shows it.
const ON_WHAT_RUNS: [&str; 8] = [
    "dev-down --volumes --yes",
    "dev-restart loki",
    "dev-exec loki",
    "dev-logs loki",
    "dev-ps",
    "dev-status",
    "dev-status --json",
    "schema --only copilot-app --overwrite --yes",
];

#[test]
fn the_stack_of_another_checkout_with_the_same_folder_name_is_left_alone() {
    let fakes = Fakes::with_checkouts();
    fakes.tell("running", "loki\n");
    fakes.tell("working-dir", "/\n");
    for line in ON_WHAT_RUNS {
        let refused = xtask(&fakes, line).expect(3);
        let project = &fakes.checkout.project;
        let what = format!("the project {project} is that of another checkout, /\necho COMPOSE_PROJECT_NAME=");
        assert!(refused.err.contains(&what), "{line}: {}", refused.err);
        expect_calls(&fakes, &[]);
    }
}

#[test]
fn a_checkout_that_was_moved_keeps_its_stack() {
    let fakes = Fakes::new();
    fakes.tell("running", "loki\n");
    fakes.tell("working-dir", "/where/it/was/dev\n");
    xtask(&fakes, "dev-down").expect(0);
    assert_eq!(fakes.calls().len(), 1, "{:?}", fakes.calls());
}

#[test]
fn a_file_of_variables_that_cannot_be_read_hides_no_stack_that_runs_under_a_name_of_its_own() {
    let fakes = Fakes::with_checkouts();
    fakes.add_to_env("COMPOSE_PROJECT_NAME=mine\n");
    dev_up(&fakes, "--local loki").expect(0);
    fakes.add_to_env("A B\n");
    let shown = xtask(&fakes, "dev-down --dry-run").expect(0).out;
    assert!(shown.contains(" --project-name mine "), "{shown}");
}

type Ruin = (&'static str, fn(&Fakes));

/// What may have become of a stack's surroundings while it runs.
const RUINS: [Ruin; 8] = [
    ("a line that is none", |it| it.add_to_env("A B=x\n")),
    ("a quote that nobody closes", |it| it.add_to_env("GRAFANA_ADMIN_PASSWORD='x\nTEMPORAL_LOG_LEVEL=info\n")),
    ("UTF-16", |it| fs::write(it.checkout.root.join("dev/.env"), b"\xff\xfeA\0=\0b\0\n\0").unwrap()),
    ("Latin-1", |it| fs::write(it.checkout.root.join("dev/.env"), b"GRAFANA_ADMIN_PASSWORD=Z\xfcrich\n").unwrap()),
    ("a project's name that is none", |it| it.add_to_env("COMPOSE_PROJECT_NAME=My Project\n")),
    ("nothing rendered", |it| fs::remove_dir_all(it.checkout.root.join("dev/.rendered")).unwrap()),
    ("a mode that is damaged", |it| fs::write(it.checkout.root.join("dev/.rendered/mode.json"), "{").unwrap()),
    ("compose files that are none", |it| {
        for file in ["dev/docker-compose.yml", "dev/docker-compose.local.yml"] {
            fs::write(it.checkout.root.join(file), "services: [\n").unwrap();
        }
    }),
];

#[test]
fn a_stop_always_stops_and_what_runs_can_be_looked_at_whatever_has_become_of_the_checkout() {
    for (ruin, make) in RUINS {
        let fakes = Fakes::new();
        dev_up(&fakes, "--local loki").expect(0);
        make(&fakes);
        for (line, expected) in [
            ("dev-ps", "ps --all"),
            ("dev-logs loki --no-follow", "logs loki"),
            ("dev-exec loki -- true", "exec --no-TTY loki true"),
            ("dev-restart loki", "restart loki"),
            ("dev-down --volumes --yes", "down --remove-orphans --volumes"),
        ] {
            fakes.forget();
            let done = xtask(&fakes, line);
            assert_eq!((done.code, fakes.calls()), (0, vec![format!("{PROJECT} {expected}")]), "{ruin}: {}", done.err);
        }
        let other_files = fakes.told("folders").lines().last().map(str::to_owned);
        assert_eq!(other_files.as_deref(), Some("/"), "{ruin}: Compose would read files that it finds");
    }
}

#[test]
fn a_project_whose_name_cannot_be_read_is_known_by_its_containers() {
    let fakes = Fakes::new();
    fakes.add_to_env("A B=x\n");
    let name = |expected: &str| {
        let shown = xtask(&fakes, "dev-down --dry-run").expect(0).out;
        assert!(shown.contains(&format!(" --project-name {expected} ")), "{shown}");
    };
    // Nothing runs: the folder's name is as good as any.
    name(&fakes.checkout.project);
    fakes.tell("running", "loki\nmimir\n");
    fakes.tell("project", "theirs\n");
    name("theirs");
    let asked = "docker ps --all --quiet --no-trunc --filter label=com.docker.compose.project.working_dir=ROOT/dev";
    assert!(fakes.log().iter().any(|it| it == asked), "{:#?}", fakes.log());
    fakes.tell("project-of-mimir", &format!("{}\n", fakes.checkout.project));
    name(&fakes.checkout.project);
    fakes.tell("project-of-mimir", "another\n");
    let refused = xtask(&fakes, "dev-down").expect(3);
    refused.says(&["this checkout has several: another, theirs", "export COMPOSE_PROJECT_NAME=another"]);
    // What the shell says can be read.
    let mut command = fakes.command();
    let shown = run(command.args(["dev-down", "--dry-run"]).env("COMPOSE_PROJECT_NAME", "theirs")).expect(0).out;
    assert!(shown.contains(" --project-name theirs "), "{shown}");
}

#[test]
fn what_runs_is_stopped_from_anywhere_and_with_next_to_nothing_in_the_shell() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki").expect(0);
    let expected = [format!("{PROJECT} ps --all"), down("")];
    for variables in [&["PATH", "FAKES", "CARGO_MANIFEST_DIR", "HOME"][..], &["PATH", "FAKES", "CARGO_MANIFEST_DIR"]] {
        fakes.forget();
        for line in ["dev-ps", "dev-down"] {
            let like = fakes.command();
            let mut command = Command::new(like.get_program());
            let kept = like.get_envs().filter(|(name, _)| variables.iter().any(|it| name == it));
            command.env_clear().envs(kept.filter_map(|(name, value)| Some((name, value?))));
            run(command.arg(line).current_dir(fakes.checkout.root.join("dev/config"))).expect(0);
        }
        expect_calls(&fakes, &expected);
    }
    // Without Compose nothing is printed but what is missing, and where Docker looks for it.
    fakes.tell("no-compose", "");
    let folder = fakes.checkout.home().join(".docker/cli-plugins");
    for line in ["dev-down", "dev-ps", "dev-exec loki"] {
        let missing = format!("Docker has no Compose: `docker compose version` fails\nmkdir -p {}", folder.display());
        xtask(&fakes, line).expect(3).says(&[&missing]);
    }
    fs::remove_file(fakes.checkout.home().with_file_name("fakes").join("no-compose")).unwrap();
    // A file in the place of the folder: no lock can be had there, as in a checkout that is another user's.
    let rendered = fakes.checkout.root.join("dev/.rendered");
    fs::remove_dir_all(&rendered).unwrap();
    fs::write(&rendered, "").unwrap();
    xtask(&fakes, "dev-down").expect(0).says(&["going on without the lock: cannot make "]);
    expect_calls(&fakes, &[down("")]);
}

#[test]
fn without_a_name_that_compose_takes_no_stack_is_looked_for() {
    let fakes = Fakes::with_checkouts();
    fakes.add_to_env("COMPOSE_PROJECT_NAME=My Project\n");
    for line in ON_WHAT_RUNS {
        let refused = xtask(&fakes, line).expect(3);
        let what = "`COMPOSE_PROJECT_NAME` is `My Project` (dev/.env, line 1): expected lower-case letters";
        assert!(refused.err.contains(what), "{line}: {}", refused.err);
        expect_calls(&fakes, &[]);
    }
}

/// Holds the lock as a command that is at work does.
fn hold_lock(fakes: &Fakes) -> fs::File {
    let path = fakes.checkout.root.join("dev/.rendered/lock");
    let lock = fs::File::create(path).unwrap();
    lock.lock().unwrap();
    lock
}

fn rendered(fakes: &Fakes) -> Vec<(std::path::PathBuf, String)> {
    let files = fs::read_dir(fakes.checkout.root.join("dev/.rendered")).unwrap().map(|it| it.unwrap().path());
    let mut all: Vec<_> =
        files.filter(|it| it.is_file()).map(|it| (it.clone(), fs::read_to_string(it).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn what_only_looks_writes_nothing_and_needs_no_lock() {
    let fakes = with_dsql();
    dev_up(&fakes, "--local loki").expect(0);
    let lock = hold_lock(&fakes);
    let before = rendered(&fakes);
    // What has changed since is shown all the same.
    fakes.add_to_env("TEMPORAL_LOG_LEVEL=debug\nGRAFANA_ADMIN_PASSWORD=hunter2\n");
    xtask(&fakes, "dev-status").expect(4);
    for line in ["render --dsql --stdout", "dev-ps", "doctor", "env-check", "dev-up --dsql --dry-run"] {
        xtask(&fakes, line);
    }
    assert!(rendered(&fakes) == before, "a file has changed");
    let asked = fakes.told("override");
    let digest = |text: &str| text.split("persistence-monitored.yaml=").nth(1).map(|it| it[..16].to_owned());
    let written = before.iter().find(|(path, _)| path.ends_with("docker-compose.override.yml")).unwrap();
    assert!(digest(&asked).is_some() && digest(&asked) != digest(&written.1), "{asked}");
    drop(lock);
    xtask(&fakes, "render --dsql").expect(0);
}

#[test]
fn what_changes_something_is_refused_while_another_command_does() {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "--local loki").expect(0);
    fakes.forget();
    let before = rendered(&fakes);
    let _lock = hold_lock(&fakes);
    for line in [
        "render --local",
        "dev-up --dsql",
        "dev-down --volumes --yes",
        "dev-restart loki",
        "schema --local --overwrite --yes",
    ] {
        xtask(&fakes, line).expect(1).says(&["is at work on this checkout; wait until it has ended"]);
    }
    assert_eq!(fakes.log(), [""; 0], "the mode is read under the lock, and nothing before it");
    assert_eq!(rendered(&fakes).len(), before.len());
}

#[test]
fn an_attached_dev_up_hinders_no_other_command_and_ends_quietly_where_its_reader_went_away() {
    let fakes = Fakes::new();
    fakes.tell("follow", "");
    let offset = fakes.checkout.offset.to_string();
    let mut command = fakes.command();
    command.args(["dev-up", "--local", "loki", "--attach", "--port-offset", &offset]);
    let mut attached = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(attached.stdout.take().unwrap()).lines();
    assert!(lines.any(|it| it.unwrap().ends_with("a line")), "the log is followed");
    xtask(&fakes, "dev-restart loki").expect(0);
    drop(lines);
    let done = Outcome::from(attached.wait_with_output().unwrap()).expect(0);
    assert!(!done.err.contains("error"), "{}", done.err);
}

#[test]
fn dev_restart_waits_until_what_it_restarted_is_ready_unless_it_is_told_not_to() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki mimir").expect(0);
    fakes.forget();
    xtask(&fakes, "dev-restart loki").expect(0).says(&["loki", "ready"]);
    expect_calls(&fakes, &[format!("{PROJECT} restart loki")]);
    fakes.tell("unhealthy", "loki\n");
    xtask(&fakes, "dev-restart loki --timeout 2").expect(4).says(&["loki", "unhealthy"]);
    let left = xtask(&fakes, "dev-restart loki --no-wait").expect(0);
    assert!(!left.err.contains("unhealthy"), "{}", left.err);
}

#[test]
fn dev_restart_with_a_build_makes_new_containers_of_what_is_named_and_of_nothing_else() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki mimir").expect(0);
    let anew = |names: &str| {
        let compose = |it: &str| format!("{LOCAL} {it} {names}");
        [compose("rm --force --stop"), compose("up --no-start --no-recreate"), start(names)]
    };
    fakes.forget();
    for (line, names) in [("loki", "loki"), ("loki --no-wait", "loki"), ("", "mimir loki")] {
        xtask(&fakes, &format!("dev-restart --build {line}")).expect(0);
        expect_calls(&fakes, &anew(names));
    }
}
