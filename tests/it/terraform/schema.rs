//! Names that the aws provider knows. Its plug-in, which would tell, is not to be had offline; so each type used here
//! is listed with the arguments, blocks and attributes of its documentation that are of use. A type or a name that is
//! not listed fails: whoever adds one looks it up, and says whether it takes tags.

use std::collections::BTreeSet;

use hcl::{Block, Body, Expression};
use regex::Regex;

use super::{attribute, of_kind, parse, read_module, text};

struct Known {
    kind: &'static str,
    tags: bool,
    names: &'static str,
}

const RESOURCES: [Known; 13] = [
    Known { kind: "aws_dsql_cluster", tags: true, names: "deletion_protection_enabled identifier arn" },
    Known { kind: "aws_s3_bucket", tags: true, names: "bucket force_destroy id arn" },
    Known { kind: "aws_s3_bucket_versioning", tags: false, names: "bucket versioning_configuration status" },
    Known {
        kind: "aws_s3_bucket_server_side_encryption_configuration",
        tags: false,
        names: "bucket rule apply_server_side_encryption_by_default sse_algorithm kms_master_key_id bucket_key_enabled",
    },
    Known {
        kind: "aws_s3_bucket_public_access_block",
        tags: false,
        names: "bucket block_public_acls block_public_policy ignore_public_acls restrict_public_buckets",
    },
    Known { kind: "aws_s3_bucket_notification", tags: false, names: "bucket eventbridge" },
    Known {
        kind: "aws_s3vectors_vector_bucket",
        tags: true,
        names: "vector_bucket_name force_destroy encryption_configuration vector_bucket_arn",
    },
    Known {
        kind: "aws_s3vectors_index",
        tags: true,
        names: "index_name vector_bucket_name data_type dimension distance_metric encryption_configuration \
                metadata_configuration non_filterable_metadata_keys index_arn",
    },
    Known { kind: "aws_iam_role", tags: true, names: "name assume_role_policy description id arn" },
    Known { kind: "aws_iam_role_policy", tags: false, names: "name role policy id" },
    Known {
        kind: "aws_bedrockagent_knowledge_base",
        tags: true,
        names: "name role_arn description knowledge_base_configuration type vector_knowledge_base_configuration \
                embedding_model_arn embedding_model_configuration bedrock_embedding_model_configuration dimensions \
                embedding_data_type storage_configuration s3_vectors_configuration index_arn id arn",
    },
    Known {
        kind: "aws_bedrockagent_data_source",
        tags: false,
        names: "knowledge_base_id name description data_deletion_policy data_source_configuration type \
                s3_configuration bucket_arn inclusion_prefixes vector_ingestion_configuration chunking_configuration \
                chunking_strategy fixed_size_chunking_configuration max_tokens overlap_percentage data_source_id id",
    },
    Known { kind: "terraform_data", tags: false, names: "input triggers_replace provisioner command output id" },
];

const DATA: [Known; 2] = [
    Known { kind: "aws_caller_identity", tags: false, names: "account_id arn user_id" },
    Known {
        kind: "aws_iam_policy_document",
        tags: false,
        names: "statement sid effect actions resources principals type identifiers condition test variable values json",
    },
];

const REQUIRED_TAGS: [&str; 3] = ["Lifecycle", "ManagedBy", "Project"];

/// What is wrong with the tags of `blocks`: each resource that takes tags must have `local.tags`, alone or merged with
/// further ones that leave the required three alone.
fn tag_problems(blocks: &[Block]) -> Vec<String> {
    let mut problems = Vec::new();
    for (labels, body) in of_kind(blocks, "resource") {
        let address = labels.join(".");
        match known(&RESOURCES, labels[0]) {
            None => problems.push(format!("{address}: look up whether the type takes tags, and add it to the list")),
            Some(known) if known.tags && !attribute(body, "tags").is_some_and(carries_required_tags) => {
                problems.push(format!("{address}: tags must be local.tags, or merge(local.tags, {{ … }})"));
            }
            Some(_) => {}
        }
    }
    problems
}

fn carries_required_tags(tags: &Expression) -> bool {
    if text(tags) == "local.tags" {
        return true;
    }
    let Expression::FuncCall(call) = tags else { return false };
    let [first, Expression::Object(own)] = call.args.as_slice() else { return false };
    let overridden = own.keys().any(|key| REQUIRED_TAGS.contains(&key.to_string().as_str()));
    call.name.to_string() == "merge" && text(first) == "local.tags" && !overridden
}

/// Names of arguments and blocks, and references, that the provider or the module does not have.
fn name_problems(blocks: &[Block]) -> Vec<String> {
    let mut problems = Vec::new();
    for (kind, list) in [("resource", &RESOURCES[..]), ("data", &DATA[..])] {
        for (labels, body) in of_kind(blocks, kind) {
            let Some(known) = known(list, labels[0]) else {
                problems.push(format!("{kind} {}: unknown type", labels.join(".")));
                continue;
            };
            let mut used = BTreeSet::new();
            names_in(body, &mut used);
            problems.extend(
                used.into_iter()
                    .filter(|name| *name != "depends_on" && !(known.tags && *name == "tags") && !has(known, name))
                    .map(|name| format!("{kind} {}: unknown name {name}", labels.join("."))),
            );
        }
    }
    problems.extend(reference_problems(blocks));
    problems
}

fn reference_problems(blocks: &[Block]) -> Vec<String> {
    let source: String = blocks.iter().map(|block| hcl::format::to_string(block).unwrap()).collect();
    let declared = declared(blocks);
    let mut problems = Vec::new();
    let resource =
        Regex::new(r"(?-u:\b)(data\.)?((?:aws|terraform)_[a-z0-9_]+)\.([a-z0-9_]+)(?:\.([a-z0-9_]+))?").unwrap();
    for found in resource.captures_iter(&source) {
        let data = if found.get(1).is_some() { "data." } else { "" };
        let address = format!("{data}{}.{}", &found[2], &found[3]);
        let list = if data.is_empty() { &RESOURCES[..] } else { &DATA[..] };
        if !declared.contains(&address) {
            problems.push(format!("{address} is not declared"));
        } else if let (Some(name), Some(known)) = (found.get(4), known(list, &found[2]))
            && !has(known, name.as_str())
        {
            problems.push(format!("{address} has no {}", name.as_str()));
        }
    }
    let scalar = Regex::new(r"(?-u:\b)(?:var|local)\.[a-z0-9_]+").unwrap();
    problems.extend(
        scalar
            .find_iter(&source)
            .filter(|found| !declared.contains(found.as_str()))
            .map(|found| format!("{} is not declared", found.as_str())),
    );
    problems
}

fn declared(blocks: &[Block]) -> BTreeSet<String> {
    let mut declared = BTreeSet::new();
    declared.extend(of_kind(blocks, "resource").map(|(labels, _)| labels.join(".")));
    declared.extend(of_kind(blocks, "data").map(|(labels, _)| format!("data.{}", labels.join("."))));
    declared.extend(of_kind(blocks, "variable").map(|(labels, _)| format!("var.{}", labels[0])));
    for (_, body) in of_kind(blocks, "locals") {
        declared.extend(body.attributes().map(|local| format!("local.{}", local.key())));
    }
    declared
}

fn known<'a>(list: &'a [Known], kind: &str) -> Option<&'a Known> {
    list.iter().find(|known| known.kind == kind)
}

fn has(known: &Known, name: &str) -> bool {
    known.names.split_whitespace().any(|known| known == name)
}

fn names_in<'a>(body: &'a Body, names: &mut BTreeSet<&'a str>) {
    names.extend(body.attributes().map(hcl::Attribute::key));
    for block in body.blocks() {
        names.insert(block.identifier());
        names_in(block.body(), names);
    }
}

fn problems_of(check: fn(&[Block]) -> Vec<String>, source: &str) -> Vec<String> {
    check(&parse(source, "snippet".as_ref()))
}

#[test]
fn every_resource_that_takes_tags_carries_the_three() {
    let blocks = read_module("terraform/dev");
    assert_eq!(tag_problems(&blocks), [""; 0]);

    let (_, locals) = of_kind(&blocks, "locals").next().unwrap();
    let Some(Expression::Object(tags)) = attribute(locals, "tags") else { panic!("local.tags must be an object") };
    let tags: BTreeSet<_> = tags.iter().map(|(key, tag)| format!("{key} = {}", text(tag))).collect();
    assert_eq!(
        tags.into_iter().collect::<Vec<_>>(),
        ["Lifecycle = ephemeral", "ManagedBy = terraform", "Project = var.project_name"]
    );
}

#[test]
fn missing_and_overridden_tags_and_unknown_types_are_found() {
    for (source, expected) in [
        (r#"resource "aws_s3_bucket" "a" { bucket = "a" }"#, 1),
        (r#"resource "aws_s3_bucket" "a" { tags = { Project = "a" } }"#, 1),
        (r#"resource "aws_s3_bucket" "a" { tags = merge(local.tags, { Lifecycle = "kept" }) }"#, 1),
        (r#"resource "aws_s3_bucket" "a" { tags = merge({ Name = "a" }, local.tags) }"#, 1),
        (r#"resource "aws_sqs_queue" "a" { tags = local.tags }"#, 1),
        (r#"resource "aws_s3_bucket" "a" { tags = merge(local.tags, { Name = "a" }) }"#, 0),
        (r#"resource "aws_s3_bucket_versioning" "a" { bucket = "a" }"#, 0),
    ] {
        assert_eq!(problems_of(tag_problems, source).len(), expected, "{source}");
    }
}

#[test]
fn every_name_is_the_providers_and_every_reference_is_declared() {
    for module in ["terraform/dev", "tests/fixtures/terraform"] {
        assert_eq!(name_problems(&read_module(module)), [""; 0], "{module}");
    }
}

#[test]
fn misspelt_names_and_dangling_references_are_found() {
    for (source, expected) in [
        (r#"resource "aws_s3_bucket" "a" { buckett = "a" }"#, "resource aws_s3_bucket.a: unknown name buckett"),
        (r#"resource "aws_s3_bucket" "a" { bucket = var.name }"#, "var.name is not declared"),
        (r#"resource "aws_s3_bucket" "a" { bucket = "${local.name}-a" }"#, "local.name is not declared"),
        (r#"output "a" { value = aws_s3_bucket.a.arn }"#, "aws_s3_bucket.a is not declared"),
        (r#"data "aws_region" "a" {}"#, "data aws_region.a: unknown type"),
        (
            r#"resource "aws_dsql_cluster" "a" {} output "a" { value = aws_dsql_cluster.a.endpoint }"#,
            "aws_dsql_cluster.a has no endpoint",
        ),
    ] {
        let source = source.replace("} output", "}\noutput");
        assert_eq!(problems_of(name_problems, &source), [expected], "{source}");
    }
}
