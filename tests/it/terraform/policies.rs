//! The role that Bedrock takes on may do what the knowledge base needs, and nothing else.

use std::collections::BTreeMap;

use hcl::{Block, Body};

use super::{attribute, list, of_kind, parse, read_module, resource, value};

/// What is wrong with the policies of `blocks`: they must be `aws_iam_policy_document`s, allow by name, and each
/// resource must be one thing, or the objects of one bucket.
fn policy_problems(blocks: &[Block]) -> Vec<String> {
    let mut problems = Vec::new();
    for (labels, body) in of_kind(blocks, "data").filter(|(labels, _)| labels[0] == "aws_iam_policy_document") {
        for statement in statements(body) {
            let mut problem = |what: String| problems.push(format!("{}: {what}", labels[1]));
            let actions = listed(statement, "actions");
            if actions.is_empty() {
                problem("a statement without actions".to_owned());
            }
            for action in actions.iter().filter(|action| action.contains(['*', '?'])) {
                problem(format!("action {action}"));
            }
            for resource in listed(statement, "resources").iter().filter(|resource| is_wild(resource)) {
                problem(format!("resource {resource}"));
            }
            for inverted in ["not_actions", "not_resources", "not_principals", "effect"] {
                if attribute(statement, inverted).is_some() {
                    problem(inverted.to_owned());
                }
            }
            for principal in statement.blocks().filter(|block| block.identifier() == "principals") {
                if listed(principal.body(), "identifiers").iter().any(|identifier| identifier.contains('*')) {
                    problem("principal *".to_owned());
                }
            }
        }
    }
    for (labels, body) in of_kind(blocks, "resource") {
        for policy in ["policy", "assume_role_policy"] {
            let written = value(body, policy);
            if !written.is_empty() && !written.starts_with("data.aws_iam_policy_document.") {
                problems.push(format!("{}: {policy} must be an aws_iam_policy_document", labels.join(".")));
            }
        }
    }
    problems
}

fn is_wild(resource: &str) -> bool {
    let one_buckets_objects = resource.strip_prefix("${aws_s3_bucket.").and_then(|rest| rest.strip_suffix(".arn}/*"));
    match one_buckets_objects {
        Some(bucket) => bucket.contains(['*', '$']),
        None => resource.contains(['*', '?']),
    }
}

fn statements(document: &Body) -> impl Iterator<Item = &Body> {
    document.blocks().filter(|block| block.identifier() == "statement").map(Block::body)
}

fn listed(body: &Body, name: &str) -> Vec<String> {
    attribute(body, name).map(list).unwrap_or_default()
}

/// The conditions of a statement: variable, test and value.
fn conditions(statement: &Body) -> Vec<[String; 3]> {
    let conditions = statement.blocks().filter(|block| block.identifier() == "condition").map(Block::body);
    conditions.map(|body| [value(body, "variable"), value(body, "test"), listed(body, "values").join(" ")]).collect()
}

fn document<'a>(blocks: &'a [Block], name: &str) -> &'a Body {
    let mut found = of_kind(blocks, "data").filter(|(labels, _)| labels[..] == ["aws_iam_policy_document", name]);
    found.next().unwrap_or_else(|| panic!("no policy document {name}")).1
}

#[test]
fn no_policy_has_a_wildcard_for_an_action_a_resource_or_a_principal() {
    assert_eq!(policy_problems(&read_module("terraform/dev")), [""; 0]);
}

#[test]
fn wildcards_and_inline_policies_are_found() {
    for (statement, expected) in [
        (r#"actions = ["s3:*"]"#, "p: action s3:*"),
        (r#"actions = ["s3:Get?bject"]"#, "p: action s3:Get?bject"),
        ("actions = []", "p: a statement without actions"),
        (
            r#"actions = ["s3:GetObject"]
            resources = ["*"]"#,
            "p: resource *",
        ),
        (
            r#"actions = ["s3:GetObject"]
            resources = ["arn:aws:s3:::*/*"]"#,
            "p: resource arn:aws:s3:::*/*",
        ),
        (
            r#"actions = ["s3:GetObject"]
            not_resources = ["arn:aws:s3:::a"]"#,
            "p: not_resources",
        ),
    ] {
        let source = format!("data \"aws_iam_policy_document\" \"p\" {{\nstatement {{\n{statement}\n}}\n}}");
        assert_eq!(policy_problems(&parse(&source, "snippet".as_ref())), [expected], "{source}");
    }
    let inline = r#"resource "aws_iam_role_policy" "p" { policy = jsonencode({}) }"#;
    assert_eq!(
        policy_problems(&parse(inline, "snippet".as_ref())),
        ["aws_iam_role_policy.p: policy must be an aws_iam_policy_document"]
    );
}

#[test]
fn the_role_reads_the_documents_uses_the_index_and_calls_one_model() {
    let blocks = read_module("terraform/dev");
    let role = document(&blocks, "knowledge_base");
    let allowed: BTreeMap<_, _> =
        statements(role).flat_map(|s| listed(s, "actions").into_iter().map(|a| (a, listed(s, "resources")))).collect();
    let allowed: Vec<_> = allowed.iter().map(|(action, on)| format!("{action} on {}", on.join(" "))).collect();
    assert_eq!(
        allowed,
        [
            "bedrock:InvokeModel on local.embedding_model_arn",
            "s3:GetObject on ${aws_s3_bucket.documents.arn}/*",
            "s3:ListBucket on aws_s3_bucket.documents.arn",
            "s3vectors:DeleteVectors on aws_s3vectors_index.documents.index_arn",
            "s3vectors:GetIndex on aws_s3vectors_index.documents.index_arn",
            "s3vectors:GetVectors on aws_s3vectors_index.documents.index_arn",
            "s3vectors:PutVectors on aws_s3vectors_index.documents.index_arn",
            "s3vectors:QueryVectors on aws_s3vectors_index.documents.index_arn",
        ]
    );

    let (_, locals) = of_kind(&blocks, "locals").next().unwrap();
    assert_eq!(
        value(locals, "embedding_model_arn"),
        "arn:aws:bedrock:${var.region}::foundation-model/amazon.titan-embed-text-v2:0"
    );
    assert_eq!(
        value(resource(&blocks, "aws_iam_role_policy"), "policy"),
        "data.aws_iam_policy_document.knowledge_base.json"
    );
}

#[test]
fn only_this_accounts_bucket_is_read() {
    let blocks = read_module("terraform/dev");
    let reads = statements(document(&blocks, "knowledge_base"))
        .filter(|statement| listed(statement, "actions").iter().any(|action| action.starts_with("s3:")));
    for statement in reads {
        assert_eq!(conditions(statement), [["aws:ResourceAccount", "StringEquals", "local.account_id"]]);
    }
}

#[test]
fn only_bedrock_takes_the_role_and_only_for_this_accounts_knowledge_bases() {
    let blocks = read_module("terraform/dev");
    assert_eq!(
        value(resource(&blocks, "aws_iam_role"), "assume_role_policy"),
        "data.aws_iam_policy_document.trust.json"
    );
    let [statement] = statements(document(&blocks, "trust")).collect::<Vec<_>>()[..] else { panic!("one statement") };
    assert_eq!(listed(statement, "actions"), ["sts:AssumeRole"]);
    let principals = super::nested(statement, &["principals"]);
    assert_eq!(
        (value(principals, "type"), listed(principals, "identifiers")),
        ("Service".to_owned(), vec!["bedrock.amazonaws.com".to_owned()])
    );
    assert_eq!(
        conditions(statement),
        [
            ["aws:SourceAccount", "StringEquals", "local.account_id"],
            ["aws:SourceArn", "ArnLike", "arn:aws:bedrock:${var.region}:${local.account_id}:knowledge-base/*"]
        ]
    );
}
