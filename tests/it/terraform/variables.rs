//! The variables' rules, evaluated by Terraform itself. A call with `for_each` tries hundreds of values in one plan,
//! which reports each one refused; the names that `main.tf` makes from a project's name are then held against what the
//! AWS services say of names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use regex::Regex;
use serde_json::{Value, json};

use super::{attribute, of_kind, read_module, resource, text, value};

/// The longest code of a commercial region; a name that fits there fits everywhere.
const LONGEST_REGION: &str = "ap-southeast-1";

/// Those of `candidates` that the rules of `variable` refuse. `None` without Terraform.
fn refused(variable: &str, candidates: &[String]) -> Option<BTreeSet<String>> {
    let dir = tempfile::tempdir().unwrap();
    copy_variables(&dir.path().join("case"));
    let cases: Vec<_> =
        candidates.iter().map(|candidate| json!({ "project_name": "demo", variable: candidate })).collect();
    fs::write(dir.path().join("cases.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
    let call = r#"module "case" {
        source       = "./case"
        for_each     = { for i, case in jsondecode(file("cases.json")) : i => case }
        project_name = each.value.project_name
        region       = lookup(each.value, "region", "eu-west-1")
    }"#;
    fs::write(dir.path().join("main.tf"), call).unwrap();

    let init = tests::terraform::command(dir.path())?.args(["init", "-no-color"]).output().unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let plan = tests::terraform::command(dir.path())?.args(["plan", "-json", "-input=false"]).output().unwrap();
    let refused: BTreeSet<_> = String::from_utf8(plan.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|message| message["@level"] == "error")
        .map(|message| refused_value(&message["diagnostic"], variable))
        .collect();
    assert_eq!(plan.status.success(), refused.is_empty());
    Some(refused)
}

/// The value in a diagnostic such as `var.region is "x"`.
fn refused_value(diagnostic: &Value, variable: &str) -> String {
    assert_eq!(diagnostic["summary"], "Invalid value for variable", "{diagnostic}");
    let values = diagnostic["snippet"]["values"].as_array().unwrap();
    let ours = values.iter().find(|value| value["traversal"] == format!("var.{variable}")).unwrap();
    let quoted = ours["statement"].as_str().unwrap().strip_prefix("is ").unwrap();
    serde_json::from_str(quoted).unwrap()
}

fn copy_variables(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fs::copy(tests::repo_root().join("terraform/dev/variables.tf"), dir.join("variables.tf")).unwrap();
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// What AWS says of a kind of name: its pattern, and the starts and ends that it keeps for itself.
type Rules = (&'static str, &'static [&'static str], &'static [&'static str]);

const S3_BUCKET: Rules = (
    r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    &["xn--", "sthree-", "amzn-s3-demo-"],
    &["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"],
);
const S3_VECTOR_BUCKET: Rules = (r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", &[], &[]);
const IAM_ROLE: Rules = (r"^[A-Za-z0-9_+=,.@-]{1,64}$", &[], &[]);
const BEDROCK: Rules = (r"^([0-9a-zA-Z][_-]?){1,100}$", &[], &[]);

/// A name that the module makes: the template that `main.tf` has for it, and whether AWS takes a name.
struct Made {
    template: String,
    taken: Box<dyn Fn(&str) -> bool>,
}

fn made_names() -> Vec<Made> {
    let blocks = read_module("terraform/dev");
    let made = |kind: &str, attribute: &str, (pattern, starts, ends): Rules| {
        let pattern = Regex::new(pattern).unwrap();
        let taken = move |name: &str| {
            pattern.is_match(name)
                && !starts.iter().any(|start| name.starts_with(start))
                && !ends.iter().any(|end| name.ends_with(end))
        };
        Made { template: value(resource(&blocks, kind), attribute), taken: Box::new(taken) }
    };
    vec![
        made("aws_s3_bucket", "bucket", S3_BUCKET),
        made("aws_s3vectors_vector_bucket", "vector_bucket_name", S3_VECTOR_BUCKET),
        made("aws_iam_role", "name", IAM_ROLE),
        made("aws_bedrockagent_knowledge_base", "name", BEDROCK),
        made("aws_bedrockagent_data_source", "name", BEDROCK),
    ]
}

/// The names made from `project` that AWS would refuse.
fn bad_names(project: &str, made: &[Made]) -> Vec<String> {
    let name = |made: &Made| {
        let name = made.template.replace("${var.project_name}", project);
        name.replace("${local.account_id}", "123456789012").replace("${var.region}", LONGEST_REGION)
    };
    made.iter()
        .map(|made| (name(made), made))
        .filter(|(name, made)| !(made.taken)(name))
        .map(|(name, _)| name)
        .collect()
}

/// Names around every edge of the rules.
fn project_names() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{1,8}(-[a-z0-9]{1,6}){0,4}",
        2 => "[a-z0-9]{12,16}-[a-z0-9]{14,18}",
        2 => "[a-zA-Z0-9._-]{0,12}",
        1 => "(xn|sthree|amzn-s3-demo|amzn-s3)(-[a-z0-9]{0,4}){0,3}",
        1 => "[ -~]{0,8}",
        1 => "[a-z]{1,8}(-s3alias|--ol-s3|[.]mrap|--x-s3|--table-s3)",
    ]
}

#[test]
fn a_project_name_is_taken_just_when_aws_takes_every_name_made_from_it() {
    let mut runner = TestRunner::default();
    let sample = |runner: &mut TestRunner| project_names().new_tree(runner).unwrap().current();
    let candidates: Vec<_> = (0..512).map(|_| sample(&mut runner)).collect();
    let Some(refused) = refused("project_name", &candidates) else { return };
    let made = made_names();
    let mut taken = 0;
    for candidate in &candidates {
        let bad = bad_names(candidate, &made);
        assert_eq!(refused.contains(candidate), !bad.is_empty(), "{candidate:?} would make {bad:?}");
        taken += usize::from(bad.is_empty());
    }
    assert!((128..384).contains(&taken), "{taken} of 512 names are good: the sample must hold both kinds");
}

#[test]
fn project_names_of_note_are_judged_one_by_one() {
    let longest = "a23456789-123456789-123456789-12";
    let good = owned(&["a", "7", "sre-copilot-dev", "sthreea", "xn", "amzn-s3", "a-sthree-b", "dev-s3alias", longest]);
    let bad = owned(&[
        "",
        "-a",
        "a-",
        "a--b",
        "A",
        "sre_copilot",
        "sre.copilot",
        "sre copilot",
        "é",
        "a\n",
        "xn--a",
        "sthree",
        "sthree-a",
        "amzn-s3-demo",
        "amzn-s3-demo-a",
        "a23456789-123456789-123456789-123",
    ]);
    let candidates: Vec<_> = good.iter().chain(&bad).cloned().collect();
    let Some(refused) = refused("project_name", &candidates) else { return };
    assert_eq!(refused, bad.into_iter().collect());
}

#[test]
fn regions_are_judged_by_their_form() {
    let good = owned(&["eu-west-1", "eu-central-2", "us-east-1", "ap-southeast-7", "ap-northeast-1", "il-central-1"]);
    let bad = owned(&[
        "",
        "eu-west",
        "eu-west-1a",
        "EU-WEST-1",
        "euwest1",
        "eu-west-1 ",
        "eu-west-0",
        "cn-north-1",
        "us-gov-west-1",
        "eu-west-1.example.com",
        "eu-northsoutheast-1",
    ]);
    let candidates: Vec<_> = good.iter().chain(&bad).cloned().collect();
    let Some(refused) = refused("region", &candidates) else { return };
    assert_eq!(refused, bad.into_iter().collect());
}

#[test]
fn a_refusal_names_the_rule_and_an_example() {
    let dir = tempfile::tempdir().unwrap();
    copy_variables(dir.path());
    for (name, expected) in [
        ("SRE", &["project_name must be 1 to 32", "sre-copilot-dev"][..]),
        ("sthree", &["must not start with xn--, sthree- or amzn-s3-demo-"]),
    ] {
        let Some(mut terraform) = tests::terraform::command(dir.path()) else { return };
        let arguments = ["plan", "-input=false", "-no-color", "-var", &format!("project_name={name}")];
        let plan = terraform.args(arguments).output().unwrap();
        assert!(!plan.status.success(), "{name}");
        let message = String::from_utf8(plan.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        let message = message.replace(" │", "");
        for part in expected {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

#[test]
fn every_variable_is_described_typed_and_checked() {
    let blocks = read_module("terraform/dev");
    let variables: Vec<_> = of_kind(&blocks, "variable").collect();
    assert_eq!(variables.iter().map(|(labels, _)| labels[0]).collect::<Vec<_>>(), ["project_name", "region"]);
    for (labels, body) in &variables {
        assert!(!value(body, "description").is_empty(), "{labels:?}");
        assert_eq!((value(body, "type"), value(body, "nullable")), ("string".to_owned(), "false".to_owned()));
        assert!(body.blocks().any(|block| block.identifier() == "validation"), "{labels:?}");
    }
    assert!(attribute(variables[0].1, "default").is_none(), "a project must be named");
    assert_eq!(attribute(variables[1].1, "default").map(text).as_deref(), Some("eu-west-1"));
}

#[test]
fn the_stand_in_has_the_same_variables() {
    let read = |module: &str| fs::read_to_string(tests::repo_root().join(module).join("variables.tf")).unwrap();
    assert_eq!(read("tests/fixtures/terraform"), read("terraform/dev"), "copy terraform/dev/variables.tf over");
}
