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
        assert!(said.iter().any(|it| it.starts_with("interrupted: what was made until then is recorded")), "{said:#?}");
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
        workspace.write(&file, "#!/bin/sh\n");
        fs::set_permissions(workspace.path(&file), PermissionsExt::from_mode(0o755)).unwrap();
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
