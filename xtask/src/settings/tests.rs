use super::*;

fn resolve(local: bool, file: &str, environment: &[(&str, &str)]) -> Settings {
    let lookup = |name: &str| environment.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
    Settings::resolve(local, &dotenv::parse(ENV_FILE, file, &lookup).unwrap(), &lookup)
}

const HOSTS: &str = "TEMPORAL_SQL_HOST=a.example\nCOPILOT_DSQL_HOST=b.example\n";

#[test]
fn the_process_environment_wins_over_the_file_and_the_file_over_the_default() {
    let settings = resolve(
        false,
        &format!("{HOSTS}TEMPORAL_LOG_LEVEL=warn\nAWS_REGION=us-east-1"),
        &[("AWS_REGION", "eu-west-2")],
    );
    assert_eq!(settings.get("AWS_REGION"), "eu-west-2");
    assert_eq!(settings.origin("TEMPORAL_LOG_LEVEL"), Some(Origin::File(3)));
    assert_eq!(settings.get("TEMPORAL_SQL_PORT"), "5432");
    assert!(settings.problems.is_empty(), "{:?}", settings.problems);
}

#[test]
fn local_needs_no_file_and_overrides_what_would_point_elsewhere() {
    let settings = resolve(true, HOSTS, &[("TEMPORAL_SQL_MAX_CONNS", "50"), ("AWS_REGION", "us-east-1")]);
    assert_eq!(settings.get("TEMPORAL_SQL_HOST"), variables::LOCAL_MONITORED_HOST);
    assert_eq!(settings.get("AWS_REGION"), "eu-west-1");
    assert_eq!(settings.get("TEMPORAL_SQL_MAX_CONNS"), "10");
    assert!(resolve(true, "", &[]).problems.is_empty());
}

#[test]
fn everything_wrong_is_reported_at_once_with_its_place() {
    let file = "COPILOT_DSQL_HOST=\nTEMPORAL_SQL_PORT=abc\nTEMPORAL_SQL_DATABASE=mine\n";
    let problems: Vec<String> = resolve(false, file, &[]).problems.into_iter().map(|it| it.what).collect();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[0].starts_with("`TEMPORAL_SQL_HOST` is not set"), "{}", problems[0]);
    assert!(
        problems[1].starts_with("`TEMPORAL_SQL_PORT` is `abc` (dev/.env, line 2): expected a port"),
        "{}",
        problems[1]
    );
    assert!(problems[2].contains("`mine` (dev/.env, line 3): expected `postgres`"), "{}", problems[2]);
    assert!(problems[3].starts_with("`COPILOT_DSQL_HOST` is empty (dev/.env, line 1)"), "{}", problems[3]);
}

#[test]
fn values_that_contradict_each_other_are_found() {
    let file = format!("{HOSTS}TEMPORAL_SQL_MAX_CONNS=20\nCOPILOT_ELASTICSEARCH_INDEX=temporal_visibility_v1_dev\n");
    let settings = resolve(false, &file, &[("COPILOT_DSQL_HOST", "a.example")]);
    let names = ["TEMPORAL_SQL_MAX_IDLE_CONNS", "COPILOT_ELASTICSEARCH_INDEX", "COPILOT_DSQL_HOST"];
    assert!(settings.problems.iter().zip(names).all(|(it, name)| it.concerns(name)), "{:?}", settings.problems);
    assert_eq!(settings.problems.len(), 3);
}

#[test]
fn a_secret_that_is_wrong_is_not_shown() {
    let settings = resolve(true, "COPILOT_MODEL_KEY=\"sk-one\nsk-two\"\n", &[]);
    let text = &settings.problems[0].what;
    assert!(text.starts_with("`COPILOT_MODEL_KEY` is `…` (dev/.env, line 1): expected text"), "{text}");
}

#[test]
fn a_hostile_value_is_shown_short_and_escaped() {
    let settings = resolve(true, &format!("TEMPORAL_LOG_LEVEL=\"\u{1b}[31m{}\"", "x".repeat(100_000)), &[]);
    let text = &settings.problems[0].what;
    assert!(text.len() < 300 && !text.contains('\u{1b}'), "{text}");
}
