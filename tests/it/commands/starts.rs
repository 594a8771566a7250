//! `dev-up`: what it starts, in which order, and what it leaves alone.

use std::fs;
use std::time::{Duration, Instant};

use super::lifecycle::down;
use super::{DSQL, LOCAL, LOCAL_AMD64, PROJECT, PSQL, dev_up, expect_calls, expect_shown, xtask};
use tests::fakes::Fakes;

fn create(compose: &str, services: &str) -> String {
    format!("{compose} up --no-start --remove-orphans {services}")
}

pub(super) fn start(services: &str) -> String {
    format!("docker start{}", services.split(' ').map(|it| format!(" PROJECT-{it}-1")).collect::<String>())
}

fn psql(service: &str) -> String {
    format!("{LOCAL} exec --no-TTY {service} psql --single-transaction {PSQL}")
}

fn namespace(compose: &str, service: &str) -> String {
    format!(
        "{compose} exec --no-TTY {service} curl --silent --max-time 10 --output /dev/null --write-out '%{{http_code}}' \
         --header 'Content-Type: application/json' \
         --data '{{\"namespace\":\"default\",\"workflowExecutionRetentionPeriod\":\"86400s\"}}' \
         http://{service}:8233/api/v1/namespaces"
    )
}

/// What needs nothing of another.
fn made_and_started(compose: &str, services: &str) -> [String; 2] {
    [create(compose, services), start(services)]
}

/// A checkout for Aurora DSQL: two endpoints, an AWS directory.
pub(super) fn with_dsql() -> Fakes {
    let fakes = Fakes::with_checkouts();
    fs::create_dir(fakes.checkout.home().join(".aws")).unwrap();
    fakes.add_to_env("TEMPORAL_SQL_HOST=one.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=two.dsql.eu-west-1.on.aws\n");
    fakes
}

/// Every start, each after what it needs: what needs nothing of another may come before or after it.
fn starts() -> [String; 5] {
    [
        start("elasticsearch mimir loki dsql-monitored dsql-copilot copilot-model"),
        start("elasticsearch-setup grafana"),
        start("temporal-history copilot-temporal"),
        start("temporal-matching temporal-frontend temporal-worker copilot-ui copilot-worker copilot-api"),
        start("temporal-ui alloy"),
    ]
}

/// The containers that were started, in order.
fn started(calls: &[String]) -> Vec<String> {
    calls.iter().filter_map(|it| it.strip_prefix("docker start ")).map(str::to_owned).collect()
}

#[test]
fn dev_up_starts_each_service_after_what_it_needs_the_schema_and_the_namespaces_included_and_nothing_twice() {
    let fakes = Fakes::with_checkouts();
    let first = dev_up(&fakes, "--local").expect(0);
    let calls = fakes.calls();
    fakes.forget();
    let at = |is: &dyn Fn(&str) -> bool| calls.iter().position(|it| is(it)).unwrap_or_else(|| panic!("{calls:#?}"));
    let start = |name: &str| at(&|it| *it == start(name));
    let last_psql = calls.iter().rposition(|it| it.contains(" psql ")).unwrap();
    let registered = |name: &str| at(&|it| it == namespace(LOCAL, name));
    // Each database is asked what it has, then sent what is missing; the copilot's holds two schemas.
    assert_eq!(calls.iter().filter(|it| **it == psql("dsql-monitored")).count(), 2, "{calls:#?}");
    assert_eq!(calls.iter().filter(|it| **it == psql("dsql-copilot")).count(), 4, "{calls:#?}");
    for (before, after) in [
        (start("elasticsearch"), start("elasticsearch-setup")),
        (start("dsql-copilot"), at(&|it| it.contains(" psql "))),
        (last_psql, start("temporal-history")),
        (last_psql, start("copilot-temporal")),
        (start("elasticsearch-setup"), start("temporal-history")),
        (start("temporal-history"), start("temporal-frontend")),
        (registered("temporal-frontend"), start("temporal-ui")),
        (registered("copilot-temporal"), start("copilot-worker")),
        (start("loki"), start("grafana")),
    ] {
        assert!(before < after, "{before} {after}: {calls:#?}");
    }
    let names = |batch: String| batch.split(' ').skip(2).map(str::to_owned).collect::<Vec<_>>();
    let (mut all, mut expected) = (started(&calls), starts().map(names).concat());
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
    let port = fakes.checkout.port(3000);
    let grafana = first.out.lines().find(|it| it.starts_with("Grafana ")).unwrap_or_default();
    assert!(
        grafana.contains(&format!(" http://127.0.0.1:{port} ")) && grafana.ends_with("  admin / admin"),
        "{grafana}"
    );

    let second = xtask(&fakes, "dev-up").expect(0);
    expect_calls(&fakes, &[]);
    assert_eq!((second.out, second.err), (first.out, String::new()));
}

#[test]
fn dev_up_prints_grafana_s_default_password_and_no_other_one() {
    let fakes = Fakes::with_checkouts();
    fakes.add_to_env("GRAFANA_ADMIN_PASSWORD=hunter2\n");
    let outcome = dev_up(&fakes, "--local grafana").expect(0);
    assert!(outcome.out.contains("admin / what GRAFANA_ADMIN_PASSWORD says"), "{}", outcome.out);
    assert!(!(outcome.out + &outcome.err).contains("hunter2"));
}

#[test]
fn dev_up_of_named_services_starts_what_they_depend_on_and_applies_what_they_need() {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "--local temporal-history loki").expect(0);
    let calls = fakes.calls();
    // Elasticsearch is set up beside the schema.
    let (sql, ups): (Vec<String>, Vec<String>) = calls.into_iter().partition(|it| it.contains(" psql "));
    let expected = [
        create(LOCAL, "elasticsearch elasticsearch-setup temporal-history loki dsql-monitored"),
        start("elasticsearch loki dsql-monitored"),
        start("elasticsearch-setup"),
        start("temporal-history"),
    ];
    assert_eq!(super::as_expected(ups, &expected), expected);
    assert_eq!(sql, [psql("dsql-monitored"), psql("dsql-monitored")]);
    fakes.forget();
    dev_up(&fakes, "--local mimir").expect(0);
    expect_calls(&fakes, &made_and_started(LOCAL, "mimir"));
}

#[test]
fn what_only_has_to_be_started_is_not_waited_for() {
    let fakes = Fakes::new();
    fakes.tell("unhealthy", "temporal-worker\n");
    dev_up(&fakes, "--local --no-schema alloy --timeout 3").expect(4).says(&["temporal-worker"]);
    assert!(started(&fakes.calls()).contains(&"PROJECT-alloy-1".to_owned()), "{:#?}", fakes.calls());
}

#[test]
fn where_only_the_schema_is_behind_no_container_is_made() {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "--local --no-schema temporal-history").expect(0);
    fakes.forget();
    dev_up(&fakes, "--local temporal-history").expect(0);
    assert!(fakes.calls().iter().all(|it| !it.contains(" up ")), "{:#?}", fakes.calls());
}

#[test]
fn dev_up_leaves_the_schema_alone_where_it_is_told_to() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local --no-schema temporal-history").expect(0);
    let expected = [
        create(LOCAL, "elasticsearch elasticsearch-setup temporal-history dsql-monitored"),
        start("elasticsearch dsql-monitored"),
        start("elasticsearch-setup"),
        start("temporal-history"),
    ];
    expect_calls(&fakes, &expected);
}

#[test]
fn dev_up_on_aurora_dsql_needs_no_stand_in() {
    let fakes = with_dsql();
    dev_up(&fakes, "--no-schema copilot-worker").expect(0);
    expect_calls(
        &fakes,
        &[
            create(DSQL, "elasticsearch elasticsearch-setup copilot-temporal copilot-worker"),
            start("elasticsearch"),
            start("elasticsearch-setup"),
            start("copilot-temporal"),
            namespace(DSQL, "copilot-temporal"),
            start("copilot-worker"),
        ],
    );
}

#[test]
fn dev_up_remembers_mode_offset_and_platform_and_a_flag_changes_them() {
    let fakes = with_dsql();
    let offset = fakes.checkout.offset.to_string();
    let mode = || fs::read_to_string(fakes.checkout.root.join("dev/.rendered/mode.json")).unwrap();
    dev_up(&fakes, "--local loki").expect(0);
    expect_calls(&fakes, &made_and_started(LOCAL, "loki"));
    let expected = format!(
        "{{\n  \"live\": false,\n  \"local\": true,\n  \"platform\": null,\n  \"portOffset\": {offset},\n  \"standIns\": false\n}}\n"
    );
    assert_eq!(mode(), expected);
    xtask(&fakes, "dev-up mimir").expect(0);
    expect_calls(&fakes, &made_and_started(LOCAL, "mimir"));
    xtask(&fakes, "dev-ps").expect(0);
    expect_calls(&fakes, &[format!("{PROJECT} ps --all")]);
    xtask(&fakes, "dev-up --dsql alloy --no-schema").expect(0);
    let of = |compose: &str, it: &String| it.starts_with(compose) || it.starts_with("docker start ");
    assert!(fakes.calls().iter().all(|it| of(DSQL, it)), "{:#?}", fakes.calls());
    fakes.forget();
    xtask(&fakes, "dev-ps").expect(0);
    expect_calls(&fakes, &[format!("{PROJECT} ps --all")]);
    fakes.tell("arch", "amd64\n");
    xtask(&fakes, "dev-up --local --platform=linux/amd64 alloy --no-schema").expect(0);
    let calls = fakes.calls();
    assert!(calls.iter().all(|it| of(LOCAL_AMD64, it)), "{calls:#?}");
    assert!(mode().contains("\"platform\": \"linux/amd64\""), "{}", mode());
}

#[test]
fn dev_up_adds_the_amd64_file_on_an_amd64_engine_only() {
    let fakes = Fakes::new();
    fakes.tell("arch", "amd64\n");
    dev_up(&fakes, "--local loki").expect(0);
    expect_calls(&fakes, &made_and_started(LOCAL_AMD64, "loki"));
    let refused = dev_up(&fakes, "--local loki --platform linux/arm64").expect(3);
    assert!(refused.err.contains("the image grafana/loki:3.7.6 is for amd64, and arm64 is wanted"), "{}", refused.err);
    expect_calls(&fakes, &[]);
}

#[test]
fn an_image_that_is_there_for_several_processors_is_judged_by_the_wanted_one() {
    // The containerd image store shows the engine's own, or none where only another one's part was pulled.
    for shown in ["amd64", ""] {
        let fakes = Fakes::new();
        fakes.tell("foreign-images", "grafana/loki:3.7.6\n");
        fakes.tell("foreign-arch", &format!("{shown}\n"));
        let refused = dev_up(&fakes, "--local loki --platform linux/arm64").expect(3);
        let theirs = if shown.is_empty() { "another processor" } else { shown };
        refused.says(&[&format!("the image grafana/loki:3.7.6 is for {theirs}, and arm64 is wanted")]);
        fakes.tell("platforms", "grafana/loki:3.7.6\n");
        dev_up(&fakes, "--local loki --platform linux/arm64").expect(0);
        let doctor = fakes.xtask(&["doctor", "--json"]).out;
        let doctor: serde_json::Value = serde_json::from_str(&doctor).unwrap();
        let checks = doctor["checks"].as_array().unwrap();
        let architecture = checks.iter().find(|it| it["name"] == "architecture").unwrap();
        assert_eq!(architecture["status"], "ok", "{architecture}");
    }
}

#[test]
fn dev_up_pulls_what_is_missing_and_nothing_else() {
    let fakes = Fakes::new();
    fakes.tell("missing-images", "grafana/loki:3.7.6\n");
    dev_up(&fakes, "--local loki mimir").expect(0);
    expect_calls(
        &fakes,
        &[&[format!("{LOCAL} pull --policy missing loki")], &made_and_started(LOCAL, "mimir loki")[..]].concat(),
    );
}

#[test]
fn dev_up_recreates_no_service_but_the_one_whose_configuration_changed() {
    let fakes = Fakes::new();
    dev_up(&fakes, "--local loki mimir").expect(0);
    fakes.forget();
    fakes.tell("changed", "loki\n");
    let status = xtask(&fakes, "dev-status");
    assert!(status.out.lines().any(|it| it.starts_with("loki ") && it.contains("changed")), "{}", status.out);
    expect_calls(&fakes, &[]);
    xtask(&fakes, "dev-up loki mimir").expect(0);
    expect_calls(&fakes, &made_and_started(LOCAL, "loki"));
}

#[test]
fn dev_up_builds_first_and_only_what_the_services_are_made_from() {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "--local --build loki").expect(0);
    expect_calls(&fakes, &made_and_started(LOCAL, "loki"));
    dev_up(&fakes, "--local --build temporal-history --no-schema").expect(0);
    let built: Vec<bool> = fakes.calls().iter().map(|it| it.contains("docker build --tag temporal-dsql")).collect();
    assert_eq!(built, [true, true, false, false, false, false, false], "{:#?}", fakes.calls());
    let refused = dev_up(&fakes, "--local --build lokii").expect(2);
    assert!(refused.err.contains("Did you mean `loki`?"), "{}", refused.err);
}

#[test]
fn a_dry_run_prints_every_command_in_order_and_runs_and_writes_nothing() {
    let fakes = Fakes::with_checkouts();
    let printed = dev_up(&fakes, "--local --dry-run").expect(0);
    let [stores, second, servers, fourth, last] = starts();
    let services = "elasticsearch elasticsearch-setup temporal-history temporal-matching temporal-frontend \
                    temporal-worker temporal-ui mimir loki alloy grafana copilot-temporal copilot-ui copilot-worker \
                    copilot-api dsql-monitored dsql-copilot copilot-model";
    let expected = [
        create(LOCAL, services),
        stores,
        psql("dsql-monitored"),
        psql("dsql-copilot"),
        psql("dsql-copilot"),
        second,
        servers,
        namespace(LOCAL, "copilot-temporal"),
        fourth,
        namespace(LOCAL, "temporal-frontend"),
        last,
    ];
    expect_shown(&fakes, &printed.out, &expected);
    expect_calls(&fakes, &[]);
    assert_eq!(printed.err, "");
    assert!(!fakes.checkout.root.join("dev/.rendered").exists());

    let printed = xtask(&fakes, "dev-down --volumes --dry-run").expect(0).out;
    expect_shown(&fakes, &printed, &[down("--volumes")]);
    expect_calls(&fakes, &[]);
    assert!(!fakes.checkout.root.join("dev/.rendered").exists());
}

#[test]
fn the_timeout_of_dev_up_holds_for_the_schema_and_the_namespaces_too() {
    for (pattern, service, code, says) in [
        ("*/namespaces", "temporal-frontend --no-schema", 4, "temporal-frontend does not register the namespace"),
        ("*\\ psql\\ *", "temporal-history", 1, "has not answered in time"),
    ] {
        let fakes = Fakes::with_checkouts();
        fakes.tell("hang", &format!("{pattern}\n"));
        let began = Instant::now();
        dev_up(&fakes, &format!("--local --timeout 4 {service}")).expect(code).says(&[says]);
        assert!(began.elapsed() < Duration::from_secs(40), "{pattern}: {:?}", began.elapsed());
    }
}

#[test]
fn with_stand_ins_every_image_is_made_here_nothing_is_cloned_and_the_project_is_another_one_until_told_otherwise() {
    let fakes = Fakes::new();
    fs::write(fakes.checkout.root.join("tests/images/build"), "#!/bin/sh\necho the images are there >&2\n").unwrap();
    fakes.add_to_env("TEMPORAL_IMAGE=mine:1\nTEMPORAL_DSQL_PATH=../nowhere\n");
    let up = dev_up(&fakes, "--local --stand-ins").expect(0).says(&["the images are there"]);
    assert_eq!(up.out.lines().filter(|it| !it.contains("  stand-in")).collect::<Vec<_>>(), [""; 0]);
    let of = ["docker compose --project-name PROJECT-standins ", "docker start PROJECT-standins-"];
    assert!(fakes.calls().iter().all(|it| of.iter().any(|of| it.starts_with(of))), "{:#?}", fakes.calls());
    let text = fs::read_to_string(fakes.checkout.root.join("dev/.rendered/docker-compose.override.yml")).unwrap();
    let services: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    for (name, service) in services["services"].as_mapping().unwrap() {
        let image = service["image"].as_str().unwrap_or_default();
        assert!(image.starts_with("standin/") && service["pull_policy"] == "never", "{name:?}: {image}");
    }
    let status = xtask(&fakes, "dev-status --json").json();
    assert!(status["services"].as_array().unwrap().iter().all(|it| it["standIn"] == true), "{status:#}");
    fakes.forget();
    xtask(&fakes, "dev-down").expect(0);
    expect_calls(&fakes, &["docker compose --project-name PROJECT-standins down --remove-orphans".to_owned()]);

    // A mode that is named without them is the real one.
    let real = xtask(&fakes, "dev-up --local --dry-run --no-schema").expect(0).out;
    assert!(real.contains("--project-name PROJECT ".replace("PROJECT", &fakes.checkout.project).as_str()), "{real}");
}

#[test]
fn processors_are_limited_where_the_engine_can_and_the_copilot_is_told_so() {
    // The four services, and the one that prepares Elasticsearch.
    for (quota, taken_away, told) in [("true", 0, Some(1000)), ("false", 5, None)] {
        let fakes = Fakes::with_checkouts();
        fakes.tell("cpu-quota", quota);
        dev_up(&fakes, "--local").expect(0);
        let read = |file| fs::read_to_string(fakes.checkout.root.join("dev/.rendered").join(file)).unwrap();
        let overrides = read("docker-compose.override.yml");
        let nothing = "    deploy: { resources: { limits: { cpus: \"0\" } } }\n";
        assert_eq!(overrides.matches(nothing).count(), taken_away, "{overrides}");
        let profile: serde_json::Value = serde_json::from_str(&read("deployment-profile.json")).unwrap();
        let limits = &profile["scaling_topology"]["history"]["resource_limits"];
        assert_eq!(*limits, serde_json::json!({ "cpu_millicores": told, "memory_mib": 1024 }));
        // What has changed is judged by the same limits.
        xtask(&fakes, "dev-status").expect(0);
        assert_eq!(fakes.told("override"), overrides);
    }
}
