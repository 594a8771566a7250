//! Faults that only a real engine has. Each row says what the user sees, what is left, and that the next run heals.

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use tests::{
    checkout::{Checkout, run},
    engine::{self, docker},
};

const BASE: &str = "dev/docker-compose.yml";
const LOCAL: &str = "dev/docker-compose.local.yml";
/// How the stand-ins for Aurora DSQL start.
const ENTRYPOINT: &str = "  entrypoint: [sh, /setup/dsql-stand-in.sh]\n";

fn id(checkout: &Checkout, service: &str) -> String {
    engine::containers(&checkout.project)[service]["Id"].as_str().unwrap_or_default().to_owned()
}

fn state(checkout: &Checkout, service: &str) -> String {
    engine::containers(&checkout.project)[service]["State"]["Status"].as_str().unwrap_or_default().to_owned()
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_paused_or_killed_container_and_a_deleted_configuration_are_mended() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("mended");
    checkout.dev_up(&["loki", "mimir"]).expect(0);
    let before = engine::lives(&checkout.project);

    docker(&["pause", &id(&checkout, "loki")]).expect(0);
    checkout.xtask(&["dev-status"]).expect(4).says(&["paused"]);
    checkout.xtask(&["dev-up", "loki", "mimir"]).expect(0).says(&["unpause loki"]);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);

    docker(&["kill", &id(&checkout, "loki")]).expect(0);
    checkout.xtask(&["dev-up", "loki", "mimir"]).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), ["loki"]);

    let config = checkout.root.join("dev/config/loki.yaml");
    let text = fs::read(&config).unwrap();
    fs::remove_file(&config).unwrap();
    let before = engine::lives(&checkout.project);
    let refused = checkout.xtask(&["dev-up", "loki", "mimir"]).expect(3);
    assert!(refused.err.contains("git checkout -- dev/config/loki.yaml"), "{}", refused.err);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);
    fs::write(&config, text).unwrap();
    checkout.xtask(&["dev-up", "loki", "mimir"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_crash_loop_is_found_long_before_the_deadline_with_its_last_words() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("crashing");
    let crash = "  entrypoint: [sh, -c, 'echo no luck today; exit 9']\n";
    checkout.edit(LOCAL, ENTRYPOINT, crash);
    let began = Instant::now();
    let failed = checkout.dev_up(&["dsql-monitored", "--no-schema", "--timeout", "120"]).expect(4);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    failed.says(&["dsql-monitored: crash loop: exit code 9", "no luck today", "waiting longer would change nothing"]);
    assert!(engine::containers(&checkout.project).contains_key("dsql-monitored"), "it is left to be looked at");
    checkout.edit(LOCAL, crash, ENTRYPOINT);
    checkout.xtask(&["dev-up", "dsql-monitored", "--no-schema"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn dev_status_shows_what_changed_since_and_nothing_else() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("drift");
    checkout.dev_up(&["loki", "mimir"]).expect(0);
    let drift = |service: &str| {
        let status = checkout.xtask(&["dev-status", "--json"]).expect(4).json();
        status["services"].as_array().unwrap().iter().find(|it| it["name"] == service).unwrap()["drift"].clone()
    };
    assert_eq!((drift("loki"), drift("mimir")), (Value::Null, Value::Null));
    fs::remove_dir_all(checkout.root.join("dev/.rendered/aws")).unwrap();
    checkout.edit("dev/config/loki.yaml", "server:", "# edited\nserver:");
    assert_eq!((drift("loki"), drift("mimir")), ("dev/config/loki.yaml changed".into(), Value::Null));
    assert!(!checkout.root.join("dev/.rendered/aws").exists(), "looking writes nothing");
    checkout.xtask(&["dev-up", "loki", "mimir"]).expect(0);
    assert_eq!((drift("loki"), drift("mimir")), (Value::Null, Value::Null));
}

/// Runs a script as root in a volume of the checkout's, which is made where it is not there, without Compose's labels.
fn in_volume(checkout: &Checkout, volume: &str, script: &str) -> String {
    let mount = format!("{}_{volume}:/data", checkout.project);
    docker(&["run", "--rm", "--user", "0", "--volume", &mount, "standin/base:bookworm", "sh", "-c", script])
        .expect(0)
        .out
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_volume_from_elsewhere_is_used_as_it_is_and_removed_only_when_asked_to() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("adopted");
    in_volume(&checkout, "mimir-data", "echo older > /data/kept");
    checkout.dev_up(&["mimir"]).expect(0);
    checkout.xtask(&["dev-up", "mimir"]).expect(0);
    assert_eq!(in_volume(&checkout, "mimir-data", "cat /data/kept"), "older\n");
    let volume = format!("{}_mimir-data", checkout.project);
    // Older versions of Compose make every volume of the file, newer ones those of the services that start.
    checkout.xtask(&["dev-down", "--volumes"]).expect(5).says(&["this removes the data in ", &volume]);
    assert_eq!(in_volume(&checkout, "mimir-data", "cat /data/kept"), "older\n");
    checkout.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
    assert_ne!(docker(&["volume", "inspect", &volume]).code, 0, "{volume} is still there");
}

#[test]
#[ignore = "needs a Docker engine"]
fn data_of_another_postgresql_is_said_with_the_ways_out_and_kept() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("older");
    checkout.dev_up(&["dsql-monitored", "--no-schema"]).expect(0);
    checkout.xtask(&["dev-down"]).expect(0);
    in_volume(&checkout, "dsql-monitored-data", "echo 9.6 > /data/PG_VERSION; echo older > /data/kept");
    let failed = checkout.dev_up(&["dsql-monitored", "--no-schema", "--timeout", "60"]).expect(4);
    failed.says(&[
        "dsql-monitored: ",
        "its volume was written by PostgreSQL 9.6; that version can still export the data",
        "next: cargo xtask dev-down --volumes  # starts anew",
        "waiting longer would change nothing",
    ]);
    assert_eq!(in_volume(&checkout, "dsql-monitored-data", "cat /data/kept"), "older\n");
    checkout.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
    checkout.xtask(&["dev-up", "dsql-monitored", "--no-schema"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_volume_of_another_user_is_handed_over_by_the_command_that_the_card_prints() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("owner");
    in_volume(&checkout, "elasticsearch-data", "echo older > /data/kept; chown -R 0:0 /data; chmod 700 /data");
    let failed = checkout.dev_up(&["elasticsearch", "--no-schema", "--timeout", "120"]).expect(4);
    let volume = format!("{}_elasticsearch-data", checkout.project);
    let failed =
        failed.says(&["elasticsearch: ", &format!("the volume {volume}, its /usr/share/elasticsearch/data, ")]);
    let adopt = failed.err.lines().find_map(|it| it.split_once("next: ")).expect("a next command").1;
    assert!(adopt.starts_with("docker run "), "{}", failed.err);
    run(Command::new("sh").args(["-c", adopt])).expect(0);
    checkout.xtask(&["dev-up", "elasticsearch", "--no-schema"]).expect(0);
    assert_eq!(in_volume(&checkout, "elasticsearch-data", "cat /data/kept"), "older\n");
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_container_that_outgrows_its_memory_is_said_to() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("memory");
    let eater = "  entrypoint: [sh, -c, 'sleep 0.3; tail /dev/zero']\n  memswap_limit: 32m\n";
    checkout.edit(LOCAL, "memory: 1g", "memory: 32m");
    checkout.edit(LOCAL, ENTRYPOINT, eater);
    let failed = checkout.dev_up(&["dsql-monitored", "--no-schema", "--timeout", "120"]).expect(4);
    failed.says(&["dsql-monitored: crash loop", "killed for using more memory than its limit"]);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_one_shot_that_fails_is_shown_and_one_that_fails_once_is_run_again() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("oneshot");
    checkout.edit(
        BASE,
        "    depends_on:\n      elasticsearch: { condition: service_healthy }\n\n  # First and alone",
        "\n  # First and alone",
    );
    let script = checkout.root.join("dev/docker/elasticsearch-setup.sh");
    let arguments = ["elasticsearch-setup", "--no-schema", "--timeout", "60"];
    fs::write(&script, "echo never today; exit 3\n").unwrap();
    for _ in 0..2 {
        let failed = checkout.dev_up(&arguments).expect(4);
        failed.says(&["elasticsearch-setup: exited with code 3", "never today", "dev-logs elasticsearch-setup"]);
    }

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let works_at = now + 8;
    fs::write(&script, format!("[ \"$(date +%s)\" -ge {works_at} ]\n")).unwrap();
    checkout.dev_up(&arguments).expect(4);
    while SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() < works_at {
        thread::sleep(Duration::from_millis(200));
    }
    checkout.dev_up(&arguments).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_port_that_another_container_has_is_refused_with_its_name() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("foreign");
    let name = format!("{}-stranger", checkout.project);
    let publish = format!("127.0.0.1:{}:80", checkout.port(3100));
    let label = format!("com.docker.compose.project={name}");
    let stranger = ["run", "--detach", "--name", &name, "--label", &label, "--publish", &publish];
    let started = docker(&[&stranger[..], &["standin/base:bookworm", "sleep", "300"]].concat());
    let refused = checkout.dev_up(&["loki"]);
    engine::remove_project(&name);
    started.expect(0);
    let refused = refused.expect(3);
    refused.says(&[&format!("taken by the container {name}"), &format!("docker stop {name}")]);
    assert!(engine::containers(&checkout.project).is_empty());
    checkout.dev_up(&["loki"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_network_of_our_name_that_is_somebody_else_s_stays() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("network");
    let name = format!("{}_temporal-network", checkout.project);
    let theirs = ["--label", "com.docker.compose.network=other"];
    docker(&[&["network", "create"][..], &theirs, &[&name]].concat()).expect(0);
    let came = checkout.dev_up(&["loki"]);
    let down = checkout.xtask(&["dev-down"]);
    let removed = docker(&["network", "rm", &name]);
    // Compose 2 refuses what it did not make, Compose 5 uses it.
    if docker(&["compose", "version", "--short"]).expect(0).out.starts_with("2.") {
        came.expect(4).says(&["docker: ", &name]);
    } else {
        came.expect(0);
    }
    down.expect(0);
    removed.expect(0);
    checkout.dev_up(&["loki"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_stack_is_entered_restarted_and_removed_whole_where_nothing_but_its_containers_tells_of_it() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("ruins");
    let name = format!("{}-own", checkout.project);
    fs::write(checkout.root.join("dev/.env"), format!("COMPOSE_PROJECT_NAME={name}\n")).unwrap();
    let up = checkout.dev_up(&["loki"]);
    fs::write(checkout.root.join("dev/.env"), "A B=x\n").unwrap();
    fs::remove_dir_all(checkout.root.join("dev/.rendered")).unwrap();
    fs::write(checkout.root.join("dev/docker-compose.yml"), "services: [\n").unwrap();
    let lines: [&[&str]; 4] =
        [&["dev-ps"], &["dev-logs", "--no-follow"], &["dev-restart"], &["dev-down", "--volumes", "--yes"]];
    let done = lines.map(|it| checkout.xtask(it));
    let left = [engine::containers(&name).len(), engine::networks(&name).len(), engine::volumes(&name).len()];
    engine::remove_project(&name);
    up.expect(0);
    let [ps, logs, restart, down] = done.map(|it| it.expect(0));
    assert!(ps.out.contains(&format!("{name}-loki-1")) && logs.out.contains("loki"), "{ps:?} {logs:?}");
    assert!(restart.err.contains("loki"), "{restart:?}");
    assert_eq!(left, [0, 0, 0], "{down:?}");
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_second_command_is_refused_with_the_first_one_s_process_and_disturbs_nothing() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("twice");
    let offset = checkout.offset.to_string();
    let mut first = checkout.command();
    first.args(["dev-up", "--local", "loki", "--port-offset", &offset]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    let lock = checkout.root.join("dev/.rendered/lock");
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::read_to_string(&lock).unwrap_or_default().is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    let holder = format!("`cargo xtask dev-up (process {})` is at work on this checkout", first.id());
    for second in [&["dev-up", "--local", "loki"][..], &["dev-down"], &["dev-restart", "loki"]] {
        checkout.xtask(second).expect(1).says(&[&holder]);
    }
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(state(&checkout, "loki"), "running");
    checkout.xtask(&["dev-down"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_long_path_with_spaces_and_other_alphabets_behind_a_symlink_comes_up() {
    let _turn = engine::beside_others();
    let mut checkout = Checkout::copy("path");
    let long = "deep down ".repeat(15);
    let root = checkout.root.with_file_name(&long).join(format!("Überprüfung 日本 ({})", checkout.project));
    fs::create_dir_all(root.parent().unwrap()).unwrap();
    fs::rename(&checkout.root, &root).unwrap();
    let link = checkout.root.with_file_name("link");
    symlink(&root, &link).unwrap();
    checkout.root = root;
    checkout.project = format!("berprfung{}", checkout.project);
    let offset = checkout.offset.to_string();
    let mut command = checkout.command();
    command.current_dir(&link).env("PWD", &link).env("CARGO_MANIFEST_DIR", link.join("xtask"));
    run(command.args(["dev-up", "--local", "loki", "dsql-monitored", "--port-offset", &offset])).expect(0);
    assert_eq!(state(&checkout, "loki"), "running");
    let before = engine::lives(&checkout.project);
    checkout.dev_up(&["loki", "dsql-monitored"]).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);
}
