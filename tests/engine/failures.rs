use std::time::{Duration, Instant};

use tests::{checkout::Checkout, engine};

#[test]
#[ignore = "needs a Docker engine"]
fn a_service_that_never_becomes_healthy_ends_dev_up_in_time_and_with_its_last_words() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("unhealthy");
    let compose = "dev/docker-compose.yml";
    checkout.edit(
        compose,
        "[CMD, /usr/bin/loki, -health]",
        "[CMD, /usr/bin/loki, -health, -health.url=http://localhost:1/]",
    );

    let began = Instant::now();
    let failed = checkout.dev_up(&["mimir", "loki", "--timeout", "15"]).expect(4);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(failed.err.contains("loki"), "{}", failed.err);
    assert!(failed.err.contains("localhost:1"), "the health check's output is not shown: {}", failed.err);
    assert!(failed.err.contains("log lines"), "{}", failed.err);
    assert!(failed.err.contains("cargo xtask dev-logs loki"), "{}", failed.err);
    let containers = engine::containers(&checkout.project);
    for service in ["mimir", "loki"] {
        assert_eq!(containers[service]["State"]["Status"], "running", "{service}");
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_dry_run_prints_the_commands_and_leaves_the_engine_and_the_checkout_alone() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("dry");
    let printed = checkout.dev_up(&["--dry-run"]).expect(0).out;
    for word in ["docker compose", "--project-name", &checkout.project, "dev/docker-compose.local.yml", "up --no-start"]
    {
        assert!(printed.contains(word), "`{word}` is not in\n{printed}");
    }
    assert!(engine::containers(&checkout.project).is_empty());
    assert_eq!(engine::volumes(&checkout.project), [""; 0]);
    assert_eq!(engine::networks(&checkout.project), [""; 0]);
    assert!(!checkout.root.join("dev/.rendered").exists());
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_container_that_cannot_start_is_named_with_its_reason() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("broken");
    checkout.edit("dev/config/loki.yaml", "server:", "servers:");
    let failed = checkout.dev_up(&["loki", "--timeout", "30"]).expect(4);
    assert!(failed.err.contains("loki"), "{}", failed.err);
    assert!(failed.err.contains("servers"), "loki's own complaint is not shown: {}", failed.err);
}
