//! `infra-*`: the real Terraform on the stand-in module.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tests::checkout::{Outcome, run};

use crate::support::{TERRAFORM, are_there, workspace::Workspace};

/// The stand-in module's own variables, which xtask knows nothing of.
const SWITCHES: &str = "terraform/dev/test.auto.tfvars";
const APPLY: &[&str] = &["infra-apply", "--project-name", "demo", "--yes"];

fn destroy(workspace: &Workspace, typed: &str) -> Outcome {
    let mut command = workspace.command();
    let mut child = command
        .arg("infra-destroy")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

fn resources(workspace: &Workspace) -> usize {
    workspace.xtask(&["infra-status", "--json"]).expect(0).json()["resources"].as_array().unwrap().len()
}

#[test]
fn an_environment_comes_is_shown_stays_and_goes() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.write("dev/.env", "# mine\nMY_KEY=1\n");
    let status = workspace.xtask(&["infra-status"]).expect(0).says(&["nothing exists"]);
    assert_eq!(status.err, "");
    workspace.xtask(&["infra-output"]).expect(3).says(&["cargo xtask infra-apply"]);
    workspace.xtask(&["infra-destroy"]).expect(0).says(&["nothing to destroy"]);

    let applied = workspace.xtask(APPLY).expect(0).says(&["6 to add", "OUTPUT", "TEMPORAL_SQL_HOST", "(no line) → "]);
    assert!(!applied.out.contains('\u{1b}'), "no colour in a pipe: {}", applied.out);
    let env = workspace.read("dev/.env");
    assert!(env.starts_with("# mine\nMY_KEY=1\n") && env.contains("\nCOPILOT_DSQL_HOST="), "{env}");
    assert!(!workspace.path("terraform/dev/.terraform/xtask.tfplan").exists());

    // The second run needs neither the name nor a terminal: there is nothing to ask.
    workspace.xtask(&["infra-apply"]).expect(0).says(&["no changes", "OUTPUT", "nothing to change"]);
    assert_eq!(workspace.read("dev/.env"), env);

    workspace.xtask(&["infra-status"]).expect(0).says(&["`demo` in eu-west-1: 6 resources", "dev/.env agrees"]);
    workspace.write("dev/.env", &env.replace("AWS_REGION=eu-west-1", "AWS_REGION=eu-west-2"));
    workspace.xtask(&["infra-status"]).expect(0).says(&["does not agree", "eu-west-2 (dev/.env, line", "env-sync"]);
    workspace.write("dev/.env", "A B=1\n");
    workspace.xtask(&["infra-status"]).expect(0).says(&["6 resources", "dev/.env cannot be read"]);
    workspace.write("dev/.env", &env.replace("AWS_REGION=eu-west-1", "AWS_REGION=eu-west-2"));
    let report = workspace.xtask(&["infra-status", "--json"]).expect(0).json();
    assert_eq!((&report["schemaVersion"], &report["projectName"]), (&1.into(), &"demo".into()));
    let agrees = |name: &str| {
        report["variables"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["agrees"].clone()
    };
    assert_eq!((agrees("TEMPORAL_SQL_HOST"), agrees("AWS_REGION")), (true.into(), false.into()));

    let outputs = workspace.xtask(&["infra-output", "--json"]).expect(0).json();
    assert_eq!((&outputs["schemaVersion"], &outputs["outputs"]["region"]), (&1.into(), &"eu-west-1".into()));

    destroy(&workspace, "other\n").expect(5).says(&["`other` is not `demo`"]);
    destroy(&workspace, "").expect(5);
    workspace.xtask(&["infra-destroy", "--dry-run"]).expect(0).says(&["destroy -input=false -auto-approve"]);
    assert_eq!(resources(&workspace), 6);
    destroy(&workspace, "demo\n").expect(0).says(&["`demo` is destroyed"]);
    assert_eq!(resources(&workspace), 0);
    workspace.xtask(&["infra-destroy", "--yes"]).expect(0).says(&["nothing to destroy"]);
}

#[test]
fn what_is_called_data_is_a_resource_like_any_other_and_a_data_source_is_none() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let nothing =
        r#"{"version": 4, "terraform_version": "1.6.0", "serial": 1, "lineage": "a", "outputs": {}, "resources": []}"#;
    workspace.write("terraform/dev/other.json", nothing);
    let source = r#"data "terraform_remote_state" "other" {
                      backend = "local"
                      config  = { path = "other.json" }
                    }"#;
    workspace.write("terraform/dev/data/main.tf", &format!("resource \"terraform_data\" \"x\" {{}}\n{source}"));
    let called_data = r#"resource "terraform_data" "data" { for_each = toset(["a.data.b", "].data.\"["]) }
                         module "data" {
                           source   = "./data"
                           for_each = toset(["c.data.d"])
                         }"#;
    workspace.write("terraform/dev/more.tf", &format!("{called_data}\n{source}"));
    workspace.xtask(APPLY).expect(0);
    let report = workspace.xtask(&["infra-status", "--json"]).expect(0).json();
    let all: Vec<&str> = report["resources"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let called_data: Vec<&str> =
        all.iter().copied().filter(|it| it.contains("data.data[") || it.contains("module")).collect();
    let expected = [
        r#"terraform_data.data["].data.\"["]"#,
        r#"terraform_data.data["a.data.b"]"#,
        r#"module.data["c.data.d"].terraform_data.x"#,
    ];
    assert_eq!(called_data, expected, "{all:#?}");
    assert_eq!(all.len(), 6 + expected.len(), "{all:#?}");
}

#[test]
fn nothing_is_made_without_a_name_or_a_confirmation() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    // The suggestion comes from the folder's name, `my work`.
    workspace.xtask(&["infra-apply", "--yes"]).expect(2).says(&["--project-name my-work"]);
    workspace.xtask(&["infra-apply", "--project-name", "Bad_Name"]).expect(2).says(&["lower-case letters"]);
    workspace
        .xtask(&["infra-apply", "--project-name", "demo", "--region", "cn-north-1"])
        .expect(2)
        .says(&["commercial"]);
    let planned = workspace.xtask(&["infra-apply", "--project-name", "demo", "--dry-run"]).expect(0);
    assert_eq!(planned.out.lines().count(), 3, "{}", planned.out);
    assert!(!workspace.path("terraform/dev/dev.auto.tfvars.json").exists());
    workspace.xtask(&["infra-apply", "--project-name", "demo"]).expect(5).says(&["6 to add", "`--yes` confirms it"]);
    assert_eq!(resources(&workspace), 0);
}

#[test]
fn another_name_or_region_does_not_replace_what_exists() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(APPLY).expect(0);
    let outputs = workspace.xtask(&["infra-output", "--json"]).out;
    workspace.xtask(&["infra-apply", "--project-name", "other", "--yes"]).expect(5).says(&["`demo` in eu-west-1"]);
    workspace.xtask(&["infra-apply", "--region", "eu-west-2", "--yes"]).expect(5);
    workspace.xtask(&["infra-destroy", "--project-name", "other", "--yes"]).expect(5);
    // The state knows the name by itself.
    fs::remove_file(workspace.path("terraform/dev/dev.auto.tfvars.json")).unwrap();
    workspace.xtask(&["infra-apply", "--project-name", "other", "--yes"]).expect(5);
    workspace.xtask(&["infra-apply", "--yes"]).expect(0).says(&["no changes"]);
    assert_eq!(workspace.xtask(&["infra-output", "--json"]).out, outputs);
}

#[test]
fn a_file_that_could_not_be_filled_is_found_before_anything_is_made() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.write("dev/.env", "A B=1\n");
    workspace.xtask(APPLY).expect(3).says(&["dev/.env cannot be read", "line 1"]);
    workspace.write("dev/.env", "");
    workspace.write("terraform/dev/dev.auto.tfvars.json", "{");
    workspace.xtask(APPLY).expect(1).says(&["dev.auto.tfvars.json is damaged", "delete it"]);
    assert!(!workspace.path("terraform/dev/terraform.tfstate").exists());
}

#[test]
fn an_apply_that_fails_half_way_is_completed_or_removed() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let failing = || {
        workspace.write(SWITCHES, "fail = true\n");
        let failed = workspace.xtask(APPLY);
        fs::remove_file(workspace.path(SWITCHES)).unwrap();
        failed
    };
    failing().expect(1).says(&[
        "role cannot be assumed",
        "`cargo xtask infra-apply` goes on from there",
        "infra-destroy",
    ]);
    assert!(!workspace.path("dev/.env").exists(), "half an environment is not written down");
    let left = resources(&workspace);
    assert!((4..=5).contains(&left), "{left} resources");
    workspace.xtask(&["infra-apply", "--yes"]).expect(0);
    assert_eq!(resources(&workspace), 6);

    destroy(&workspace, "demo\n").expect(0);
    failing().expect(1);
    destroy(&workspace, "demo\n").expect(0);
    assert_eq!(resources(&workspace), 0);
}

#[test]
fn an_interrupted_apply_saves_what_it_made_before_the_prompt_returns() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let workspace = Workspace::new();
        let mut command = workspace.command();
        workspace.write(SWITCHES, "slow = 60\n");
        command.args(APPLY).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|it| it.unwrap().contains("Executing")), "the apply reaches its slow part");
        let began = Instant::now();
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        lines.for_each(drop);
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{signal}");
        assert!(began.elapsed() < Duration::from_secs(30), "the slow part was cut short");
        let said: Vec<String> = stderr.lines().map(Result::unwrap).collect();
        assert!(said.iter().any(|it| it.starts_with("interrupted: what Terraform noted is recorded")), "{said:#?}");
        assert!(!workspace.path("terraform/dev/.terraform.tfstate.lock.info").exists(), "no lock is left");
        assert!(resources(&workspace) >= 4);
        fs::remove_file(workspace.path(SWITCHES)).unwrap();
        workspace.xtask(&["infra-apply", "--yes"]).expect(0);
        assert_eq!(resources(&workspace), 6);
    }
}

#[test]
fn a_missing_tool_is_named_with_where_to_get_it() {
    let workspace = Workspace::new();
    let run = |arguments: &[&str]| run(workspace.command().args(arguments).env("PATH", "/nowhere"));
    run(APPLY).expect(3).says(&["neither `terraform` nor `tofu`", "developer.hashicorp.com", "opentofu.org"]);
    workspace.write("terraform/dev/terraform.tfstate", "{}");
    run(&["env-sync"]).expect(3).says(&["neither `terraform` nor `tofu`"]);
}

#[test]
fn opentofu_is_used_where_terraform_is_not_there() {
    let workspace = Workspace::new();
    for (tool, used) in [("tofu", "tofu"), ("terraform", "terraform")] {
        let file = format!("bin/{tool}");
        fs::create_dir_all(workspace.path("bin")).unwrap();
        tests::write_program(&workspace.path(&file), "#!/bin/sh\n");
        let mut command = workspace.command();
        command.args(["infra-apply", "--project-name", "demo", "--dry-run"]).env("PATH", workspace.path("bin"));
        let planned = run(&mut command).expect(0);
        let all = planned.out.lines().all(|it| it.starts_with(&format!("{used} -chdir=terraform/dev ")));
        assert!(all && planned.out.lines().count() == 3, "{}", planned.out);
    }
}

#[test]
fn our_rule_for_names_is_terraforms() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let long = "a".repeat(32);
    let longer = "a".repeat(33);
    for name in [
        "a",
        "0",
        "sre-copilot-dev",
        &long,
        &longer,
        "A",
        "a_b",
        "-a",
        "a-",
        "a--b",
        "a.b",
        "a b",
        "é",
        "xn",
        "xn--a",
        "sthree",
        "sthreex",
        "sthree-a",
        "amzn-s3-demo",
        "amzn-s3-demox",
    ] {
        let ours = workspace.xtask(&["infra-apply", "--dry-run", "--project-name", name]).code == 0;
        let mut plan = tests::terraform::command(&workspace.path("terraform/dev")).unwrap();
        let theirs = plan.args(["plan", "-input=false", "-var", &format!("project_name={name}")]).output().unwrap();
        assert_eq!(ours, theirs.status.success(), "{name:?}: {}", String::from_utf8_lossy(&theirs.stderr));
    }
}

#[test]
fn our_one_rule_for_regions_is_terraforms() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let apply = ["infra-apply", "--dry-run", "--project-name", "demo", "--region"];
    for region in [
        "eu-west-1",
        "ap-southeast-2",
        "us-gov-east-1",
        "us-iso-east-1",
        "eu-isoe-west-1",
        "cn-north-1",
        "eu",
        "eu-west",
        "eu-west-0",
        "eu-west-10",
        "eu-west-1a",
        "EU-west-1",
        "europe-west-1",
    ] {
        let by_flag = workspace.xtask(&[&apply[..], &[region]].concat()).code == 0;
        workspace.write("dev/.env", &format!("AWS_REGION={region}\nTEMPORAL_SQL_AWS_REGION={region}\n"));
        let checked = workspace.xtask(&["env-check"]).err;
        let refused = |name: &str| checked.contains(&format!("`{name}` is `{region}` (dev/.env, line "));
        let by_variable = !checked.contains("expected a commercial AWS region");
        assert!(by_variable || (refused("AWS_REGION") && refused("TEMPORAL_SQL_AWS_REGION")), "{region}: {checked}");
        let mut plan = tests::terraform::command(&workspace.path("terraform/dev")).unwrap();
        let theirs =
            plan.args(["plan", "-input=false", "-var", "project_name=demo", "-var", &format!("region={region}")]);
        let theirs = theirs.output().unwrap().status.success();
        assert_eq!((by_flag, by_variable), (theirs, theirs), "{region:?}");
    }
}

/// An `aws` of a test's own: the account, what carries the project's tag, and whatever else a script says.
fn with_aws(workspace: &Workspace, script: &str) -> String {
    let text =
        format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>aws.log\ncase \"$*\" in\n{script}\n*) echo '{{}}' ;;\nesac\n");
    fs::create_dir_all(workspace.path("bin")).unwrap();
    tests::write_program(&workspace.path("bin/aws"), text);
    format!("{}:{}", workspace.path("bin").display(), std::env::var("PATH").unwrap())
}

fn mode(workspace: &Workspace, file: &str) -> u32 {
    workspace.path(file).metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn another_workspace_hides_nothing_and_variables_of_the_shell_change_nothing() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let bent = |arguments: &[&str]| {
        let mut command = workspace.command();
        command.env("TF_WORKSPACE", "team").env("TF_CLI_ARGS", "-no-such-flag").env("TF_CLI_ARGS_apply", "-target=x.y");
        run(command.env("TF_DATA_DIR", "elsewhere").env("TF_INPUT", "true").args(arguments))
    };
    bent(APPLY).expect(0).says(&["6 to add", "COPILOT_DSQL_HOST"]);
    assert!(!workspace.path("terraform/dev/terraform.tfstate.d").exists());
    assert_eq!(resources(&workspace), 6);
    bent(&["infra-apply", "--project-name", "other", "--yes"]).expect(5).says(&["`demo` in eu-west-1"]);

    // By hand: a workspace that stays selected, with an environment of its own.
    let by_hand = |arguments: &[&str]| {
        let mut command = tests::terraform::command(&workspace.path("terraform/dev")).unwrap();
        assert!(command.args(arguments).output().unwrap().status.success(), "{arguments:?}");
    };
    by_hand(&["workspace", "new", "team"]);
    assert_eq!(resources(&workspace), 6, "an empty workspace changes nothing");
    by_hand(&["apply", "-auto-approve", "-var", "project_name=theirs"]);
    destroy(&workspace, "demo\n")
        .expect(3)
        .says(&["6 resources are in the workspace `team`", "TF_WORKSPACE=team terraform"]);
    workspace.xtask(&["infra-apply", "--yes"]).expect(3).says(&["workspace `team`"]);
    workspace
        .xtask(&["infra-status"])
        .expect(0)
        .says(&["`demo` in eu-west-1: 6 resources", "note: 6 resources are in"]);
    by_hand(&["destroy", "-auto-approve", "-var", "project_name=theirs"]);
    destroy(&workspace, "demo\n").expect(0);
}

#[test]
fn a_plan_that_destroys_something_wants_the_name_typed_or_two_flags() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(APPLY).expect(0);
    let main = workspace.read("terraform/dev/main.tf");
    let before = workspace.read("terraform/dev/terraform.tfstate");
    let replacing = main.replacen("triggers_replace = [var.project_name, var.region]", "triggers_replace = [1]", 1);
    workspace.write("terraform/dev/main.tf", &replacing);
    let refused = workspace.xtask(&["infra-apply", "--yes"]).expect(5);
    refused.says(&["this destroys in AWS", "\n  terraform_data.monitored", "`--yes --replace`"]);
    workspace.xtask(&["infra-apply"]).expect(5).says(&["`demo` was not typed"]);
    assert_eq!(workspace.read("terraform/dev/terraform.tfstate"), before);
    let typed = |text: &str| {
        let mut child = workspace.command();
        let child = child.arg("infra-apply").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        Outcome::from(child.wait_with_output().unwrap())
    };
    typed("y\n").expect(5).says(&["`y` is not `demo`"]);
    assert_eq!(workspace.read("terraform/dev/terraform.tfstate"), before);
    typed("demo\n").expect(0);
    assert_ne!(workspace.read("terraform/dev/terraform.tfstate"), before);
    workspace.write("terraform/dev/main.tf", &main);
    workspace.xtask(&["infra-apply", "--yes", "--replace"]).expect(0);
    assert!(!workspace.path("terraform/dev/.terraform/xtask.tfplan").exists());
}

#[test]
fn a_state_that_is_lost_or_empty_is_not_taken_for_an_environment_that_never_was() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(APPLY).expect(0);
    let main = workspace.read("terraform/dev/main.tf");
    workspace.write("terraform/dev/main.tf", &format!("{main}\nresource \"terraform_data\" \"more\" {{}}\n"));
    workspace.xtask(&["infra-apply", "--yes"]).expect(0);
    for file in ["terraform.tfstate", "terraform.tfstate.backup"] {
        assert_eq!(mode(&workspace, &format!("terraform/dev/{file}")), 0o600, "{file}");
    }
    let (state, backup) = ("terraform/dev/terraform.tfstate", "terraform/dev/terraform.tfstate.backup");
    let whole = workspace.read(state);
    let everything: [&[&str]; 5] =
        [&["infra-status"], &["infra-destroy", "--yes"], &["infra-apply", "--yes"], &["infra-output"], &["env-sync"]];
    fs::remove_file(workspace.path(state)).unwrap();
    for arguments in everything {
        workspace
            .xtask(arguments)
            .expect(3)
            .says(&["is gone, and its backup is still there", &format!("cp {backup} {state}")]);
    }
    workspace.write(state, "");
    for arguments in everything {
        let said = workspace.xtask(arguments).expect(3).says(&["terraform.tfstate is empty"]);
        assert!(!said.err.contains('\u{1b}'), "{}", said.err);
    }
    workspace.write(state, "{ nonsense");
    let broken = workspace.xtask(&["infra-status"]);
    assert!(broken.code == 1 && !broken.err.contains('\u{1b}'), "{broken:?}");
    workspace.write(state, &whole);
    assert_eq!(resources(&workspace), 7);
}

#[test]
fn a_backend_of_somebody_s_own_is_set_up_and_asked_before_anything_is_called_nothing() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    // As a remote one: its state is where a fresh clone knows nothing of it.
    let place = workspace.path("../far/state.json");
    let backend = format!("terraform {{\n  backend \"local\" {{ path = {:?} }}\n}}\n", place.to_str().unwrap());
    workspace.write("terraform/dev/backend.tf", &backend);
    workspace.xtask(APPLY).expect(0);
    assert!(place.exists() && !workspace.path("terraform/dev/terraform.tfstate").exists());
    fs::remove_dir_all(workspace.path("terraform/dev/.terraform")).unwrap();
    fs::remove_file(workspace.path("terraform/dev/dev.auto.tfvars.json")).unwrap();
    workspace.xtask(&["infra-status"]).expect(0).says(&["`demo` in eu-west-1: 6 resources"]);
    fs::remove_dir_all(workspace.path("terraform/dev/.terraform")).unwrap();
    destroy(&workspace, "demo\n").expect(0).says(&["`demo` is destroyed"]);
}

#[test]
fn another_account_than_the_environment_s_is_found_before_anything_is_planned() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let run_as = |account: &str, arguments: &[&str]| {
        let path =
            with_aws(&workspace, &format!("'sts get-caller-identity'*) echo '{{\"Account\":\"{account}\"}}' ;;"));
        run(workspace.command().args(arguments).env("PATH", path))
    };
    run_as("123456789012", APPLY).expect(0);
    for arguments in [&["infra-apply", "--yes"], &["infra-destroy", "--yes"]] {
        let what = "`demo` was made in the AWS account 123456789012, and these credentials are for 210987654321";
        run_as("210987654321", arguments).expect(3).says(&[what, "AWS_PROFILE"]);
    }
    assert_eq!(resources(&workspace), 6);
    run_as("123456789012", &["infra-destroy", "--yes"]).expect(0);
}

#[test]
fn what_was_made_and_not_noted_is_listed_with_the_command_that_removes_it() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let cluster = "arn:aws:dsql:eu-west-1:123456789012:cluster/lost";
    let path = with_aws(
        &workspace,
        &format!(
            "'resourcegroupstaggingapi get-resources --tag-filters Key=Project,Values=demo '*)
               echo '{{\"ResourceTagMappingList\":[{{\"ResourceARN\":\"demo-vectors\"}},{{\"ResourceARN\":\"arn:aws:s3:::b\"}}]}}' ;;
             'dsql list-clusters'*) echo '{{\"clusters\":[{{\"arn\":\"{cluster}\"}},{{\"arn\":\"{cluster}-of-others\"}}]}}' ;;
             'dsql list-tags-for-resource --resource-arn {cluster} '*) echo '{{\"tags\":{{\"Project\":\"demo\"}}}}' ;;"
        ),
    );
    let xtask = |arguments: &[&str], fails: &str| {
        workspace.write(SWITCHES, &format!("fail = {fails}\n"));
        run(workspace.command().args(arguments).env("PATH", &path))
    };
    let list = format!(
        "these carry the tag Project=demo, are in no state, and cost until they go:\n  arn:aws:s3:::b\n    aws s3 rb s3://b \
         --force --region eu-west-1\n  {cluster}\n    aws dsql delete-cluster --identifier lost --region eu-west-1\n"
    );
    // The vector bucket is in the state, and the other cluster carries another tag.
    xtask(APPLY, "true").expect(1).says(&[&list, "names what was made and not noted"]);
    xtask(&["infra-apply", "--yes"], "false").expect(0).says(&[&list]);
    xtask(&["infra-destroy", "--yes"], "false").expect(0).says(&[
        "  demo-vectors\n",
        "  arn:aws:s3:::b\n",
        "is destroyed",
    ]);
    xtask(&["infra-destroy", "--yes"], "false").expect(0).says(&["nothing to destroy", cluster]);
    let silent = run(workspace.command().args(["infra-destroy"]).env("AWS_EC2_METADATA_DISABLED", "true"));
    silent.expect(0).says(&["that Terraform does not know of could not be asked"]);
}

#[test]
fn a_running_ingestion_is_stopped_before_its_data_source_is_destroyed() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(APPLY).expect(0);
    let path = with_aws(
        &workspace,
        "'bedrock-agent list-ingestion-jobs'*)
           echo '{\"ingestionJobSummaries\":[{\"ingestionJobId\":\"J1\",\"status\":\"IN_PROGRESS\"},{\"ingestionJobId\":\"J0\",\"status\":\"COMPLETE\"}]}' ;;
         'bedrock-agent get-ingestion-job'*) echo '{\"ingestionJob\":{\"ingestionJobId\":\"J1\",\"status\":\"STOPPED\"}}' ;;",
    );
    run(workspace.command().args(["infra-destroy", "--yes"]).env("PATH", path))
        .expect(0)
        .says(&["job J1 runs, and is stopped"]);
    let log = workspace.read("aws.log");
    let stops: Vec<&str> = log.lines().filter(|it| it.contains("stop-ingestion-job")).collect();
    assert!(stops.len() == 1 && stops[0].contains("--ingestion-job-id J1"), "{log}");
}

#[test]
fn a_null_an_odd_and_a_sensitive_output_neither_mislead_nor_reach_the_terminal() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    let outputs = workspace.read("terraform/dev/outputs.tf");
    let null = outputs.replacen("terraform_data.knowledge_base.output", "null", 1);
    let odd = "output \"odd\" { value = \"a\\u001b[31mb\\u0007\\nc\" }\n";
    workspace.write("terraform/dev/outputs.tf", &(null + odd));
    workspace.xtask(APPLY).expect(0).says(&["note: Terraform has no value for `knowledge_base_id`"]);
    let status = workspace
        .xtask(&["infra-status"])
        .expect(0)
        .says(&["no value for `knowledge_base_id`", "odd                      ab�\\nc"]);
    assert!(!status.out.contains("dev/.env agrees"), "{}", status.out);
    let sensitive = outputs.replacen(
        "value       = \"${terraform_data.copilot.output}",
        "sensitive   = true\n  value       = \"${terraform_data.copilot.output}",
        1,
    );
    assert_ne!(sensitive, outputs);
    workspace.write("terraform/dev/outputs.tf", &sensitive);
    let applied = workspace.xtask(&["infra-apply", "--yes"]).expect(0);
    workspace.write("dev/.env", "COPILOT_DSQL_HOST=other.dsql.eu-west-1.on.aws\n");
    let mut said = applied.out + &applied.err;
    for arguments in [&["infra-status"][..], &["infra-status", "--json"], &["infra-output"], &["env-sync"]] {
        let outcome = workspace.xtask(arguments).expect(0);
        said += &(outcome.out + &outcome.err);
    }
    let state: serde_json::Value = serde_json::from_str(&workspace.read("terraform/dev/terraform.tfstate")).unwrap();
    let host = state["outputs"]["copilot_dsql_endpoint"]["value"].as_str().unwrap();
    assert!(!said.contains(host) && said.contains("(sensitive)"), "{host}: {said}");
    assert!(workspace.read("dev/.env").contains(host));
}

#[test]
fn a_file_of_variables_that_cannot_be_replaced_is_found_before_anything_is_made() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    // A link into a folder that nobody can write to, to a file that sets nothing: only Linux has one.
    if std::path::Path::new("/proc/self/timers").exists() {
        std::os::unix::fs::symlink("/proc/self/timers", workspace.path("dev/.env")).unwrap();
        workspace.xtask(APPLY).expect(3).says(&["timers cannot be replaced", "ls -ld /proc/"]);
        assert!(!workspace.path("terraform/dev/terraform.tfstate").exists());
        fs::remove_file(workspace.path("dev/.env")).unwrap();
    }
    workspace.write("dev/.env", "");
    if std::os::unix::fs::chown(workspace.path("dev/.env"), Some(65534), None).is_ok() {
        workspace.xtask(APPLY).expect(3).says(&["dev/.env belongs to another user", "sudo chown $(id -un)"]);
        assert!(!workspace.path("terraform/dev/terraform.tfstate").exists());
    }
}
