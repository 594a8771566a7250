use serde_json::Value;
use tests::{
    checkout::{Checkout, Outcome},
    engine,
};

const STORES: [&str; 3] = ["elasticsearch-setup", "dsql-monitored", "dsql-copilot"];
const STEPS: [&str; 5] = ["temporal-monitored", "temporal-copilot", "copilot-app", "es-monitored", "es-copilot"];

#[test]
#[ignore = "needs a Docker engine"]
fn schemas_are_applied_once_completed_repaired_and_reported_step_by_step() {
    let _turn = engine::alone();
    let checkout = Checkout::copy("schema");
    checkout.dev_up(&STORES).expect(0);
    log_ddl(&checkout);

    a_dry_run_sends_nothing(&checkout);
    let applied = outcomes(&checkout.xtask(&["schema", "--local", "--json"]).expect(0));
    assert_eq!(applied, ["applied", "applied", "applied", "already-there", "already-there"]);
    let whole = catalogue(&checkout, "dsql-monitored");
    assert!(whole.contains("schema_version|postgres|1.1"), "{whole}");
    for object in ["idx_namespaces_name", "cm_idx_last_heartbeat", "current_chasm_executions"] {
        assert!(whole.contains(object), "{object} is missing:\n{whole}");
    }

    a_second_run_sends_no_ddl(&checkout);
    an_interrupted_run_is_completed(&checkout, &whole);
    a_newer_schema_is_left_alone(&checkout);
    an_index_without_mappings_is_found_and_mended(&checkout);
    overwriting_asks(&checkout);
    the_other_steps_run_when_a_database_is_down(&checkout);
}

fn outcomes(printed: &Outcome) -> Vec<String> {
    let report: Value = serde_json::from_str(&printed.out).expect("schema --json prints JSON");
    let steps = report["steps"].as_array().expect("steps is a list").clone();
    assert_eq!(steps.iter().map(|it| it["step"].as_str().unwrap_or_default()).collect::<Vec<_>>(), STEPS);
    steps.iter().map(|it| it["outcome"].as_str().unwrap_or_default().to_owned()).collect()
}

fn sql(checkout: &Checkout, service: &str, query: &str) -> String {
    let id = container(checkout, service);
    engine::docker(&["exec", &id, "psql", "-U", "admin", "-d", "postgres", "-XAtc", query]).expect(0).out
}

fn container(checkout: &Checkout, service: &str) -> String {
    engine::containers(&checkout.project)[service]["Id"].as_str().unwrap_or_default().to_owned()
}

/// Every table, column and index, the seed rows and the recorded version.
fn catalogue(checkout: &Checkout, service: &str) -> String {
    let columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns \
                   WHERE table_schema = 'public' ORDER BY 1, 2";
    let indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
    let rows = "SELECT 'namespace_metadata', count(*) FROM namespace_metadata";
    let version = "SELECT 'schema_version', db_name, curr_version FROM schema_version";
    [columns, indexes, rows, version].map(|it| sql(checkout, service, it)).concat()
}

fn log_ddl(checkout: &Checkout) {
    for service in ["dsql-monitored", "dsql-copilot"] {
        sql(checkout, service, "ALTER SYSTEM SET log_statement = 'ddl'");
        sql(checkout, service, "SELECT pg_reload_conf()");
    }
}

fn ddl_lines(checkout: &Checkout) -> usize {
    let lines = |service| {
        let logs = engine::docker(&["logs", &container(checkout, service)]);
        let both = logs.out + &logs.err;
        both.lines().filter(|it| it.contains("statement: ") && it.contains("CREATE")).count()
    };
    lines("dsql-monitored") + lines("dsql-copilot")
}

fn a_dry_run_sends_nothing(checkout: &Checkout) {
    let before = ddl_lines(checkout);
    let printed = checkout.xtask(&["schema", "--only", "es-copilot", "--dry-run"]).expect(0).out;
    assert!(
        printed.contains("run --rm --no-deps --no-TTY elasticsearch-setup temporal_visibility_v1_copilot_dev"),
        "{printed}"
    );
    assert!(!printed.contains("psql"), "{printed}");
    let printed = checkout.xtask(&["schema", "--dry-run"]).expect(0).out;
    assert!(printed.contains("psql"), "{printed}");
    assert_eq!(ddl_lines(checkout), before);
}

fn a_second_run_sends_no_ddl(checkout: &Checkout) {
    let before = ddl_lines(checkout);
    assert!(before > 0, "the log would show no DDL");
    let again = checkout.xtask(&["schema", "--local"]).expect(0);
    assert_eq!((again.out + &again.err).matches("already there").count(), STEPS.len());
    assert_eq!(ddl_lines(checkout), before);
}

fn an_interrupted_run_is_completed(checkout: &Checkout, whole: &str) {
    let wreck = "DROP TABLE shards; DROP INDEX cm_idx_role_and_host; DELETE FROM namespace_metadata; \
                 DELETE FROM schema_version; DELETE FROM schema_update_history";
    sql(checkout, "dsql-monitored", wreck);
    let completed = checkout.xtask(&["schema", "--only", "temporal-monitored"]).expect(0);
    assert!((completed.out + &completed.err).contains("completed after an earlier interruption"));
    assert_eq!(catalogue(checkout, "dsql-monitored"), whole);
}

fn a_newer_schema_is_left_alone(checkout: &Checkout) {
    sql(checkout, "dsql-monitored", "UPDATE schema_version SET curr_version = '9.9'");
    let refused = checkout.xtask(&["schema", "--only", "temporal-monitored"]).expect(1);
    assert!(refused.out.contains("9.9"), "{refused:?}");
    assert_eq!(sql(checkout, "dsql-monitored", "SELECT curr_version FROM schema_version").trim(), "9.9");
    sql(checkout, "dsql-monitored", "UPDATE schema_version SET curr_version = '1.1'");
}

fn an_index_without_mappings_is_found_and_mended(checkout: &Checkout) {
    let id = container(checkout, "elasticsearch");
    let index = "http://localhost:9200/temporal_visibility_v1_dev";
    let template = "http://localhost:9200/_template/temporal_visibility_v1_template";
    for (method, url) in [("DELETE", index), ("DELETE", template), ("PUT", index)] {
        engine::docker(&["exec", &id, "curl", "-sf", "-X", method, url]).expect(0);
    }
    let found = checkout.xtask(&["schema", "--only", "es-monitored"]).expect(1);
    assert!(found.out.contains("--only es-monitored --overwrite"), "{found:?}");
    checkout.xtask(&["schema", "--only", "es-monitored", "--overwrite", "--yes"]).expect(0);
    checkout.xtask(&["schema", "--only", "es-monitored"]).expect(0);
}

fn overwriting_asks(checkout: &Checkout) {
    sql(checkout, "dsql-monitored", "INSERT INTO shards VALUES (1, 1, '', 'x')");
    let refused = checkout.xtask(&["schema", "--only", "temporal-monitored", "--overwrite"]).expect(5);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(sql(checkout, "dsql-monitored", "SELECT count(*) FROM shards").trim(), "1");
    checkout.xtask(&["schema", "--only", "temporal-monitored", "--overwrite", "--yes"]).expect(0);
    assert_eq!(sql(checkout, "dsql-monitored", "SELECT count(*) FROM shards").trim(), "0");
}

fn the_other_steps_run_when_a_database_is_down(checkout: &Checkout) {
    engine::docker(&["stop", &container(checkout, "dsql-copilot")]).expect(0);
    let reported = checkout.xtask(&["schema", "--local", "--json"]).expect(1);
    assert_eq!(outcomes(&reported), ["already-there", "failed", "failed", "already-there", "already-there"]);
    assert_eq!(reported.out.matches("dev-up --local dsql-copilot").count(), 2, "{}", reported.out);
}
