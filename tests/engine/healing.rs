//! States that a real engine is left in, and out of which `dev-up` alone finds.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tests::{
    checkout::{Checkout, Outcome, run},
    engine::{self, docker},
};

const LOCAL: &str = "dev/docker-compose.local.yml";
const DATABASE: &str = "dsql-monitored";

fn id(checkout: &Checkout, service: &str) -> String {
    engine::containers(&checkout.project)[service]["Id"].as_str().unwrap_or_default().to_owned()
}

/// Asks the database over TCP.
fn sql(checkout: &Checkout, sslmode: &str, query: &str) -> Outcome {
    let target = format!("host=127.0.0.1 user=admin dbname=postgres sslmode={sslmode}");
    docker(&["exec", &id(checkout, DATABASE), "psql", &target, "-qtAc", query])
}

fn in_volume(checkout: &Checkout, script: &str) {
    let mount = format!("{}_{DATABASE}-data:/data", checkout.project);
    docker(&["run", "--rm", "--user", "0", "--volume", &mount, engine::POSTGRES, "sh", "-c", script]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_database_that_was_killed_in_its_first_start_comes_up_at_the_next_one() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("halfmade");
    let up = [DATABASE, "--no-schema"];
    let mut first = checkout.dev_up_command(&up);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let name = format!("{}-{DATABASE}-1", checkout.project);
    let deadline = Instant::now() + Duration::from_secs(60);
    // As soon as it makes its data folder.
    while docker(&["exec", &name, "ls", "/var/lib/postgresql/data/.new"]).code != 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    docker(&["kill", &name]).expect(0);
    first.kill().unwrap();
    first.wait().unwrap();
    checkout.dev_up(&up).expect(0);
    assert_eq!(sql(&checkout, "require", "SHOW ssl").expect(0).out.trim(), "on");
    let isolation = sql(&checkout, "require", "SHOW transaction_isolation").expect(0).out;
    assert_eq!(isolation.trim(), "repeatable read");

    // The same, left by a version that set TLS up in a script of the first start, which never ran.
    for left in [
        "initdb --pgdata=/data --username=admin --auth=trust",
        "mkdir -p /data/base /data/.new && echo 17 > /data/.new/PG_VERSION",
    ] {
        checkout.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
        in_volume(
            &checkout,
            &format!("chown postgres /data && setpriv --reuid=postgres --clear-groups sh -c '{left}'"),
        );
        checkout.dev_up(&up).expect(0);
        assert_eq!(sql(&checkout, "require", "SHOW max_connections").expect(0).out.trim(), "500");
        assert_ne!(sql(&checkout, "disable", "SELECT 1").code, 0, "it is reached without TLS");
    }
}

/// The database as it was when TLS came from a script of its first start.
fn make_old(checkout: &Checkout) {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=old -keyout \"$PGDATA/server.key\" \
                  -out \"$PGDATA/server.crt\" && chmod 600 \"$PGDATA/server.key\"\n\
                  echo ssl = on >> \"$PGDATA/postgresql.conf\"\n";
    fs::write(checkout.root.join("dev/docker/dsql-stand-in.sh"), script).unwrap();
    let old = "  environment: { POSTGRES_USER: admin, POSTGRES_DB: postgres, POSTGRES_HOST_AUTH_METHOD: trust }\n";
    checkout.edit(LOCAL, "  entrypoint: [sh, /setup/dsql-stand-in.sh]\n", old);
    checkout.edit(LOCAL, "target: /setup/", "target: /docker-entrypoint-initdb.d/");
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_database_of_the_older_layout_is_made_anew_around_its_data() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("layout");
    let files = [LOCAL, "dev/docker/dsql-stand-in.sh"].map(|it| checkout.root.join(it));
    let today = files.clone().map(|it| fs::read(it).unwrap());
    make_old(&checkout);
    checkout.dev_up(&[DATABASE, "--no-schema"]).expect(0);
    sql(&checkout, "require", "CREATE TABLE kept AS SELECT 7 AS it").expect(0);
    files.iter().zip(today).for_each(|(file, text)| fs::write(file, text).unwrap());
    checkout.dev_up(&[DATABASE, "--no-schema"]).expect(0);
    assert_eq!(sql(&checkout, "require", "SELECT it FROM kept").expect(0).out.trim(), "7");
    assert_ne!(sql(&checkout, "disable", "SELECT 1").code, 0, "it is reached without TLS");
}

#[test]
#[ignore = "needs a Docker engine"]
fn lost_networks_and_volumes_containers_that_never_started_and_lasting_illness_are_mended() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("healed");
    let up = || checkout.dev_up(&["loki", DATABASE, "--no-schema"]);
    for (from, to) in [("interval: 5s", "interval: 1s"), ("retries: 24", "retries: 1")] {
        checkout.edit(LOCAL, from, to);
    }
    up().expect(0);
    let network = format!("{}_temporal-network", checkout.project);
    let both = || [id(&checkout, "loki"), id(&checkout, DATABASE)];

    let [loki, database] = both();
    docker(&["kill", &loki, &database]).expect(0);
    docker(&["network", "rm", &network]).expect(0);
    up().expect(0);

    let [_, database] = both();
    docker(&["rm", "--force", &database]).expect(0);
    docker(&["volume", "rm", &format!("{}_{DATABASE}-data", checkout.project)]).expect(0);
    up().expect(0);

    // Unhealthy for as long as it runs, as after a start in the wrong order.
    let [loki, database] = both();
    let spoil = "echo local all all trust > /etc/dsql-stand-in/hba.conf; psql -U admin -d postgres -c 'SELECT pg_reload_conf()'";
    docker(&["exec", &database, "sh", "-c", spoil]).expect(0);
    let health = || docker(&["inspect", "--format", "{{.State.Health.Status}}", &database]).out;
    let deadline = Instant::now() + Duration::from_secs(30);
    while health().trim() != "unhealthy" && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(200));
    }
    checkout.xtask(&["dev-status"]).expect(4).says(&["unhealthy", "`cargo xtask dev-up` starts or mends them"]);
    let mended = up().expect(0).says(&[&format!("stop {DATABASE}")]);
    assert_eq!(both(), [loki, database], "both were the same containers before\n{}", mended.err);

    // Made and never started, as an interrupted run leaves it.
    let shown = checkout.dev_up(&["loki", "--dry-run"]).expect(0).out;
    let create = shown.lines().find(|it| it.contains(" up --no-start")).unwrap().to_owned();
    docker(&["rm", "--force", &id(&checkout, "loki")]).expect(0);
    let create = create.replace(" --remove-orphans", "");
    run(Command::new("sh").args(["-c", &create]).current_dir(&checkout.root)).expect(0);
    assert_eq!(engine::containers(&checkout.project)["loki"]["State"]["Status"], "created");
    up().expect(0);

    // Without the generated files the containers say how they were started.
    let before = engine::lives(&checkout.project);
    fs::remove_dir_all(checkout.root.join("dev/.rendered")).unwrap();
    let status = checkout.xtask(&["dev-status", "--json"]).json();
    assert_eq!(status["mode"], "local");
    let ports: Vec<_> = status["services"].as_array().unwrap().iter().filter(|it| it["name"] == "loki").collect();
    assert_eq!(ports[0]["ports"], serde_json::json!([checkout.port(3100)]));
    checkout.xtask(&["dev-up", "loki", DATABASE, "--no-schema"]).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);
}

#[test]
#[ignore = "needs a Docker engine"]
fn an_engine_that_does_not_see_the_checkout_is_said_before_anything_starts() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("unseen");
    fs::create_dir_all(checkout.root.join("dev/.rendered")).unwrap();
    let up = checkout.dev_up_command(&["loki"]);
    let mut hidden = Command::new("unshare");
    hidden.args(["--mount", "sh", "-c", "mount -t tmpfs tmpfs dev/.rendered && exec \"$0\" \"$@\""]);
    hidden.arg(up.get_program()).args(up.get_args()).current_dir(&checkout.root);
    for (name, value) in up.get_envs() {
        match value {
            Some(it) => hidden.env(name, it),
            None => hidden.env_remove(name),
        };
    }
    let refused = run(&mut hidden);
    if refused.err.contains("unshare") || refused.err.contains("mount:") {
        tests::left_out("only the superuser can hide a folder from the engine");
        return;
    }
    refused.expect(3).says(&["cannot start:\n  - the engine at unix://", "does not see this machine's files"]);
    assert!(engine::containers(&checkout.project).is_empty());
    assert_eq!(engine::networks(&checkout.project), [""; 0]);
}
