//! `dev/load`: something for the Copilot to watch. Its tests are in Python, with the SDK of the Copilot's image.

use serde_yaml::Value;
use tests::{checkout::run, repo_root};

use crate::model::python;

const FILES: [&str; 2] = ["dev/docker-compose.yml", "dev/docker-compose.load.yml"];

fn test(file: &str) {
    let load = repo_root().join("dev/load");
    python(&[&format!("tests/load/{file}")], &[("PYTHONPATH", load.to_str().unwrap())]);
}

#[test]
fn the_arithmetic_of_a_load_is_right() {
    test("test_arithmetic.py");
}

#[test]
fn the_sdks_workflow_sandbox_takes_the_load() {
    test("test_sandbox.py");
}

#[test]
fn a_load_counts_what_it_does_and_leaves_nothing_behind() {
    test("test_starter.py");
}

#[test]
fn the_loads_types_hold() {
    python(&["-m", "mypy", "--strict", "--no-incremental", "--python-version", "3.14", "dev/load"], &[]);
}

#[test]
fn the_load_runs_closed_in_the_copilots_image_and_only_when_it_is_asked_for() {
    if !tests::compose_is_there() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let config = |words: &[&str]| {
        let mut command = tests::compose(home.path());
        FILES.iter().for_each(|it| _ = command.args(["--file", it]));
        run(command.current_dir(repo_root()).args(words)).expect(0).out
    };
    assert_eq!(config(&["config", "--services"]).lines().count(), 15, "`up` would start the load");
    let resolved: Value = serde_yaml::from_str(&config(&["--profile", "load", "config", "--no-consistency"])).unwrap();
    for name in ["load-worker", "load-starter"] {
        let service = &resolved["services"][name];
        assert_eq!(service["image"], resolved["services"]["copilot-worker"]["image"], "{name}");
        for (key, expected) in [("cap_drop", "ALL"), ("security_opt", "no-new-privileges:true"), ("tmpfs", "/tmp")] {
            assert_eq!(service[key][0], expected, "{name}");
        }
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["restart"], "no", "{name}");
        assert_eq!(service["volumes"].as_sequence().unwrap().len(), 1, "{name}");
        assert_eq!(service["volumes"][0]["read_only"], true, "{name}");
        assert_eq!(service["labels"]["temporal-sre-copilot.load"], "true", "{name}");
        assert_eq!(service["networks"].as_mapping().unwrap().len(), 1, "{name}");
        assert!(service["networks"].get("temporal-network").is_some(), "{name}");
        assert!(service.get("ports").is_none() && service.get("container_name").is_none(), "{name}");
    }
}

#[test]
fn alloy_scrapes_the_port_that_the_worker_serves() {
    let text = |file: &str| std::fs::read_to_string(repo_root().join(file)).unwrap();
    assert!(text("dev/load/worker.py").contains("METRICS = \"0.0.0.0:9091\"\n"));
    let alloy = text("dev/config/alloy.alloy");
    assert!(alloy.contains("regex         = \"load-worker\"\n\t\taction        = \"keep\""), "{alloy}");
    assert!(alloy.contains("replacement   = \"$1:9091\"\n\t\ttarget_label  = \"__address__\""), "{alloy}");
}
