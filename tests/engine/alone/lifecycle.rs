use std::fs;

use serde_json::Value;
use tests::{checkout::Checkout, engine};

const SERVICES: usize = 15 + 3;

#[test]
#[ignore = "needs a Docker engine"]
fn a_checkout_comes_up_keeps_what_is_unchanged_heals_and_goes_down() {
    let _turn = engine::alone();
    let checkout = Checkout::copy("lifecycle");
    let bystander = Bystander::start();
    let nameless = nameless_volumes();

    let up = checkout.dev_up(&[]).expect(0);
    the_order_cannot_deadlock(&up.err);
    every_service_is_ready(&checkout);
    the_printed_addresses_answer(&checkout, &up.out);
    nothing_is_published_beyond_the_loopback(&checkout);
    databases_take_admin_with_tls_only(&checkout);
    both_clusters_have_the_namespace_that_the_copilot_needs(&checkout);
    assert!(!checkout.home().join(".aws").exists(), "`--local` made an AWS folder");

    a_second_run_changes_no_container(&checkout);
    an_edit_recreates_only_what_reads_it(&checkout);
    what_was_killed_or_removed_comes_back(&checkout);
    single_services_can_be_read_entered_and_restarted(&checkout);

    checkout.xtask(&["dev-down"]).expect(0);
    assert!(engine::containers(&checkout.project).is_empty());
    let kept = engine::volumes(&checkout.project);
    assert!(kept.iter().any(|it| it.ends_with("dsql-monitored-data")), "{kept:?}");

    let refused = checkout.xtask(&["dev-down", "--volumes"]).expect(5);
    for volume in &kept {
        assert!((refused.out.clone() + &refused.err).contains(volume.as_str()), "{volume} is not named: {refused:?}");
    }
    assert_eq!(engine::volumes(&checkout.project), kept);

    checkout.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
    assert_eq!(engine::volumes(&checkout.project), [""; 0]);
    assert_eq!(engine::networks(&checkout.project), [""; 0]);
    assert_eq!(nameless_volumes(), nameless);
    bystander.is_untouched();
}

/// What an image declares as a volume gets one of these, where nothing else is mounted there.
fn nameless_volumes() -> String {
    engine::docker(&["volume", "ls", "--quiet", "--filter", "label=com.docker.volume.anonymous"]).expect(0).out
}

fn the_order_cannot_deadlock(narration: &str) {
    let at = |words: &str| narration.find(words).unwrap_or_else(|| panic!("`{words}` is not in\n{narration}"));
    let order =
        ["dsql-monitored", "schema:", "temporal-history", "temporal-matching", "temporal-frontend", "copilot-api"];
    let order = order.map(|it| if it.ends_with(':') { format!("\n{it}") } else { format!("\n  {it} ") });
    assert!(order.each_ref().map(|it| at(it)).is_sorted(), "{narration}");
}

fn every_service_is_ready(checkout: &Checkout) {
    let status = checkout.xtask(&["dev-status", "--json"]).expect(0).out;
    let status: Value = serde_json::from_str(&status).expect("dev-status --json prints JSON");
    assert_eq!(status["schemaVersion"], 1);
    let services = status["services"].as_array().expect("services is a list");
    assert_eq!(services.len(), SERVICES, "{status:#}");
    let unready: Vec<&Value> = services.iter().filter(|it| it["ready"] != true || !it["drift"].is_null()).collect();
    assert!(unready.is_empty(), "{unready:#?}");
}

fn the_printed_addresses_answer(checkout: &Checkout, table: &str) {
    for (base, path) in [(3000, "/api/health"), (3100, "/ready"), (9009, "/ready"), (8081, "/status"), (8080, "/")] {
        let (status, body) = engine::get(checkout.port(base), path).unwrap();
        assert_eq!(status, 200, "{base}{path}: {body}");
    }
    for base in [3000, 8080, 8081, 8082, 9200, 7233, 7243] {
        let address = format!("127.0.0.1:{}", checkout.port(base));
        assert!(table.contains(&address), "{address} is not in\n{table}");
    }
}

fn nothing_is_published_beyond_the_loopback(checkout: &Checkout) {
    let mut published = 0;
    for (service, container) in engine::containers(&checkout.project) {
        assert!(container["Name"].as_str().unwrap_or_default().starts_with(&format!("/{}-", checkout.project)));
        for bindings in container["NetworkSettings"]["Ports"].as_object().into_iter().flat_map(|it| it.values()) {
            for binding in bindings.as_array().into_iter().flatten() {
                assert_eq!(binding["HostIp"], "127.0.0.1", "{service}: {binding}");
                published += 1;
            }
        }
    }
    assert_eq!(published, engine::PORTS.len());
}

fn databases_take_admin_with_tls_only(checkout: &Checkout) {
    let network = format!("{}_temporal-network", checkout.project);
    for cluster in ["monitored", "copilot"] {
        let psql = |sslmode: &str| {
            let target =
                format!("host={cluster}-local.dsql.eu-west-1.on.aws user=admin dbname=postgres sslmode={sslmode}");
            let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            engine::docker(&["run", "--rm", "--network", &network, engine::POSTGRES, "psql", &target, "-Atc", query])
        };
        assert_eq!(psql("require").expect(0).out.trim(), "t");
        assert_ne!(psql("disable").code, 0, "{cluster} is reached without TLS");
    }
}

fn both_clusters_have_the_namespace_that_the_copilot_needs(checkout: &Checkout) {
    assert_eq!(engine::get(checkout.port(8233), "/api/v1/namespaces/default").unwrap().0, 200);
    // The worker stores something only once it polls, and it polls only a namespace that is there.
    let query = ["psql", "-U", "admin", "-d", "postgres", "-XAtc", "SELECT count(*) > 0 FROM metrics_snapshots"];
    let stored = checkout.xtask(&[&["dev-exec", "dsql-copilot", "--"][..], &query].concat()).expect(0);
    assert_eq!(stored.out.trim(), "t");
}

fn a_second_run_changes_no_container(checkout: &Checkout) {
    let before = engine::lives(&checkout.project);
    checkout.dev_up(&[]).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);
}

fn an_edit_recreates_only_what_reads_it(checkout: &Checkout) {
    // The one-shot may run again at any `dev-up` that has something to do.
    let lives = || {
        let mut all = engine::lives(&checkout.project);
        all.remove("elasticsearch-setup");
        all
    };
    let before = lives();
    let loki = checkout.root.join("dev/config/loki.yaml");
    fs::write(&loki, fs::read_to_string(&loki).unwrap() + "\n# edited\n").unwrap();
    checkout.dev_up(&[]).expect(0);
    let between = lives();
    assert_eq!(engine::changed(&before, &between), ["loki"]);

    fs::write(checkout.root.join("dev/.env"), "TEMPORAL_LOG_LEVEL=debug\n").unwrap();
    checkout.dev_up(&[]).expect(0);
    let rendered =
        ["copilot-temporal", "temporal-frontend", "temporal-history", "temporal-matching", "temporal-worker"];
    assert_eq!(engine::changed(&between, &lives()), rendered);
}

fn what_was_killed_or_removed_comes_back(checkout: &Checkout) {
    let containers = engine::containers(&checkout.project);
    let id = |service: &str| containers[service]["Id"].as_str().unwrap_or_default().to_owned();
    engine::docker(&["kill", &id("mimir")]).expect(0);
    engine::docker(&["rm", "--force", &id("temporal-worker")]).expect(0);
    checkout.xtask(&["dev-status"]).expect(4);
    // Mode and ports are remembered.
    checkout.xtask(&["dev-up"]).expect(0);
    every_service_is_ready(checkout);
}

fn single_services_can_be_read_entered_and_restarted(checkout: &Checkout) {
    let last = checkout.xtask(&["dev-logs", "temporal-history", "--no-follow", "--tail", "1"]).expect(0).out;
    assert_eq!(last.trim().lines().count(), 1, "{last}");
    let missing = checkout.xtask(&["dev-exec", "loki", "--", "/no/such/program"]);
    assert!([126, 127].contains(&missing.code), "engines disagree, and it is theirs: {missing:?}");
    checkout.xtask(&["dev-exec", "temporal-history", "--", "sh", "-c", "exit 7"]).expect(7);
    let before = engine::lives(&checkout.project);
    checkout.xtask(&["dev-restart", "loki"]).expect(0);
    // It depends on others, which Compose counts as a part of what it is.
    checkout.xtask(&["dev-restart", "--build", "temporal-ui"]).expect(0);
    every_service_is_ready(checkout);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), ["loki", "temporal-ui"]);
}

/// A container of somebody else's project.
struct Bystander {
    project: String,
}

impl Bystander {
    fn start() -> Bystander {
        let project = format!("test-bystander-{}", std::process::id());
        let label = format!("com.docker.compose.project={project}");
        let arguments = ["run", "--detach", "--label", &label, "standin/base:bookworm", "sleep", "3600"];
        engine::docker(&arguments).expect(0);
        Bystander { project }
    }

    fn is_untouched(&self) {
        let all = engine::containers(&self.project);
        assert_eq!(all.values().map(|it| &it["State"]["Status"]).collect::<Vec<_>>(), ["running"]);
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        engine::remove_project(&self.project);
    }
}
