//! `kb-*`: the real AWS CLI against moto's S3 and a stand-in for Bedrock.

use std::{
    fs,
    os::unix::fs::symlink,
    process::Command,
    time::{Duration, SystemTime},
};

use tests::checkout::{Outcome, run};

use crate::support::{
    AWS, MOTO, TERRAFORM, are_there,
    bedrock::{Bedrock, DS, Job, KB},
    moto::Moto,
    workspace::Workspace,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const IDS: &[&str] = &["--kb-id", KB, "--ds-id", DS];

/// A workspace, Bedrock and perhaps S3, as the CLI is told of them.
struct Account {
    workspace: Workspace,
    bedrock: Bedrock,
    moto: Option<Moto>,
}

impl Account {
    fn without_s3(bedrock: Bedrock) -> Account {
        Account { workspace: Workspace::new(), bedrock, moto: None }
    }

    /// With an empty bucket `documents`.
    fn with_s3(bedrock: Bedrock) -> Account {
        let account = Account { moto: Some(Moto::start()), ..Account::without_s3(bedrock) };
        account.aws(&["s3", "mb", "s3://documents"]);
        account
    }

    fn configure(&self, command: &mut Command) {
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_ENDPOINT_URL_BEDROCK_AGENT", &self.bedrock.url)
            .env("AWS_MAX_ATTEMPTS", "1");
        if let Some(moto) = &self.moto {
            command.env("AWS_ENDPOINT_URL_S3", &moto.url);
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.command();
        self.configure(command.args(arguments));
        command
    }

    fn xtask(&self, arguments: &[&str]) -> Outcome {
        let outcome = run(&mut self.command(arguments));
        assert!(!outcome.out.contains(SECRET) && !outcome.err.contains(SECRET), "{outcome:?}");
        outcome
    }

    fn aws(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("aws");
        self.configure(command.args(arguments).args(["--region", "eu-west-1"]).env_remove("AWS_CA_BUNDLE"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The keys in the bucket.
    fn keys(&self) -> Vec<String> {
        let query =
            ["s3api", "list-objects-v2", "--bucket", "documents", "--query", "Contents[].Key", "--output", "json"];
        serde_json::from_str::<Option<Vec<String>>>(&self.aws(&query)).unwrap().unwrap_or_default()
    }
}

fn complete(statistics: [u64; 5]) -> Job {
    Job::ending("COMPLETE", statistics, &[])
}

/// Three documents, as in the Copilot's checkout beside the workspace, and two files that are none.
fn write_documents(workspace: &Workspace) {
    for file in ["scaling.md", "deep er/polling.md", "deep er/caché.md", "notes.txt", "deep er/x.md.bak"] {
        let path = format!("../temporal-sre-copilot/docs/rag/{file}");
        workspace.write(&path, "# Text\n");
        // The upload of this very second would count as older: S3 keeps whole seconds.
        let written = fs::File::options().write(true).open(workspace.path(&path)).unwrap();
        written.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    }
}

#[test]
fn documents_are_uploaded_under_relative_keys_and_ingested() {
    if !are_there(&[AWS, MOTO]) {
        return;
    }
    let jobs = [complete([3, 3, 0, 0, 0]), complete([3, 0, 0, 0, 0]), complete([2, 0, 1, 1, 0])];
    let account = Account::with_s3(Bedrock::start(&jobs));
    write_documents(&account.workspace);
    let all = [&["kb-populate", "--bucket", "documents"], IDS].concat();
    account.xtask(&all).expect(0).says(&[
        "3 of 3 documents uploaded to s3://documents",
        "STARTING",
        "IN_PROGRESS: 3 scanned",
        "COMPLETE: 3 scanned, 3 new",
        "DOCUMENTS  COUNT\nscanned    3\nnew        3\n",
        "the knowledge base is up to date",
    ]);
    assert_eq!(account.keys(), ["deep er/caché.md", "deep er/polling.md", "scaling.md"]);

    account.xtask(&all).expect(0).says(&["nothing to upload: the 3 documents", "nothing changed"]);

    // Files that are no documents are not ours to remove.
    account.aws(&[
        "s3",
        "cp",
        "--only-show-errors",
        account.workspace.path("dev/.env.example").to_str().unwrap(),
        "s3://documents/other.txt",
    ]);
    let documents = account.workspace.path("../temporal-sre-copilot/docs/rag");
    fs::write(documents.join("scaling.md"), "# Another text\n").unwrap();
    fs::remove_file(documents.join("deep er/polling.md")).unwrap();
    account.xtask(&["kb-sync", "--bucket", "documents"]).expect(0).says(&["1 of 2 documents uploaded", "0 deleted"]);
    assert_eq!(account.keys().len(), 4);
    let delete = ["kb-sync", "--bucket", "s3://documents/", "--delete"];
    account
        .xtask(&delete)
        .expect(5)
        .says(&["this removes 1 documents:\n  s3://documents/deep er/polling.md", "`--yes`"]);
    assert_eq!(account.keys().len(), 4);
    account.xtask(&[&delete[..], &["--yes"]].concat()).expect(0).says(&["1 deleted"]);
    assert_eq!(account.keys(), ["deep er/caché.md", "other.txt", "scaling.md"]);
}

#[test]
fn a_folder_without_documents_or_a_bucket_that_is_not_there_is_an_error() {
    if !are_there(&[AWS, MOTO]) {
        return;
    }
    let account = Account::with_s3(Bedrock::start(&[]));
    let sync = |more: &[&str]| account.xtask(&[&["kb-sync", "--bucket", "documents"], more].concat());
    sync(&[]).expect(3).says(&["there is no folder", "--source", "TEMPORAL_SRE_COPILOT_PATH"]);
    account.workspace.write("empty/notes.txt", "");
    sync(&["--source", "empty"]).expect(3).says(&["no documents (*.md)"]);
    account.workspace.write("full/a.md", "x");
    account
        .xtask(&["kb-sync", "--bucket", "nowhere", "--source", "full"])
        .expect(1)
        .says(&["NoSuchBucket", "infra-output"]);
    assert_eq!(account.bedrock.calls(), [""; 0]);
}

#[test]
fn what_could_not_be_uploaded_or_read_is_found_before_anything_is_and_nothing_that_changed_is_left_out() {
    if !are_there(&[AWS, MOTO]) {
        return;
    }
    let account = Account::with_s3(Bedrock::start(&[]));
    let sync = || account.xtask(&["kb-sync", "--bucket", "documents", "--source", "docs"]);
    let path = |file: &str| account.workspace.path(&format!("docs/{file}"));
    let made = |file: &str, seconds_ago: u64| {
        let file = fs::File::options().write(true).open(path(file)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds_ago)).unwrap();
    };
    account.workspace.write("docs/deep/a.md", "12345");
    // S3 keeps whole seconds: what was written in the second of its upload is newer than that.
    made("deep/a.md", 60);
    account.workspace.write("docs/large.md", "");
    fs::File::options().write(true).open(path("large.md")).unwrap().set_len(60 << 20).unwrap();
    symlink("..", path("deep/loop")).unwrap();
    symlink("nowhere.md", path("broken.md")).unwrap();
    let (broken, looped) = (path("broken.md"), path("deep/loop"));
    sync().expect(3).says(&[
        &format!("{} leads nowhere", broken.display()),
        &format!("{} is a link into a folder above it", looped.display()),
        &format!("{} is larger than 50 MB", path("large.md").display()),
    ]);
    assert_eq!(account.keys(), [""; 0]);
    for file in ["large.md", "broken.md", "deep/loop"] {
        fs::remove_file(path(file)).unwrap();
    }
    sync().expect(0).says(&["1 of 1 documents uploaded"]);
    sync().expect(0).says(&["nothing to upload"]);
    // An older version comes back: as long as the other, and not newer.
    fs::write(path("deep/a.md"), "54321").unwrap();
    made("deep/a.md", 86_400);
    sync().expect(0).says(&["1 of 1 documents uploaded"]);
    assert_eq!(account.aws(&["s3", "cp", "s3://documents/deep/a.md", "-"]), "54321");
    sync().expect(0).says(&["nothing to upload"]);
}

#[test]
fn a_look_that_fails_ends_no_ingestion_and_a_knowledge_base_that_failed_says_why() {
    if !are_there(&[AWS]) {
        return;
    }
    let account = Account::without_s3(Bedrock::start(&[complete([3, 3, 0, 0, 0]), complete([3, 0, 0, 0, 0])]));
    account.bedrock.failing_looks(2);
    account.xtask(&[&["kb-ingest"], IDS].concat()).expect(0).says(&["COMPLETE: 3 scanned, 3 new"]);
    account.bedrock.failing_looks(100);
    let given_up = account.xtask(&[&["kb-ingest"], IDS].concat()).expect(1);
    given_up.says(&["for a moment", "ingestion job JOB0000001 goes on", "`cargo xtask kb-ingest` waits for it again"]);

    let account = Account::without_s3(Bedrock::start(&[]).broken("the role is gone"));
    account.xtask(&[&["kb-status"], IDS].concat()).expect(0).says(&["FAILED", "the role is gone"]);
    let status = account.xtask(&[&["kb-status", "--json"], IDS].concat()).expect(0).json();
    assert_eq!(status["knowledgeBase"]["failureReasons"][0], "the role is gone");
}

#[test]
fn a_job_that_does_not_end_well_is_a_failure_with_its_reasons() {
    if !are_there(&[AWS]) {
        return;
    }
    let jobs = [
        Job::ending("FAILED", [3, 0, 0, 0, 0], &["the role cannot read the bucket", "second reason"]),
        Job::ending("COMPLETE", [3, 2, 0, 0, 1], &["a.md is too large"]),
        Job::ending("STOPPED", [1, 0, 0, 0, 0], &[]),
    ];
    let account = Account::without_s3(Bedrock::start(&jobs));
    let ingest = || account.xtask(&[&["kb-ingest"], IDS].concat());
    ingest().expect(1).says(&["JOB0000000 failed", "the role cannot read the bucket", "second reason"]);
    ingest().expect(1).says(&["could not read 1 documents", "a.md is too large", "failed     1"]);
    ingest().expect(1).says(&["was stopped"]);
}

#[test]
fn a_running_job_is_joined() {
    if !are_there(&[AWS]) {
        return;
    }
    let account = Account::without_s3(Bedrock::start(&[]).with_running(complete([3, 3, 0, 0, 0])));
    account.xtask(&[&["kb-ingest"], IDS].concat()).expect(0).says(&["JOB0000000 runs already", "COMPLETE"]);
    assert_eq!(account.bedrock.count("StartIngestionJob"), 1);
}

#[test]
fn a_conflict_without_a_running_job_is_an_error() {
    if !are_there(&[AWS]) {
        return;
    }
    let account = Account::without_s3(Bedrock::start(&[]).refusing_to_start());
    account.xtask(&[&["kb-ingest"], IDS].concat()).expect(1).says(&["ConflictException", "the data source is in use"]);
}

#[test]
fn what_was_uploaded_while_another_job_ran_gets_a_job_of_its_own() {
    if !are_there(&[AWS, MOTO]) {
        return;
    }
    let bedrock = Bedrock::start(&[complete([3, 3, 0, 0, 0])]).with_running(complete([0; 5]));
    let account = Account::with_s3(bedrock);
    write_documents(&account.workspace);
    let all = [&["kb-populate", "--bucket", "documents"], IDS].concat();
    account.xtask(&all).expect(0).says(&["JOB0000000 runs already", "JOB0000001 started", "3 new"]);
}

#[test]
fn waiting_ends_with_the_timeout_and_the_job_goes_on() {
    if !are_there(&[AWS]) {
        return;
    }
    let account = Account::without_s3(Bedrock::start(&[Job::endless()]));
    let timed = [&["kb-ingest", "--timeout", "1"], IDS].concat();
    account.xtask(&timed).expect(1).says(&["JOB0000000 has not ended after 1 s", "kb-status", "kb-ingest"]);
}

#[test]
fn status_and_jobs_are_tables_or_json() {
    if !are_there(&[AWS]) {
        return;
    }
    let failing = Job::ending("FAILED", [3, 0, 0, 0, 1], &["no luck"]);
    let jobs = [complete([1, 1, 0, 0, 0]), complete([2, 1, 0, 0, 0]), failing];
    let account = Account::without_s3(Bedrock::start(&jobs));
    let run = |name: &str, more: &[&str]| account.xtask(&[&[name], IDS, more].concat());
    run("kb-status", &[]).expect(0).says(&["ACTIVE", "none yet"]);
    run("kb-jobs", &[]).expect(0).says(&["no ingestion yet"]);
    assert_eq!(run("kb-status", &["--json"]).expect(0).json()["lastJob"], serde_json::Value::Null);
    for code in [0, 0, 1] {
        run("kb-ingest", &[]).expect(code);
    }
    run("kb-status", &[]).expect(0).says(&["demo-kb", "JOB0000002", "FAILED", "no luck", "failed     1"]);
    let status = run("kb-status", &["--json"]).expect(0).json();
    assert_eq!((&status["schemaVersion"], &status["knowledgeBase"]["status"]), (&1.into(), &"ACTIVE".into()));
    assert_eq!(status["lastJob"]["failureReasons"][0], "no luck");

    let listed = run("kb-jobs", &[]).expect(0);
    let ids: Vec<&str> = listed.out.lines().skip(1).map(|it| it.split_whitespace().next().unwrap()).collect();
    assert_eq!(ids, ["JOB0000002", "JOB0000001", "JOB0000000"], "the newest first, over all pages");
    assert_eq!(run("kb-jobs", &["--limit", "1"]).expect(0).out.lines().count(), 2);
    let json = run("kb-jobs", &["--json"]).expect(0).json();
    assert_eq!((&json["schemaVersion"], &json["jobs"][1]["documents"]["scanned"]), (&1.into(), &2.into()));
}

#[test]
fn ids_come_from_terraform_where_no_flag_gives_them() {
    if !are_there(&[AWS, TERRAFORM]) {
        return;
    }
    let account = Account::without_s3(Bedrock::start(&[]));
    write_documents(&account.workspace);
    let unknown = account.xtask(&["kb-populate", "--dry-run"]).expect(3);
    unknown.says(&["`--bucket`", "`--kb-id`", "`--ds-id`", "cargo xtask infra-apply"]);
    account.workspace.xtask(&["infra-apply", "--project-name", "demo", "--yes"]).expect(0);
    let outputs = account.workspace.xtask(&["infra-output", "--json"]).json()["outputs"].clone();
    let output = |name: &str| outputs[name].as_str().unwrap().to_owned();
    let planned = account.xtask(&["kb-populate", "--dry-run"]).expect(0);
    let lines: Vec<&str> = planned.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", planned.out);
    assert!(
        lines[0].contains(&format!("s3://{} --exclude '*' --include '*.md'", output("kb_source_bucket"))),
        "{}",
        lines[0]
    );
    let place =
        format!("--knowledge-base-id {} --data-source-id {}", output("knowledge_base_id"), output("data_source_id"));
    assert!(lines[1].contains(&place) && lines[2].contains(&place), "{}", planned.out);
    assert!(lines.iter().all(|it| it.ends_with("--region eu-west-1")), "{}", planned.out);
    account
        .xtask(&["kb-status", "--kb-id", "KB00000009"])
        .expect(3)
        .says(&["list-data-sources --knowledge-base-id KB00000009"]);
    account.xtask(&["kb-status"]).expect(1).says(&["ResourceNotFoundException", "infra-output"]);
    assert_eq!(account.bedrock.calls(), ["GetKnowledgeBase"], "a dry run calls nothing");
}

#[test]
fn each_way_to_lack_access_has_its_own_message() {
    if !are_there(&[AWS]) {
        return;
    }
    let account = Account::without_s3(Bedrock::start(&[]).denying("StartIngestionJob"));
    let arguments = [&["kb-ingest"], IDS].concat();
    let denied = account.xtask(&arguments).expect(1);
    denied.says(&["AccessDeniedException", "lacks the permission `bedrock:StartIngestionJob` on arn:aws:bedrock"]);

    let without_keys = |profile: &str| {
        account.workspace.write("dev/.env", &format!("AWS_PROFILE={profile}\n"));
        let mut command = account.command(&arguments);
        run(command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"))
    };
    without_keys("default").expect(3).says(&["no AWS credentials", "`aws configure sso --profile default`"]);
    without_keys("gone").expect(3).says(&["no AWS profile `gone`", "`aws configure sso --profile gone`"]);
    let config = "[profile company]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\n\
                  sso_account_id = 123456789012\nsso_role_name = dev\nregion = eu-west-1\n";
    account.workspace.write("../home/.aws/config", config);
    without_keys("company").expect(3).says(&["SSO session", "`aws sso login --profile company`"]);

    // The profile of `dev/.env` may live in a folder of its own.
    account.workspace.write(
        "aws/credentials",
        &format!("[mine]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\n"),
    );
    account.workspace.write("dev/.env", "AWS_PROFILE=mine\nAWS_CONFIG_DIR=aws\n");
    let mut command = account.command(&arguments);
    let found = run(command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"));
    assert!(!found.err.contains(SECRET), "{}", found.err);
    found.expect(1).says(&["profile `mine` lacks the permission"]);

    let no_aws = account.command(&arguments).env("PATH", "/nowhere").output().unwrap();
    Outcome::from(no_aws).expect(3).says(&["`aws` is not on PATH", "docs.aws.amazon.com"]);
}
