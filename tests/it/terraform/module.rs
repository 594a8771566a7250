//! What `terraform/dev` makes, and what it gives out.

use std::process::Stdio;

use super::{attribute, list, nested, of_kind, read_module, resource, resources, value};

#[test]
fn two_dsql_clusters_can_be_deleted_without_further_ado() {
    let blocks = read_module("terraform/dev");
    let clusters = resources(&blocks, "aws_dsql_cluster");
    let names: Vec<_> = clusters.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["monitored", "copilot"]);
    for (name, cluster) in clusters {
        assert_eq!(value(cluster, "deletion_protection_enabled"), "false", "{name}");
    }
}

#[test]
fn a_full_bucket_does_not_stop_destroy() {
    let blocks = read_module("terraform/dev");
    for kind in ["aws_s3_bucket", "aws_s3vectors_vector_bucket"] {
        assert_eq!(value(resource(&blocks, kind), "force_destroy"), "true", "{kind}");
    }
    let data_source = resource(&blocks, "aws_bedrockagent_data_source");
    assert_eq!(value(data_source, "data_deletion_policy"), "RETAIN");
}

#[test]
fn the_document_bucket_is_versioned_encrypted_private_and_heard() {
    let blocks = read_module("terraform/dev");
    let versioning = resource(&blocks, "aws_s3_bucket_versioning");
    assert_eq!(value(nested(versioning, &["versioning_configuration"]), "status"), "Enabled");

    let encryption = resource(&blocks, "aws_s3_bucket_server_side_encryption_configuration");
    let default = nested(encryption, &["rule", "apply_server_side_encryption_by_default"]);
    assert_eq!(value(default, "sse_algorithm"), "AES256");

    let access = resource(&blocks, "aws_s3_bucket_public_access_block");
    for flag in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"] {
        assert_eq!(value(access, flag), "true", "{flag}");
    }

    let notification = resource(&blocks, "aws_s3_bucket_notification");
    assert_eq!(value(notification, "eventbridge"), "true");

    for body in [versioning, encryption, access, notification] {
        assert_eq!(value(body, "bucket"), "aws_s3_bucket.documents.id");
    }
}

#[test]
fn the_index_and_the_embedding_agree() {
    let blocks = read_module("terraform/dev");
    let (_, locals) = of_kind(&blocks, "locals").next().unwrap();
    assert_eq!(value(locals, "dimensions"), "1024");

    let index = resource(&blocks, "aws_s3vectors_index");
    assert_eq!(value(index, "dimension"), "local.dimensions");
    assert_eq!(value(index, "data_type"), "float32");
    assert_eq!(value(index, "distance_metric"), "cosine");
    let keys = attribute(nested(index, &["metadata_configuration"]), "non_filterable_metadata_keys").unwrap();
    assert_eq!(list(keys), ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]);

    let knowledge_base = resource(&blocks, "aws_bedrockagent_knowledge_base");
    let vector = nested(knowledge_base, &["knowledge_base_configuration", "vector_knowledge_base_configuration"]);
    assert_eq!(value(vector, "embedding_model_arn"), "local.embedding_model_arn");
    let model = nested(vector, &["embedding_model_configuration", "bedrock_embedding_model_configuration"]);
    assert_eq!(value(model, "dimensions"), "local.dimensions");
    assert_eq!(value(model, "embedding_data_type"), "FLOAT32");
    let store = nested(knowledge_base, &["storage_configuration"]);
    assert_eq!(value(store, "type"), "S3_VECTORS");
    let index_arn = value(nested(store, &["s3_vectors_configuration"]), "index_arn");
    assert_eq!(index_arn, "aws_s3vectors_index.documents.index_arn");
}

#[test]
fn the_knowledge_base_waits_for_the_roles_permissions() {
    let blocks = read_module("terraform/dev");
    let knowledge_base = resource(&blocks, "aws_bedrockagent_knowledge_base");
    assert_eq!(value(knowledge_base, "role_arn"), "aws_iam_role.knowledge_base.arn");
    assert_eq!(list(attribute(knowledge_base, "depends_on").unwrap()), ["aws_iam_role_policy.knowledge_base"]);
}

#[test]
fn documents_are_cut_into_512_tokens_with_a_fifth_in_common() {
    let blocks = read_module("terraform/dev");
    let data_source = resource(&blocks, "aws_bedrockagent_data_source");
    let chunking = nested(data_source, &["vector_ingestion_configuration", "chunking_configuration"]);
    assert_eq!(value(chunking, "chunking_strategy"), "FIXED_SIZE");
    let size = nested(chunking, &["fixed_size_chunking_configuration"]);
    assert_eq!((value(size, "max_tokens"), value(size, "overlap_percentage")), ("512".to_owned(), "20".to_owned()));
    let source = nested(data_source, &["data_source_configuration"]);
    assert_eq!(value(source, "type"), "S3");
    assert_eq!(value(nested(source, &["s3_configuration"]), "bucket_arn"), "aws_s3_bucket.documents.arn");
}

#[test]
fn the_outputs_are_there_and_described_and_the_stand_in_has_the_same() {
    let outputs = |module: &str| -> Vec<(String, String)> {
        let blocks = read_module(module);
        of_kind(&blocks, "output").map(|(labels, body)| (labels[0].to_owned(), value(body, "description"))).collect()
    };
    let ours = outputs("terraform/dev");
    let names: Vec<_> = ours.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "monitored_dsql_endpoint",
            "copilot_dsql_endpoint",
            "knowledge_base_id",
            "data_source_id",
            "kb_source_bucket",
            "kb_vector_bucket",
            "project_name",
            "region"
        ]
    );
    for (name, description) in &ours {
        assert!(description.ends_with('.'), "output {name} needs a description");
    }
    assert_eq!(outputs("tests/fixtures/terraform"), ours);
}

#[test]
fn the_outputs_are_what_the_copilot_and_the_aws_cli_take() {
    let blocks = read_module("terraform/dev");
    for (name, expected) in [
        ("monitored_dsql_endpoint", "${aws_dsql_cluster.monitored.identifier}.dsql.${var.region}.on.aws"),
        ("copilot_dsql_endpoint", "${aws_dsql_cluster.copilot.identifier}.dsql.${var.region}.on.aws"),
        ("knowledge_base_id", "aws_bedrockagent_knowledge_base.documents.id"),
        ("data_source_id", "aws_bedrockagent_data_source.documents.data_source_id"),
        ("kb_source_bucket", "aws_s3_bucket.documents.bucket"),
        ("kb_vector_bucket", "aws_s3vectors_vector_bucket.documents.vector_bucket_name"),
        ("project_name", "var.project_name"),
        ("region", "var.region"),
    ] {
        let (_, output) = of_kind(&blocks, "output").find(|(labels, _)| labels[0] == name).unwrap();
        assert_eq!(value(output, "value"), expected, "{name}");
    }
}

#[test]
fn versions_are_bounded_below_and_above() {
    let blocks = read_module("terraform/dev");
    let (_, terraform) = of_kind(&blocks, "terraform").next().unwrap();
    assert_eq!(value(terraform, "required_version"), ">= 1.6.0, < 2.0.0");
    let providers: Vec<_> = nested(terraform, &["required_providers"]).attributes().collect();
    assert_eq!(providers.iter().map(|provider| provider.key()).collect::<Vec<_>>(), ["aws"]);
    let hcl::Expression::Object(aws) = providers[0].expr() else { panic!("aws must be an object") };
    let aws: Vec<_> = aws.iter().map(|(key, setting)| format!("{key} = {}", super::text(setting))).collect();
    assert_eq!(aws, ["source = hashicorp/aws", "version = >= 6.27.0, < 7.0.0"]);
}

#[test]
fn every_file_is_formatted() {
    let Some(mut terraform) = tests::terraform::command(&tests::repo_root()) else { return };
    terraform.args(["fmt", "-check", "-diff", "-no-color", "-recursive", "terraform", "tests/fixtures/terraform"]);
    let output = terraform.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "run `terraform fmt -recursive`:\n{}", String::from_utf8_lossy(&output.stdout));
}
