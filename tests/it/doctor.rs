//! What `doctor` says of a machine, by fakes of every program that it asks: one thing wrong at a time.

mod machine;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use tests::{
    checkout::{Outcome, run},
    fakes::{self, Fakes},
};

/// A machine on which all is well, for a stack on the checkout's own ports.
fn machine(local: bool) -> Fakes {
    let fakes = Fakes::with_checkouts();
    let root = &fakes.checkout.root;
    fs::create_dir_all(root.join("dev/.rendered")).unwrap();
    let mode = serde_json::json!({ "local": local, "portOffset": fakes.checkout.offset, "platform": null });
    fs::write(root.join("dev/.rendered/mode.json"), mode.to_string()).unwrap();
    if !local {
        fakes.add_to_env("TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n");
        fs::create_dir_all(fakes.checkout.home().join(".aws")).unwrap();
    }
    fakes
}

/// Runs `doctor`, which has to leave all as it was and to print no escape code.
#[track_caller]
fn doctor(fakes: &Fakes, arguments: &[&str]) -> Outcome {
    let folder = fakes.checkout.root.parent().unwrap();
    let before = tree(folder);
    let outcome = fakes.xtask(&[&["doctor"], arguments].concat());
    assert_eq!(tree(folder), before);
    assert_eq!(fakes.calls(), [""; 0]);
    assert!(!outcome.out.contains('\u{1b}') && !outcome.err.contains('\u{1b}'), "{}{}", outcome.out, outcome.err);
    outcome
}

/// Every file with its size and time, but for what the fakes write down.
fn tree(folder: &Path) -> BTreeMap<String, (u64, SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, it) = (entry.path(), entry.metadata().unwrap());
        if it.is_dir() && entry.file_name() != "fakes" {
            all.extend(tree(&path));
        }
        all.insert(path.display().to_string(), (it.len(), it.modified().unwrap()));
    }
    all.retain(|it, _| !it.ends_with("/fakes"));
    all
}

/// The checks of `doctor --json`, by name; those that are not ok have a fix, and only those.
#[track_caller]
fn checks(fakes: &Fakes, code: i32) -> BTreeMap<String, Value> {
    let document = doctor(fakes, &["--json"]).expect(code).json();
    assert_eq!(document["schemaVersion"], 1);
    let list = document["checks"].as_array().unwrap();
    let mut checks = BTreeMap::new();
    for it in list {
        let is_ok = it["status"] == "ok";
        assert_eq!(it["fix"].as_str().is_none_or(str::is_empty), is_ok, "{it}");
        assert!(it["detail"].as_str().is_some_and(|it| !it.is_empty()), "{it}");
        assert!(["ok", "warn", "fail"].iter().any(|status| it["status"] == *status), "{it}");
        checks.insert(it["name"].as_str().unwrap().to_owned(), it.clone());
    }
    assert_eq!(checks.len(), list.len(), "two checks have one name");
    assert_eq!(checks.values().any(|it| it["status"] == "fail"), code == 3, "{checks:#?}");
    checks
}

/// The names of the checks with this status.
fn with(checks: &BTreeMap<String, Value>, status: &str) -> Vec<String> {
    checks.iter().filter(|(_, it)| it["status"] == status).map(|(name, _)| name.clone()).collect()
}

/// Expects that one check alone is not ok, with these parts of its detail and of its fix.
#[track_caller]
fn expect(fakes: &Fakes, name: &str, status: &str, detail: &str, fix: &str) -> BTreeMap<String, Value> {
    let checks = checks(fakes, if status == "fail" { 3 } else { 0 });
    let unwell: Vec<&String> = checks.iter().filter(|(_, it)| it["status"] != "ok").map(|(name, _)| name).collect();
    assert_eq!(unwell, [name], "{checks:#?}");
    assert_eq!(checks[name]["status"], status);
    for (field, part) in [("detail", detail), ("fix", fix)] {
        assert!(checks[name][field].as_str().unwrap().contains(part), "`{part}` is not in {}", checks[name]);
    }
    checks
}

#[test]
fn nothing_is_wrong_where_all_is_well_and_the_next_command_is_named() {
    let local = machine(true);
    let all = checks(&local, 0);
    assert_eq!(with(&all, "warn"), [""; 0], "{all:#?}");
    for name in ["docker", "engine", "compose", "memory", "images", "ports", "env", "temporal-dsql"] {
        assert!(all.contains_key(name), "{name}");
    }
    let text = doctor(&local, &[]).expect(0).out;
    assert_eq!(text.lines().count(), all.len() + 3, "{text}");
    assert!(text.starts_with("for local PostgreSQL (as the last dev-up):\nok    docker  "), "{text}");
    assert!(text.ends_with("\nall is well; next: `cargo xtask dev-up --local`\n"), "{text}");

    let dsql = machine(false);
    let all = checks(&dsql, 0);
    assert_eq!(with(&all, "warn"), [""; 0], "{all:#?}");
    assert!(doctor(&dsql, &[]).expect(0).out.ends_with("next: `cargo xtask dev-up --dsql`\n"));
}

#[test]
fn it_is_quick_where_all_is_well() {
    let fakes = machine(true);
    doctor(&fakes, &[]).expect(0);
    let took = (0..3).map(|_| {
        let began = Instant::now();
        fakes.xtask(&["doctor"]).expect(0);
        began.elapsed()
    });
    let best = took.min().unwrap();
    assert!(best < Duration::from_secs(2), "{best:?}");
}

#[test]
fn images_are_judged_by_what_brings_them() {
    let fakes = machine(true);
    fakes.tell("missing-images", "temporal-dsql-runtime:test\n");
    expect(&fakes, "images", "fail", "temporal-dsql-runtime:test is not there", "cargo xtask dev-build temporal");
    fakes.tell("missing-images", "postgres:17.11\n");
    let all = checks(&fakes, 0);
    assert_eq!(with(&all, "warn"), [""; 0], "what is pulled unasked is no problem");
    assert!(all["images"]["detail"].as_str().unwrap().contains("pulls the others"), "{}", all["images"]);
    fakes.tell("foreign-images", "temporal-sre-copilot:dev\n");
    let fix = "cargo xtask dev-build copilot --arch arm64";
    expect(&fakes, "architecture", "fail", "temporal-sre-copilot:dev is for s390x", fix);
}

#[test]
fn an_image_that_is_older_than_its_sources_is_a_warning() {
    let fakes = machine(true);
    let git = fakes::find("git").expect("the checkout was copied with git");
    fakes.remove("git");
    symlink(git, fakes.checkout.home().with_file_name("fakes").join("bin/git")).unwrap();
    let script = "git init --quiet . && git add . && \
                  git -c user.name=me -c user.email=me@example.com commit --quiet --message x";
    let sources = fakes.checkout.root.join("tests/fixtures/temporal-dsql");
    let mut commit = Command::new("sh");
    assert_eq!(run(commit.args(["-c", script]).current_dir(&sources)).expect(0).out, "");
    // The checkout stands at a commit of its own now, which is a warning of its own.
    expect(&fakes, "temporal-dsql", "warn", "stands at ", "checkout --detach ");
    let mut head = Command::new("git");
    let head = run(head.args(["rev-parse", "HEAD"]).current_dir(&sources)).expect(0).out;
    let lock = fs::read_to_string(fakes.checkout.root.join("dev/sources.lock")).unwrap();
    let pinned = lock.lines().find_map(|it| it.strip_prefix("temporal-dsql ")).unwrap();
    fakes.checkout.edit("dev/sources.lock", pinned, head.trim());
    assert_eq!(with(&checks(&fakes, 0), "warn"), [""; 0]);
    fakes.tell("built", "2020-01-01T00:00:00Z\n");
    expect(&fakes, "image-age", "warn", "temporal-dsql-runtime:test was built ", "cargo xtask dev-build temporal");
}

#[test]
fn a_port_is_taken_by_others_and_never_by_the_stack_itself() {
    let fakes = machine(true);
    let port = fakes.checkout.port(9200);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    expect(&fakes, "ports", "fail", &format!("port {port}, which elasticsearch needs, is taken"), "--port-offset ");
    fakes.tell("running", "elasticsearch\n");
    checks(&fakes, 0);
    drop(listener);
}

#[test]
fn a_project_of_another_checkout_and_a_missing_file_are_found() {
    let fakes = machine(true);
    fakes.tell("running", "loki\n");
    let another = fakes.checkout.home().display().to_string();
    fakes.tell("working-dir", &format!("{another}\n"));
    let what = format!("that of another checkout, {another}");
    expect(&fakes, "project", "fail", &what, "COMPOSE_PROJECT_NAME=");
    fakes.tell("running", "");
    fs::remove_file(fakes.checkout.root.join("dev/config/loki.yaml")).unwrap();
    expect(&fakes, "files", "fail", "dev/config/loki.yaml, which loki mounts", "git checkout -- dev/config/loki.yaml");
}

#[test]
fn a_project_s_name_that_is_wrong_is_one_failure_and_no_reason_to_blame_ports() {
    let fakes = machine(true);
    fakes.add_to_env("COMPOSE_PROJECT_NAME=My Project\n");
    let _ours = TcpListener::bind((Ipv4Addr::LOCALHOST, fakes.checkout.port(9200))).unwrap();
    fakes.listens("docker-proxy");
    let checks = expect(&fakes, "env", "fail", "`COMPOSE_PROJECT_NAME` is `My Project`", "dev/.env");
    assert!(!checks.contains_key("project"));
}

#[test]
fn only_what_the_mode_needs_can_fail() {
    let fakes = machine(true);
    fakes.remove("aws");
    fakes.remove("terraform");
    let local = checks(&fakes, 0);
    assert!(!local.contains_key("aws") && !local.contains_key("credentials"), "{local:#?}");

    let fakes = machine(false);
    fakes.remove("terraform");
    expect(&fakes, "terraform", "warn", "neither `terraform` nor `tofu`", "install");
    fakes.remove("aws");
    let checks = checks(&fakes, 3);
    assert_eq!((with(&checks, "fail"), with(&checks, "warn")), (vec!["aws".to_owned()], vec!["terraform".to_owned()]));
    doctor(&fakes, &["--local"]).expect(0);
}

#[test]
fn credentials_are_judged_by_aws_and_never_shown() {
    let fakes = machine(false);
    let shown = doctor(&fakes, &[]).expect(0);
    assert!(shown.out.contains("arn:aws:iam::123456789012:user/me"), "{}", shown.out);
    assert!(!shown.out.contains("SECRET") && !shown.err.contains("SECRET"), "{}{}", shown.out, shown.err);
    fakes.tell("expiration", "2020-01-01T00:00:00+00:00\n");
    expect(&fakes, "credentials", "warn", "which have ended", "aws sso login");
    fakes.tell("no-credentials", "Error when retrieving token from sso: Token has expired and refresh failed");
    expect(&fakes, "credentials", "fail", "the SSO session of profile", "aws sso login --profile default");
}

#[test]
fn an_aws_cli_that_is_too_old_is_told_from_one_that_works() {
    let fakes = machine(false);
    fakes.tell("old-aws", "");
    let what = "this AWS CLI does not know `dsql list-clusters`";
    let all = expect(&fakes, "aws", "fail", what, "mktemp -d");
    assert!(!all["aws"]["detail"].as_str().unwrap().contains("valid choices"), "{}", all["aws"]);
}

#[test]
fn an_aws_that_hangs_is_given_up_and_its_credentials_are_not_called_wrong() {
    let fakes = machine(false);
    fakes.tell("hang", "aws sts*\n");
    let began = Instant::now();
    expect(&fakes, "credentials", "warn", "AWS has not answered within 5 s", "curl");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn without_a_flag_and_a_last_time_the_file_of_variables_chooses_the_mode() {
    let fakes = machine(true);
    fs::remove_file(fakes.checkout.root.join("dev/.rendered/mode.json")).unwrap();
    let mode = |arguments: &[&str]| doctor(&fakes, &[&["--json"], arguments].concat()).json()["mode"].clone();
    assert_eq!(mode(&[]), "local");
    assert!(doctor(&fakes, &[]).out.starts_with("for local PostgreSQL (there is no dev/.env; "));
    assert_eq!(mode(&["--dsql"]), "dsql");
    fakes.add_to_env("TEMPORAL_LOG_LEVEL=info\n");
    assert_eq!(mode(&[]), "dsql");
    assert_eq!(mode(&["--local"]), "local");
    doctor(&fakes, &["--local", "--dsql"]).expect(2);
}

#[test]
fn what_is_wrong_with_the_variables_is_told_apart_by_whether_dev_up_refuses_it() {
    let fakes = machine(false);
    fakes.add_to_env("TEMPORAL_SQL_PROT=1\n");
    expect(&fakes, "env", "warn", "did you mean `TEMPORAL_SQL_PORT`", "${EDITOR:-vi} dev/.env");
    fakes.add_to_env("TEMPORAL_SQL_PORT=none\n");
    expect(&fakes, "env", "fail", "`TEMPORAL_SQL_PORT` is `none` (dev/.env, line 4)", "${EDITOR:-vi} dev/.env");
    fs::remove_file(fakes.checkout.root.join("dev/.env")).unwrap();
    expect(&fakes, "env", "fail", "there is no dev/.env", "cargo xtask env-init");
}
