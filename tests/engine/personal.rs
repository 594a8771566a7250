//! A developer's own compose file, on a real engine.

use std::fs;

use tests::{checkout::Checkout, engine};

#[test]
#[ignore = "needs a Docker engine"]
fn what_ends_by_itself_is_done_and_waited_for_where_something_needs_its_end_and_what_goes_on_is_ready() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("personal-jobs");
    let own = "x-base: &base { image: \"standin/base:bookworm\", init: true }\n\
               services:\n  \
                 job: { <<: *base, command: [\"true\"] }\n  \
                 seed: { <<: *base, command: [sleep, \"3\"], restart: \"no\" }\n  \
                 server: { <<: *base, command: [sleep, \"300\"], restart: \"no\" }\n  \
                 user: { <<: *base, command: [sleep, \"300\"], depends_on: { seed: { condition: service_completed_successfully } } }\n";
    fs::write(checkout.root.join("dev/docker-compose.override.yml"), own).unwrap();
    let services = ["job", "server", "user", "--no-schema", "--timeout=60"];
    checkout.dev_up(&services).expect(0);
    let containers = engine::containers(&checkout.project);
    let state = |name: &str, key: &str| containers[name]["State"][key].as_str().unwrap().to_owned();
    assert_eq!(
        ["job", "seed", "server", "user"].map(|it| state(it, "Status")),
        ["exited", "exited", "running", "running"]
    );
    assert!(state("user", "StartedAt") > state("seed", "FinishedAt"));
    let before = engine::lives(&checkout.project);
    checkout.dev_up(&services).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);
    checkout.xtask(&["dev-down"]).expect(0);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_limit_is_raised_a_service_is_added_and_a_second_run_changes_nothing() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("personal");
    let own = format!(
        "services:\n  loki:\n    deploy: {{ resources: {{ limits: {{ memory: 700m }} }} }}\n    ports: [\"{}:9095\"]\n  mailer:\n    image: standin/base:bookworm\n    \
         command: [sleep, \"300\"]\n    init: true\n",
        checkout.port(4444)
    );
    fs::write(checkout.root.join("dev/docker-compose.override.yml"), own).unwrap();
    let services = ["loki", "mailer", "--no-schema"];
    let warning = format!("warning: other machines can reach port {} of loki", checkout.port(4444));
    checkout.dev_up(&services).expect(0).says(&["dev/docker-compose.override.yml is taken along", &warning]);
    let containers = engine::containers(&checkout.project);
    assert_eq!(containers["loki"]["HostConfig"]["Memory"], 700 << 20);
    assert_eq!(containers["mailer"]["State"]["Status"], "running");
    let before = engine::lives(&checkout.project);
    checkout.dev_up(&services).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);
    checkout.xtask(&["dev-down"]).expect(0);
    assert!(engine::containers(&checkout.project).is_empty());
    assert_eq!(engine::networks(&checkout.project), [""; 0]);
}
