use std::{fs, os::unix::fs::MetadataExt};

use super::{BARE, LOCAL, PSQL, dev_up, expect_calls, expect_shown, xtask};
use tests::fakes::Fakes;

/// What `es-monitored` asks and runs.
fn index(compose: &str, name: &str) -> [String; 2] {
    [
        format!(
            "{compose} exec --no-TTY elasticsearch curl --silent --show-error --max-time 20 \
             http://localhost:9200/{name}/_mapping"
        ),
        format!("{compose} run --rm --no-deps --no-TTY elasticsearch-setup {name}"),
    ]
}

fn psql(service: &str) -> String {
    format!("{LOCAL} exec --no-TTY {service} psql --single-transaction {PSQL}")
}

/// A mapping as an index made with Temporal's template has it.
fn mapping(index: &str) -> String {
    let fields: Vec<String> = (0..49).map(|it| format!("\"f{it}\":{{\"type\":\"keyword\"}}")).collect();
    format!("{{\"{index}\":{{\"mappings\":{{\"properties\":{{{}}}}}}}}}\n", fields.join(","))
}

/// A checkout whose last mode was `--local`.
fn local() -> Fakes {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "--local loki").expect(0);
    fakes.forget();
    fakes
}

#[test]
fn every_step_is_attempted_in_order_though_others_fail() {
    let fakes = local();
    fakes.tell("fail", "*exec --no-TTY dsql-copilot *\n");
    let done = xtask(&fakes, "schema").expect(1);
    let expected = [
        psql("dsql-monitored"),
        psql("dsql-monitored"),
        psql("dsql-copilot"),
        psql("dsql-copilot"),
        index(LOCAL, "temporal_visibility_v1_dev")[1].clone(),
        index(LOCAL, "temporal_visibility_v1_copilot_dev")[1].clone(),
    ];
    expect_calls(&fakes, &expected);
    let steps = ["temporal-monitored", "temporal-copilot", "copilot-app", "es-monitored", "es-copilot"];
    let shown: Vec<&str> = done
        .out
        .lines()
        .filter_map(|it| steps.into_iter().find(|step| it.starts_with(&format!("  {step} "))))
        .collect();
    assert_eq!(shown, steps, "{}", done.out);
    assert!(done.out.contains("the fake fails as it was told to"), "{}", done.out);
    assert!(done.err.ends_with("4 of 5 schema steps failed; `cargo xtask schema` tries them again\n"), "{}", done.err);
}

#[test]
fn every_script_says_where_it_ends() {
    let fakes = local();
    xtask(&fakes, "schema --only temporal-copilot --overwrite --yes").expect(0);
    let scripts = fakes.calls().len();
    assert_eq!(scripts, 3, "drops, looks and creates");
    let sql = fakes.told("sql");
    assert_eq!(sql.lines().filter(|it| *it == "\\q").count(), scripts, "{sql}");
    assert!(sql.ends_with("\\q\n"), "{sql}");
}

#[test]
fn a_step_that_finds_everything_there_sends_nothing() {
    let fakes = local();
    fakes.tell("mapping", &mapping("temporal_visibility_v1_copilot_dev"));
    let done = xtask(&fakes, "schema --only es-copilot").expect(0);
    assert!(done.out.contains("  es-copilot           already there"), "{}", done.out);
    expect_calls(&fakes, &[]);
    xtask(&fakes, "schema --only copilot-app").expect(0);
    fakes.forget();
    let objects = fakes.told("sql").lines().filter_map(created).map(|it| format!("object|{it}\n")).collect::<String>();
    fakes.tell("catalogue", &objects);
    fakes.tell("sql", "");
    let done = xtask(&fakes, "schema --only=copilot-app").expect(0);
    assert!(done.out.contains("  copilot-app          already there"), "{}", done.out);
    expect_calls(&fakes, &[psql("dsql-copilot")]);
    assert!(!fakes.told("sql").contains("CREATE"), "{}", fakes.told("sql"));
}

/// The name behind `IF NOT EXISTS`.
fn created(line: &str) -> Option<&str> {
    line.split_once("IF NOT EXISTS ")?.1.split([' ', '(']).next()
}

#[test]
fn only_the_steps_that_are_named_run_whatever_order_they_are_named_in() {
    let fakes = local();
    xtask(&fakes, "schema --only copilot-app --only=temporal-monitored").expect(0);
    expect_calls(&fakes, &[psql("dsql-monitored"), psql("dsql-monitored"), psql("dsql-copilot"), psql("dsql-copilot")]);
}

#[test]
fn a_dry_run_of_a_step_prints_exactly_its_commands_and_runs_nothing() {
    let fakes = Fakes::with_checkouts();
    let printed = xtask(&fakes, "schema --only es-copilot --dry-run").expect(0).out;
    expect_shown(&fakes, &printed, &index(BARE, "temporal_visibility_v1_copilot_dev"));
    let printed = xtask(&fakes, "schema --only es-monitored --overwrite --dry-run").expect(0).out;
    let delete = format!(
        "{BARE} exec --no-TTY elasticsearch curl --silent --show-error --max-time 20 --request DELETE \
         http://localhost:9200/temporal_visibility_v1_dev"
    );
    let [mapping, setup] = index(BARE, "temporal_visibility_v1_dev");
    expect_shown(&fakes, &printed, &[delete, mapping, setup]);
    expect_calls(&fakes, &[]);
    assert!(!fakes.checkout.root.join("dev/.rendered").exists());
}

#[test]
fn overwriting_is_refused_without_a_terminal_and_done_with_yes() {
    let fakes = local();
    let refused = xtask(&fakes, "schema --overwrite --only es-monitored --only copilot-app").expect(5);
    assert!(
        refused.err.contains(
            "this drops what copilot-app, es-monitored made, with all data, and makes it anew; without a terminal"
        ),
        "{}",
        refused.err
    );
    expect_calls(&fakes, &[]);
    xtask(&fakes, "schema --overwrite --yes --only copilot-app").expect(0);
    expect_calls(&fakes, &[psql("dsql-copilot"), psql("dsql-copilot"), psql("dsql-copilot")]);
    assert!(fakes.told("sql").starts_with("DROP TABLE IF EXISTS "), "{}", fakes.told("sql"));
}

#[test]
fn on_aurora_dsql_a_token_goes_by_a_file_that_does_not_stay_and_the_certificate_is_verified() {
    let fakes = Fakes::with_checkouts();
    fakes.add_to_env("TEMPORAL_SQL_HOST=one.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=two.dsql.eu-west-1.on.aws\n");
    fakes.add_to_env("AWS_PROFILE=work\n");
    let fixture =
        fakes.checkout.root.join("tests/fixtures/temporal-sre-copilot/packages/copilot/src/copilot/db/schema.sql");
    let names = fs::read_to_string(fixture).unwrap();
    let names = names.replace("INDEX ASYNC ", "INDEX ASYNC IF NOT EXISTS ");
    let objects = names.lines().filter_map(created).map(|it| format!("object|{it}\n")).collect::<String>();
    fakes.tell("catalogue-after", &objects);
    xtask(&fakes, "schema --only copilot-app").expect(0);
    let token = "AWS_PROFILE=work aws dsql generate-db-connect-admin-auth-token --hostname two.dsql.eu-west-1.on.aws \
                 --region eu-west-1 --output text";
    let owner = fakes.checkout.root.metadata().unwrap();
    let psql = format!(
        "docker run --rm --interactive --user {}:{} --read-only --cap-drop ALL --security-opt no-new-privileges \
         --pids-limit 64 --env PGPASSFILE=/pgpass --env PGSSLMODE=verify-full --env PGSSLROOTCERT=/ca.crt \
         --env PGCONNECT_TIMEOUT=15 --volume ROOT/dev/.rendered/ca-certificates.crt:/ca.crt:ro \
         --volume ROOT/dev/.rendered/pgpass:/pgpass:ro postgres:17.11 psql --host two.dsql.eu-west-1.on.aws \
         --port 5432 {PSQL}",
        owner.uid(),
        owner.gid()
    );
    let certificates = "docker run --rm temporal-dsql-runtime:test cat /etc/ssl/certs/ca-certificates.crt".to_owned();
    // The catalogue, the statements, the index jobs, the catalogue once more; each with a fresh token.
    let sent = std::iter::repeat_n([token.to_owned(), psql], 4).flatten();
    expect_calls(&fakes, &std::iter::once(certificates).chain(sent).collect::<Vec<_>>());
    assert_eq!(fakes.told("pgpass"), "600 *:*:*:*:token\n".repeat(4));
    assert!(!fakes.checkout.root.join("dev/.rendered/pgpass").exists());
}

#[test]
fn without_its_variables_the_schema_is_not_begun() {
    let fakes = Fakes::with_checkouts();
    let refused = xtask(&fakes, "schema").expect(3);
    assert!(refused.err.contains("cargo xtask schema --local  # needs no AWS"), "{}", refused.err);
    fakes.add_to_env("TEMPORAL_SQL_HOST=one.example\nTEMPORAL_ELASTICSEARCH_INDEX=mine\n");
    let refused = xtask(&fakes, "schema --only temporal-monitored").expect(3);
    assert!(refused.err.contains("`COPILOT_DSQL_HOST` is not set"), "{}", refused.err);
    let refused = xtask(&fakes, "schema --only es-monitored --dry-run").expect(3);
    assert!(refused.err.contains("`TEMPORAL_ELASTICSEARCH_INDEX` is `mine`"), "{}", refused.err);
    assert!(!refused.err.contains("COPILOT_DSQL_HOST"), "an index needs no database: {}", refused.err);
    expect_calls(&fakes, &[]);
}
