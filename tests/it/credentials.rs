//! What containers get of AWS: by fakes of the AWS CLI, and by the real one.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use tests::{
    checkout::{Outcome, run},
    fakes::Fakes,
};

const HOSTS: &str = "TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n";

fn machine() -> Fakes {
    let fakes = Fakes::with_checkouts();
    fakes.add_to_env(HOSTS);
    fakes
}

fn up(fakes: &Fakes) -> Outcome {
    fakes.xtask(&["dev-up", "--dsql", "--no-schema"])
}

fn folder(fakes: &Fakes) -> PathBuf {
    fakes.checkout.root.join("dev/.rendered/aws")
}

fn keys(fakes: &Fakes) -> Value {
    serde_json::from_str(&fs::read_to_string(folder(fakes).join("credentials.json")).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// A time in seconds from now, as the AWS CLI prints it.
fn at(seconds: u64) -> String {
    let at = SystemTime::now() + Duration::from_secs(seconds);
    let output = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S+00:00", "-d"])
        .arg(format!("@{}", at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()))
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// Makes the keys look as if they had been handed on this long ago.
fn age(fakes: &Fakes, seconds: u64) {
    let file = fs::File::open(folder(fakes).join("credentials.json")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

fn exports(fakes: &Fakes) -> usize {
    fakes.log().iter().filter(|it| it.contains("aws configure export-credentials")).count()
}

#[test]
fn containers_get_the_keys_of_one_profile_in_two_files_that_only_their_owner_can_read() {
    let fakes = machine();
    // Of an earlier version, or of somebody's hand: SDKs would take its keys first.
    fs::create_dir_all(folder(&fakes)).unwrap();
    fs::write(folder(&fakes).join("credentials"), "[default]\n").unwrap();
    fakes.tell("expiration", &at(3630));
    let first = up(&fakes).expect(0).says(&["keys of arn:aws:iam::123456789012:user/me, for another 1 hour"]);
    assert!(!first.out.contains("SECRET") && !first.err.contains("SECRET"), "{first:?}");
    let names: Vec<_> = fs::read_dir(folder(&fakes)).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(mode(&folder(&fakes)), 0o700);
    assert!(names.iter().all(|it| mode(it) == 0o600), "{names:?}");
    let config = fs::read_to_string(folder(&fakes).join("config")).unwrap();
    assert_eq!(config, "[default]\nregion = eu-west-1\ncredential_process = cat /aws/credentials.json\n");
    assert_eq!((&keys(&fakes)["Version"], &keys(&fakes)["AccessKeyId"]), (&json!(1), &json!("AKIDSECRET")));

    let local = Fakes::with_checkouts();
    local.xtask(&["dev-up", "--local", "--no-schema"]).expect(0);
    assert_eq!(keys(&local), json!({"Version": 1, "AccessKeyId": "local", "SecretAccessKey": "local"}));
    assert_eq!(fs::read_to_string(folder(&local).join("config")).unwrap(), config);
    assert!(local.log().iter().all(|it| !it.starts_with("aws ")), "{:#?}", local.log());
}

#[test]
fn a_stop_does_not_wait_for_aws() {
    let fakes = machine();
    fakes.tell("expiration", &at(3600));
    up(&fakes).expect(0);
    age(&fakes, 3700);
    fakes.forget();
    fakes.xtask(&["dev-down"]).expect(0);
    assert!(fakes.log().iter().all(|it| !it.starts_with("aws ")), "{:#?}", fakes.log());
}

#[test]
fn a_command_on_a_running_stack_renews_keys_past_their_half_life_and_none_before() {
    let fakes = machine();
    fakes.tell("expiration", &at(3600));
    up(&fakes).expect(0);
    fakes.forget();
    fakes.xtask(&["dev-ps"]).expect(0);
    assert_eq!(exports(&fakes), 0);
    age(&fakes, 3700);
    let later = at(7200);
    fakes.tell("expiration", &later);
    fakes.xtask(&["dev-ps"]).expect(0);
    assert_eq!((exports(&fakes), keys(&fakes)["Expiration"].as_str()), (1, Some(later.trim())));
    fakes.xtask(&["dev-ps"]).expect(0);
    assert_eq!(exports(&fakes), 1, "what was renewed is new");
    // A second `dev-up` renews in any case, and starts nothing.
    fakes.forget();
    up(&fakes).expect(0);
    assert_eq!((exports(&fakes), fakes.calls().len()), (1, 0), "{:#?}", fakes.calls());

    age(&fakes, 8000);
    fakes.tell("no-credentials", "Error when retrieving token from sso: Token has expired and refresh failed");
    let kept = keys(&fakes);
    fakes.xtask(&["dev-ps"]).expect(0).says(&["could not be renewed", "aws sso login --profile default"]);
    assert_eq!(keys(&fakes), kept);
    // What was started with `--local` has invented keys, whatever it says in `dev/.env`.
    fakes.tell("running", "");
    fakes.forget();
    fakes.xtask(&["dev-up", "--local", "--no-schema"]).expect(0);
    fakes.xtask(&["dev-ps"]).expect(0);
    assert_eq!((exports(&fakes), &keys(&fakes)["AccessKeyId"]), (0, &json!("local")));
}

#[test]
fn keys_that_end_soon_are_a_warning_and_keys_without_an_end_want_a_restart() {
    let fakes = machine();
    fakes.tell("expiration", &at(600));
    let renewal = "aws sso login --profile default";
    up(&fakes).expect(0).says(&["for another 9 minutes", renewal]);
    fakes.xtask(&["dev-status"]).says(&["user/me, for another 9 minutes", renewal]);
    let report = fakes.xtask(&["dev-status", "--json"]).json();
    assert!(report["awsKeys"].as_str().unwrap().contains("user/me, for another 9 minutes"), "{report}");
    let script = fs::read_to_string(tests::repo_root().join("tests/fixtures/fakes/program")).unwrap();
    let script = script.trim_start_matches("#!/bin/sh\n").replace(",\"Expiration\":\"%s\"", "");
    fakes.add("aws", &script);
    up(&fakes).expect(0).says(&["until nobody knows when", "`cargo xtask dev-restart`"]);
    fakes.add("aws", &script.replace("\"SessionToken\":\"TOKENSECRET\"", "\"X\":1"));
    up(&fakes).expect(0).says(&["without an end", "`cargo xtask dev-restart`"]);
    fakes.add(
        "aws",
        &script.replace("AKIDSECRET", "AKIDANOTHER").replace("\"SessionToken\":\"TOKENSECRET\"", "\"X\":1"),
    );
    fakes.xtask(&["dev-ps"]).expect(0);
    assert_eq!(keys(&fakes)["AccessKeyId"], "AKIDSECRET");
    fakes.xtask(&["dev-restart"]).expect(0);
    assert_eq!(keys(&fakes)["AccessKeyId"], "AKIDANOTHER");
}

#[test]
fn nothing_starts_without_keys_and_the_reason_is_named_with_its_fix() {
    let fakes = machine();
    for (said, fix) in [
        ("Error loading SSO Token: Token for s does not exist", "aws sso login --profile default"),
        ("Error when retrieving credentials from custom-process: x", "aws configure get credential_process"),
        ("Enter MFA code for arn:aws:iam::1:mfa/me: EOF when reading a line", "aws configure export-credentials"),
        ("The source_profile \"x\" referenced in the profile \"y\" does not exist.", "list-profiles"),
    ] {
        fakes.tell("no-credentials", said);
        up(&fakes).expect(3).says(&["cannot start", fix]);
    }
    assert_eq!(fakes.calls(), [""; 0]);
    assert!(!folder(&fakes).exists());

    let fakes = machine();
    let script = "case \"$*\" in sts*) echo '{\"Arn\":\"me\"}';; \
                  *) echo 'usage: aws [options]' 'aws: error: argument subcommand: Invalid choice, valid choices are:' >&2; exit 252;; esac";
    fakes.add("aws", script);
    up(&fakes).expect(3).says(&["this AWS CLI does not know `configure export-credentials`", "awscli.amazonaws.com"]);
    fakes.remove("aws");
    up(&fakes).expect(3).says(&["`aws` is not on PATH"]);
}

/// Marked keys in the shell, the AWS folder and `dev/.env`: none is in what a whole `dev-up` prints, hands to a program
/// as an argument, or writes, but for the one file that is made for it. What leaks on purpose is found.
#[test]
fn no_key_is_printed_passed_as_an_argument_or_written_anywhere_but_to_its_file() {
    let fakes = machine();
    let home = fakes.checkout.home();
    fs::create_dir_all(home.join(".aws")).unwrap();
    let marked = "aws_secret_access_key = MARKFOLDERSECRET\n";
    fs::write(home.join(".aws/credentials"), format!("[default]\naws_access_key_id = AKIAMARKFOLDER\n{marked}"))
        .unwrap();
    fakes.add_to_env("GRAFANA_ADMIN_PASSWORD=MARKGRAFANA\nAWS_SECRET_ACCESS_KEY=MARKENVSECRET\n");
    let mut all = String::new();
    let runs: [&[&str]; 6] = [
        &["dev-up", "--dsql", "--dry-run"],
        &["dev-up", "--dsql"],
        &["dev-status"],
        &["doctor", "--dsql"],
        &["env-check"],
        &["dev-restart", "--timeout", "2"],
    ];
    for arguments in runs {
        let mut command = fakes.command();
        command.env("AWS_ACCESS_KEY_ID", "AKIAMARKSHELL").env("AWS_SECRET_ACCESS_KEY", "MARKSHELLSECRET");
        let outcome = run(command.env("AWS_SESSION_TOKEN", "MARKSHELLTOKEN").args(arguments));
        all += &format!("{}{}", outcome.out, outcome.err);
    }
    all += &fakes.log().join("\n");
    for entry in fs::read_dir(fakes.checkout.root.join("dev/.rendered")).unwrap().map(|it| it.unwrap().path()) {
        // The one file that its container reads, and nobody else.
        if entry.ends_with("grafana-admin.password") {
            assert_eq!((fs::read_to_string(&entry).unwrap().as_str(), mode(&entry)), ("MARKGRAFANA", 0o600));
        } else if entry.is_file() {
            all += &fs::read_to_string(entry).unwrap();
        }
    }
    let found = |text: &str| {
        ["MARK", "AKIDSECRET", "KEYSECRET", "TOKENSECRET"].into_iter().filter(|it| text.contains(it)).count()
    };
    assert_eq!(found(&all), 0, "{all}");
    assert!(all.len() > 2000, "{all}");
    assert_eq!(found(&format!("{all} --env AWS_SECRET_ACCESS_KEY=MARKSHELLSECRET")), 1);
}

#[test]
fn the_aws_cli_asks_nothing_whatever_the_shell_or_its_own_file_says() {
    let fakes = machine();
    fakes.add("aws", "echo \"$AWS_CLI_AUTO_PROMPT-$AWS_PAGER\" >>\"$FAKES/prompt\"; echo '{}'");
    run(fakes.command().args(["dev-up", "--dsql"]).env("AWS_CLI_AUTO_PROMPT", "on").env("AWS_PAGER", "less"));
    run(fakes.command().args(["kb-jobs", "--kb-id", "K", "--ds-id", "D"]).env("AWS_CLI_AUTO_PROMPT", "on")).expect(0);
    assert_eq!(fakes.told("prompt"), "off-\n".repeat(3));
}
