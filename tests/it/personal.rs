//! A developer's own `dev/docker-compose.override.yml`: taken along last, and said.

use std::{fs, process::Command};

use serde_json::Value;
use tests::{
    checkout::{Outcome, run},
    fakes::{self, Fakes},
    repo_root,
};

const FILE: &str = "dev/docker-compose.override.yml";

fn write(fakes: &Fakes, text: &str) {
    fs::write(fakes.checkout.root.join(FILE), text).unwrap();
}

#[test]
fn it_is_taken_along_last_and_said_and_without_it_nothing_is() {
    let fakes = Fakes::new();
    let done = fakes.up_local("loki").expect(0);
    assert!(!done.err.contains(FILE), "{}", done.err);
    fakes.forget();
    write(&fakes, "services: { mimir: { deploy: { resources: { limits: { memory: 3g } } } } }\n");
    fakes.up_local("mimir").expect(0).says(&[&format!("{FILE} is taken along")]);
    let files = format!("--file dev/.rendered/docker-compose.override.yml --file {FILE} up --no-start");
    assert!(fakes.calls()[0].contains(&files), "{:?}", fakes.calls());
    fakes.forget();
    // What only looks takes it along as well.
    fakes.xtask(&["dev-status"]);
    let hashed = fakes.log().into_iter().find(|it| it.contains(" config --hash ")).unwrap();
    assert!(hashed.contains(&format!("--file - --file {FILE} config")), "{hashed}");
    let ignored =
        Command::new(fakes::find("git").unwrap()).args(["check-ignore", FILE]).current_dir(repo_root()).output();
    assert!(ignored.unwrap().status.success(), "git would take {FILE} for a part of the repository");
}

#[test]
fn a_service_of_one_s_own_is_started_with_the_others_and_is_no_orphan() {
    let fakes = Fakes::new();
    write(&fakes, "services: { mailer: { image: \"mailer:1\", depends_on: [loki] }, loki: {} }\n");
    fakes.up_local("mailer").expect(0);
    let calls = fakes.calls();
    assert!(calls[0].ends_with(" up --no-start --remove-orphans loki mailer"), "{calls:?}");
    assert_eq!(calls[1..], ["docker start PROJECT-loki-1", "docker start PROJECT-mailer-1"]);
    fakes.forget();
    fakes.up_local("mailer").expect(0);
    assert_eq!(fakes.calls(), [""; 0]);
    write(&fakes, "services: { other: { image: \"other:1\" } }\n");
    let what = "there is no container of other: `cargo xtask dev-up other` makes it";
    fakes.xtask(&["dev-logs", "--no-follow", "other"]).expect(3).says(&[what]);
    // One that only sets what is no service is fine as well.
    write(&fakes, "volumes: { mine: {} }\n");
    fakes.up_local("mimir").expect(0);
}

#[test]
fn a_service_behind_a_profile_is_started_only_where_it_is_named() {
    let fakes = Fakes::new();
    // What `doctor` looks for is what would be started.
    let images = |fakes: &Fakes| {
        fakes.xtask(&["doctor", "--local"]).out.lines().find(|it| it.contains("images ")).map(str::to_owned)
    };
    let before = images(&fakes);
    assert!(before.is_some());
    write(&fakes, "services: { debugger: { image: \"debugger:1\", profiles: [debug] } }\n");
    let started = |fakes: &Fakes| fakes.calls().join("\n").contains("debugger");
    assert_eq!(images(&fakes), before);
    fakes.up_local("--no-schema").expect(0);
    assert!(!started(&fakes), "{:#?}", fakes.calls());
    let listed = |fakes: &Fakes| fakes.xtask(&["dev-status"]).expect(0).out.contains("debugger");
    assert!(!listed(&fakes));
    fakes.up_local("debugger").expect(0);
    assert!(started(&fakes), "{:#?}", fakes.calls());
    assert!(listed(&fakes));
}

#[test]
fn what_it_opens_to_other_machines_is_warned_of_by_name() {
    let fakes = Fakes::new();
    write(&fakes, "services: {}\n");
    fakes.tell(
        "config",
        r#"{"services":{"loki":{"ports":[{"target":3100,"published":"3100","host_ip":"127.0.0.1"},{"target":9095,"published":"9095"}]},"mimir":{"network_mode":"host"}}}"#,
    );
    let done = fakes.up_local("loki").expect(0);
    let warns = |done: &Outcome| done.err.matches("other machines can reach ").count();
    assert_eq!(warns(&done), 2, "{}", done.err);
    let done =
        done.says(&["warning: other machines can reach port 9095 of loki", "warning: other machines can reach mimir"]);
    assert!(done.err.contains(FILE), "{}", done.err);
    fakes.tell("config", r#"{"services":{"loki":{"ports":[{"target":1,"host_ip":"::1"}]}}}"#);
    assert_eq!(warns(&fakes.up_local("loki").expect(0)), 0);
}

#[test]
fn one_that_compose_refuses_is_a_finding_that_names_it() {
    let fakes = Fakes::new();
    write(&fakes, "services: [\n");
    fakes.up_local("loki").expect(3).says(&[&format!("{FILE}, line 1: it is not YAML")]);
    write(&fakes, "services: { loki: { mem_limti: 1g } }\n");
    fakes.tell("fail", "*config\\ --format\\ json\n");
    let refused = fakes.up_local("loki").expect(3);
    refused.says(&[
        &format!("Compose refuses {FILE}: the fake fails as it was told to"),
        &format!("${{EDITOR:-vi}} {FILE}"),
    ]);
    assert_eq!(fakes.calls(), [""; 0]);
}

/// Compose itself, which asks no engine for this.
#[test]
fn compose_raises_a_limit_and_names_the_port_as_it_is_told() {
    let fakes = Fakes::new();
    let compose =
        |words: &[&str]| run(Command::new("docker").arg("compose").args(words).current_dir(&fakes.checkout.root));
    if fakes::find("docker").is_none() || compose(&["version"]).code != 0 {
        assert!(std::env::var_os("CI").is_none(), "there is no Compose");
        tests::left_out("there is no Compose");
        return;
    }
    write(
        &fakes,
        "services: { loki: { deploy: { resources: { limits: { memory: 3g } } }, ports: [\"9095:9095\"] } }\n",
    );
    let shown = fakes.up_local("loki --dry-run").expect(0).out;
    assert!(shown.contains(&format!("--file {FILE} up")), "{shown}");
    let files = ["--file", "dev/docker-compose.yml", "--file", FILE, "config", "--format", "json"];
    let document: Value = compose(&files).expect(0).json();
    let loki = &document["services"]["loki"];
    assert_eq!(loki["deploy"]["resources"]["limits"]["memory"], "3221225472");
    assert_eq!(loki["ports"][1]["host_ip"], Value::Null, "{loki:#}");
}
