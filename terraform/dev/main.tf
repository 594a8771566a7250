# The AWS half of the development environment: two Aurora DSQL clusters and a Bedrock Knowledge Base on S3 Vectors.
# All of it is ephemeral: `terraform destroy` leaves nothing behind, whatever was put into it.

terraform {
  # 1.6 is OpenTofu's first version; no feature used here is newer.
  required_version = ">= 1.6.0, < 2.0.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.24 brought the aws_s3vectors_* resources, 6.26 the index's metadata_configuration, 6.27 the knowledge base's
      # s3_vectors_configuration. A new major version may rename arguments, and nothing here has been tried with one.
      #
      # No lock file is committed: its checksums must come from the registry that serves the provider. The first
      # `terraform init` writes .terraform.lock.hcl; from then on it pins the provider.
      version = ">= 6.27.0, < 7.0.0"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

locals {
  # Given to each resource that takes tags, not through the provider's default_tags: so a reader, and a test, sees them.
  tags = {
    Project   = var.project_name
    ManagedBy = "terraform"
    Lifecycle = "ephemeral"
  }

  account_id          = data.aws_caller_identity.current.account_id
  embedding_model_arn = "arn:aws:bedrock:${var.region}::foundation-model/amazon.titan-embed-text-v2:0"

  # The index and the embedding model must agree on this.
  dimensions = 1024
}

# --- Databases ---

resource "aws_dsql_cluster" "monitored" {
  deletion_protection_enabled = false
  tags                        = merge(local.tags, { Name = "${var.project_name}-monitored" })
}

resource "aws_dsql_cluster" "copilot" {
  deletion_protection_enabled = false
  tags                        = merge(local.tags, { Name = "${var.project_name}-copilot" })
}

# --- Documents ---

resource "aws_s3_bucket" "documents" {
  # Bucket names are global: the account and the region make it ours.
  bucket        = "${var.project_name}-kb-${local.account_id}-${var.region}"
  force_destroy = true
  tags          = local.tags
}

resource "aws_s3_bucket_versioning" "documents" {
  bucket = aws_s3_bucket.documents.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "documents" {
  bucket = aws_s3_bucket.documents.id

  # S3's own key: a key in KMS costs, outlives `destroy` by a week and would need kms:Decrypt in the role below.
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "documents" {
  bucket = aws_s3_bucket.documents.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_notification" "documents" {
  bucket      = aws_s3_bucket.documents.id
  eventbridge = true
}

# --- Vectors ---

resource "aws_s3vectors_vector_bucket" "documents" {
  vector_bucket_name = "${var.project_name}-vectors"
  force_destroy      = true
  tags               = local.tags
}

resource "aws_s3vectors_index" "documents" {
  vector_bucket_name = aws_s3vectors_vector_bucket.documents.vector_bucket_name
  index_name         = "documents"
  data_type          = "float32"
  dimension          = local.dimensions
  distance_metric    = "cosine"
  tags               = local.tags

  # Bedrock writes the chunk's text and its own metadata under these keys. Filterable metadata is limited to 2 KB per
  # vector, which one chunk exceeds, and nobody filters by them.
  metadata_configuration {
    non_filterable_metadata_keys = ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]
  }
}

# --- The role that Bedrock takes on ---

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["bedrock.amazonaws.com"]
    }

    # Without these two Bedrock could be led to use this role for somebody else's knowledge base.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    # The id cannot be named: the knowledge base needs the role first.
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:bedrock:${var.region}:${local.account_id}:knowledge-base/*"]
    }
  }
}

data "aws_iam_policy_document" "knowledge_base" {
  statement {
    sid       = "ListDocuments"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.documents.arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "ReadDocuments"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.documents.arn}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid = "UseIndex"
    actions = [
      "s3vectors:DeleteVectors",
      "s3vectors:GetIndex",
      "s3vectors:GetVectors",
      "s3vectors:PutVectors",
      "s3vectors:QueryVectors",
    ]
    resources = [aws_s3vectors_index.documents.index_arn]
  }

  statement {
    sid       = "EmbedText"
    actions   = ["bedrock:InvokeModel"]
    resources = [local.embedding_model_arn]
  }
}

resource "aws_iam_role" "knowledge_base" {
  # Roles are per account, not per region.
  name               = "${var.project_name}-kb-${var.region}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "knowledge_base" {
  name   = "knowledge-base"
  role   = aws_iam_role.knowledge_base.id
  policy = data.aws_iam_policy_document.knowledge_base.json
}

# --- Knowledge base ---

resource "aws_bedrockagent_knowledge_base" "documents" {
  name     = "${var.project_name}-kb"
  role_arn = aws_iam_role.knowledge_base.arn
  tags     = local.tags

  knowledge_base_configuration {
    type = "VECTOR"

    vector_knowledge_base_configuration {
      embedding_model_arn = local.embedding_model_arn

      embedding_model_configuration {
        bedrock_embedding_model_configuration {
          dimensions          = local.dimensions
          embedding_data_type = "FLOAT32"
        }
      }
    }
  }

  storage_configuration {
    type = "S3_VECTORS"

    s3_vectors_configuration {
      index_arn = aws_s3vectors_index.documents.index_arn
    }
  }

  # Bedrock tries the role's permissions when it makes the knowledge base; going, they must outlast it.
  depends_on = [aws_iam_role_policy.knowledge_base]
}

resource "aws_bedrockagent_data_source" "documents" {
  knowledge_base_id = aws_bedrockagent_knowledge_base.documents.id
  name              = "${var.project_name}-documents"

  # Concerns only the deletion of the data source: the vectors go with their index right after. With DELETE, Bedrock
  # empties the index first, and a data source whose vectors it cannot reach can no longer be deleted.
  data_deletion_policy = "RETAIN"

  data_source_configuration {
    type = "S3"

    s3_configuration {
      bucket_arn = aws_s3_bucket.documents.arn
    }
  }

  vector_ingestion_configuration {
    chunking_configuration {
      chunking_strategy = "FIXED_SIZE"

      fixed_size_chunking_configuration {
        max_tokens         = 512
        overlap_percentage = 20
      }
    }
  }
}
