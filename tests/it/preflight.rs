//! What `dev-up` finds before it starts anything: each finding alone, with its remedy, and all of them at once.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use tests::{
    checkout::{Outcome, run},
    fakes::{self, Fakes},
};

const TOO_OLD: &str = "Error response from daemon: client version 1.41 is too old. Minimum supported API version is \
                       1.44, please upgrade your client to a newer version";
const NO_ENGINE: &str =
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";

const TEMPLATE: &str = "dev/docker/persistence-dsql-elasticsearch.template.yaml";

fn dev_up(fakes: &Fakes, arguments: &[&str]) -> Outcome {
    fakes.xtask(&[&["dev-up"][..], arguments].concat())
}

/// Expects exactly these findings, by a part of each, and that nothing was written or started.
#[track_caller]
fn expect(fakes: &Fakes, refused: Outcome, findings: &[&str]) {
    let refused = refused.expect(3);
    assert_eq!(refused.out, "");
    assert!(refused.err.starts_with("error: cannot start:\n  - "), "{}", refused.err);
    for finding in findings {
        assert!(refused.err.contains(finding), "`{finding}` is not in\n{}", refused.err);
    }
    assert_eq!(refused.err.matches("\n  - ").count(), findings.len(), "{}", refused.err);
    assert_eq!(fakes.calls(), [""; 0]);
    // The lock alone is taken first, so that two commands do not meet.
    let written = fs::read_dir(fakes.checkout.root.join("dev/.rendered")).unwrap();
    let written: Vec<String> = written.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(written, ["lock"]);
}

#[test]
fn each_finding_alone_names_its_remedy() {
    type Prepare = fn(&Fakes);
    let table: [(&str, Prepare, &[&str]); 19] = [
        (
            "no docker",
            |it| it.remove("docker"),
            &["`docker` is not on PATH\n    ", "https://docs.docker.com/get-docker/"],
        ),
        (
            "no engine",
            |it| it.tell("no-engine", NO_ENGINE),
            &[
                "no Docker engine answers at unix:///var/run/docker.sock (default socket): Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n    ",
            ],
        ),
        (
            "no permission",
            |it| it.tell("no-engine", "permission denied while trying to connect to the Docker daemon socket"),
            &["no Docker engine answers at ", ": permission denied while trying"],
        ),
        (
            "a client that the engine no longer takes",
            |it| it.tell("no-engine", TOO_OLD),
            &[
                "the Docker CLI is too old for the engine at unix:///var/run/docker.sock (default socket): Error response from daemon: client version 1.41 is too old. Minimum supported API version is 1.44",
                "https://docs.docker.com/get-docker/",
            ],
        ),
        (
            "no compose",
            |it| it.tell("no-compose", ""),
            &["Docker has no Compose: `docker compose version` fails\n    mkdir -p /"],
        ),
        (
            "an old compose",
            |it| it.tell("compose-version", "2.23.3\n"),
            &["Compose 2.23.3 is too old: 2.24 or newer is needed\n    mkdir -p /"],
        ),
        (
            "the old Compose alone",
            |it| {
                it.tell("no-compose", "");
                it.add("docker-compose", "echo 1.29.2");
            },
            &["the `docker-compose` that is there, 1.29.2, is too old\n    mkdir -p /"],
        ),
        (
            "no Temporal image",
            |it| it.tell("missing-images", "temporal-dsql-runtime:test\n"),
            &["the image temporal-dsql-runtime:test is not there\n    cargo xtask dev-build temporal"],
        ),
        (
            "no Copilot image",
            |it| it.tell("missing-images", "temporal-sre-copilot:dev\n"),
            &["the image temporal-sre-copilot:dev is not there\n    cargo xtask dev-build copilot"],
        ),
        (
            "an image for another processor",
            |it| it.tell("foreign-images", "grafana/loki:3.7.6\n"),
            &[
                "the image grafana/loki:3.7.6 is for s390x, and arm64 is wanted\n    docker pull --platform linux/arm64 grafana/loki:3.7.6",
            ],
        ),
        (
            "an invalid variable",
            |it| it.add_to_env("TEMPORAL_LOG_LEVEL=loud\n"),
            &["`TEMPORAL_LOG_LEVEL` is `loud` (dev/.env, line 1): expected `debug` or `info` or `warn` or `error`"],
        ),
        (
            "an impossible project name",
            |it| it.add_to_env("COMPOSE_PROJECT_NAME=My Project\n"),
            &["`COMPOSE_PROJECT_NAME` is `My Project` (dev/.env, line 1): expected lower-case letters"],
        ),
        ("a broken line", |it| it.add_to_env("# one\nA B\n"), &["dev/.env, line 2: this is not `NAME=value`"]),
        (
            "a misspelt placeholder",
            |it| it.checkout.edit(TEMPLATE, "$TEMPORAL_LOG_LEVEL", "$TEMPORAL_LOG_LEVL"),
            &[
                "`$TEMPORAL_LOG_LEVL` in dev/docker/persistence-dsql-elasticsearch.template.yaml is not a variable; did you mean `$TEMPORAL_LOG_LEVEL`?",
            ],
        ),
        (
            "a deleted template",
            |it| delete(it, TEMPLATE),
            &["`git checkout -- dev/docker/persistence-dsql-elasticsearch.template.yaml` brings it back"],
        ),
        (
            "a deleted configuration",
            |it| delete(it, "dev/config/loki.yaml"),
            &["dev/config/loki.yaml, which loki mounts, is missing\n    git checkout -- dev/config/loki.yaml"],
        ),
        (
            "a deleted folder that several services mount",
            |it| fs::remove_dir_all(it.checkout.root.join("dev/dynamicconfig")).unwrap(),
            &[
                "dev/dynamicconfig, which ",
                "temporal-history, ",
                "copilot-temporal mount, is missing\n    git checkout -- dev/dynamicconfig",
            ],
        ),
        (
            "a deleted compose file",
            |it| delete(it, "dev/docker-compose.local.yml"),
            &["dev/docker-compose.local.yml is missing: `git checkout -- dev/docker-compose.local.yml` brings it back"],
        ),
        (
            "another checkout's project",
            |it| {
                it.tell("running", "loki\n");
                it.tell("working-dir", "/\n");
            },
            &["is that of another checkout, /\n    echo COMPOSE_PROJECT_NAME="],
        ),
    ];
    for (title, prepare, finding) in table {
        println!("{title}");
        let fakes = Fakes::with_checkouts();
        prepare(&fakes);
        let refused = dev_up(&fakes, &["--local"]);
        for part in finding {
            assert!(refused.err.contains(part), "`{part}` is not in\n{}", refused.err);
        }
        expect(&fakes, refused, &finding[..1]);
    }
}

#[test]
fn a_checkout_that_a_schema_needs_is_missed_before_anything_starts_unless_no_schema_is_wanted() {
    let fakes = Fakes::new();
    let beside = fakes.checkout.root.with_file_name("temporal-dsql");
    let clone =
        format!("git clone https://github.com/iw/temporal {0} && git -C {0} checkout --detach ", beside.display());
    let refused = dev_up(&fakes, &["--local"]);
    assert!(refused.err.contains("TEMPORAL_DSQL_PATH in dev/.env") && refused.err.contains("--temporal-dsql PATH"));
    expect(&fakes, refused, &[&clone, "git clone https://github.com/iw/temporal-sre-copilot "]);
    fs::create_dir(&beside).unwrap();
    expect(
        &fakes,
        dev_up(&fakes, &["--local", "temporal-history"]),
        &["is no temporal-dsql checkout: it has no go.mod, no cmd/tools/dsql, no schema/dsql/temporal/versioned"],
    );
    dev_up(&fakes, &["--local", "--no-schema", "--dry-run"]).expect(0);
    dev_up(&fakes, &["--local", "--dry-run", "loki"]).expect(0);
}

#[test]
fn without_an_env_file_both_ways_out_are_named() {
    let fakes = Fakes::with_checkouts();
    let refused = dev_up(&fakes, &[]);
    for way in ["\n    cargo xtask dev-up --local  # needs no AWS\n", "\n    cargo xtask env-init  # makes dev/.env"] {
        assert!(refused.err.contains(way), "{}", refused.err);
    }
    expect(&fakes, refused, &["there is no dev/.env, so no Aurora DSQL cluster is known"]);
    fakes.add_to_env("TEMPORAL_SQL_HOST=a.example\n");
    expect(&fakes, dev_up(&fakes, &[]), &["`COPILOT_DSQL_HOST` is not set in the process environment or dev/.env"]);
    fakes.tell("no-credentials", "Unable to locate credentials");
    let both =
        &["`COPILOT_DSQL_HOST` is not set", "AWS_PROFILE in dev/.env\n    aws configure sso --profile default\n"];
    expect(&fakes, dev_up(&fakes, &[]), both);
}

#[test]
fn a_taken_port_is_found_with_its_owner() {
    let fakes = Fakes::new();
    let port = fakes.checkout.port(3100);
    let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let refused = dev_up(&fakes, &["--local", "loki"]);
    if fakes::find("ss").is_some() || fakes::find("lsof").is_some() {
        let owner = format!("process {0}\n    cargo xtask dev-up --port-offset ", std::process::id());
        assert!(refused.err.contains(&owner), "{owner} is not in\n{}", refused.err);
        assert!(refused.err.contains(&format!("  # or: kill {}", std::process::id())), "{}", refused.err);
    } else {
        eprintln!("the owner is not looked at: there is neither ss nor lsof");
    }
    let taken = format!("port {port}, which loki needs, is taken");
    assert!(refused.err.contains("cargo xtask dev-up --port-offset "), "{}", refused.err);
    expect(&fakes, refused, &[&taken]);
    dev_up(&fakes, &["--local", "mimir", "--dry-run"]).expect(0);
}

/// `dev-up --local loki`, with its port taken by a program of this name.
fn with_loki_taken_by(fakes: &Fakes, program: &str) -> Outcome {
    let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, fakes.checkout.port(3100))).unwrap();
    fakes.listens(program);
    dev_up(fakes, &["--local", "loki"])
}

#[test]
fn a_port_that_an_engine_which_does_not_answer_may_hold_for_us_is_no_finding() {
    let fakes = Fakes::new();
    fakes.tell("no-engine", NO_ENGINE);
    expect(&fakes, with_loki_taken_by(&fakes, "docker-proxy"), &["no Docker engine answers"]);
    let taken = "which loki needs, is taken by node, process 4711";
    expect(&fakes, with_loki_taken_by(&fakes, "node"), &["no Docker engine answers", taken]);
}

#[test]
fn a_port_that_a_container_may_hold_for_us_is_no_finding_where_our_project_is_unknown() {
    let fakes = Fakes::new();
    fakes.add_to_env("COMPOSE_PROJECT_NAME=My Project\n");
    let wrong = "`COMPOSE_PROJECT_NAME` is `My Project`";
    expect(&fakes, with_loki_taken_by(&fakes, "docker-proxy"), &[wrong]);
    expect(&fakes, with_loki_taken_by(&fakes, "node"), &[wrong, "which loki needs, is taken by node, process 4711"]);
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let fakes = Fakes::new();
    let port = fakes.checkout.port(9200);
    let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let taken = format!("port {port}, which elasticsearch needs, is taken");
    fakes.tell("compose-version", "2.9.0\n");
    fakes.tell("missing-images", "temporal-dsql-runtime:test\ntemporal-sre-copilot:dev\n");
    fakes.add_to_env("TEMPORAL_LOG_LEVEL=loud\nTEMPORAL_HISTORY_SHARDS=0\nTEMPORAL_ELASTICSEARCH_VERSION=\n");
    fakes.checkout.edit(TEMPLATE, "$TEMPORAL_LOG_LEVEL", "$LEVEL");
    delete(&fakes, "dev/config/loki.yaml");
    let without_engine = [
        "`TEMPORAL_ELASTICSEARCH_VERSION` is empty (dev/.env, line 3)",
        "`TEMPORAL_LOG_LEVEL` is `loud` (dev/.env, line 1)",
        "`TEMPORAL_HISTORY_SHARDS` is `0` (dev/.env, line 2)",
        "`$LEVEL` in dev/docker/",
        "there is no temporal-dsql checkout",
        "there is no temporal-sre-copilot checkout",
        "Compose 2.9.0 is too old",
        "dev/config/loki.yaml, which loki mounts, is missing",
        &taken,
    ];
    let with_engine =
        ["the image temporal-dsql-runtime:test is not there", "the image temporal-sre-copilot:dev is not there"];
    expect(&fakes, dev_up(&fakes, &["--local"]), &[&without_engine[..], &with_engine[..]].concat());
    fakes.tell("no-engine", NO_ENGINE);
    // Without an engine a port is somebody else's only where it is known whose.
    let known = fakes::find("ss").is_some() || fakes::find("lsof").is_some();
    let without_engine = &without_engine[..without_engine.len() - usize::from(!known)];
    expect(&fakes, dev_up(&fakes, &["--local"]), &[without_engine, &["no Docker engine answers"]].concat());
}

#[test]
fn commands_that_need_an_engine_say_so_and_a_missing_docker_is_code_3_everywhere() {
    let fakes = Fakes::with_checkouts();
    let commands: [&[&str]; 10] = [
        &["dev-up", "--local"],
        &["dev-down"],
        &["dev-ps"],
        &["dev-status"],
        &["dev-logs"],
        &["dev-restart"],
        &["dev-exec", "loki"],
        &["dev-build"],
        &["schema", "--local"],
        &["test", "--engine"],
    ];
    fakes.tell("no-engine", NO_ENGINE);
    for command in commands {
        let refused = fakes.xtask(command).expect(3);
        assert!(refused.err.contains("no Docker engine answers at unix:///var/run/docker.sock"), "{}", refused.err);
    }
    fakes.remove("docker");
    for command in commands {
        let refused = fakes.xtask(command).expect(3);
        assert!(refused.err.contains("`docker` is not on PATH"), "{}", refused.err);
    }
    assert_eq!(fakes.calls(), [""; 0]);
    fakes.xtask(&["render", "--local"]).expect(0);
}

fn delete(fakes: &Fakes, file: &str) {
    fs::remove_file(fakes.checkout.root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
}

#[test]
fn an_engine_that_does_not_run_is_started_where_that_is_agreed_to_and_only_then() {
    let fakes = Fakes::with_checkouts();
    let socket = fakes.checkout.home().join(".colima/default/docker.sock");
    if let Some(id) = fakes::find("id") {
        std::os::unix::fs::symlink(id, fakes.bin().join("id")).unwrap();
    }
    fakes.add("colima", "echo \"colima $*\" >>\"$FAKES/log\"\n[ -e \"$FAKES/broken\" ] || : >\"$FAKES/no-engine\"");
    fakes.tell("no-engine", "Cannot connect to the Docker daemon\n");
    let offset = fakes.checkout.offset.to_string();
    let up = |words: &[&str]| {
        let mut command = fakes.command();
        command.args(["dev-up", "--local", "loki", "--port-offset", &offset]).args(words);
        run(command.env("DOCKER_HOST", format!("unix://{}", socket.display())))
    };
    let start = "colima start default --cpu 4 --memory 8";
    up(&[]).expect(3).says(&["no Docker engine answers", start]);
    up(&["--yes", "--dry-run"]).expect(3);
    assert_eq!(fakes.calls(), [""; 0]);
    up(&["--yes"]).expect(0).says(&["Docker is not ready here; now to run: colima start", "loki"]);
    assert_eq!(fakes.calls()[0], start);
    fakes.forget();
    up(&["--yes"]).expect(0);
    assert_eq!(fakes.calls(), [""; 0]);
}

#[test]
fn a_compose_that_is_missing_comes_as_a_plugin_and_the_engine_is_left_alone() {
    let fakes = Fakes::with_checkouts();
    if let Some(id) = fakes::find("id") {
        std::os::unix::fs::symlink(id, fakes.bin().join("id")).unwrap();
    }
    fakes.tell("no-compose", "");
    let tried = fakes.xtask(&["dev-up", "--local", "loki", "--yes"]).expect(3);
    let tried = tried.says(&["Docker is not ready here; now to run: mkdir -p ", "/cli-plugins && curl "]);
    assert!(!tried.err.contains("get.docker.com") && !tried.err.contains("apt-get"), "{}", tried.err);
}
