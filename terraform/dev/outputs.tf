# Aurora DSQL's public endpoint is IDENTIFIER.dsql.REGION.on.aws. The provider exports no attribute that holds it:
# vpc_endpoint_service_name is for PrivateLink and has another middle part.

output "monitored_dsql_endpoint" {
  description = "Host name of the monitored Temporal cluster's database: TEMPORAL_SQL_HOST."
  value       = "${aws_dsql_cluster.monitored.identifier}.dsql.${var.region}.on.aws"
}

output "copilot_dsql_endpoint" {
  description = "Host name of the Copilot's database: COPILOT_DSQL_HOST."
  value       = "${aws_dsql_cluster.copilot.identifier}.dsql.${var.region}.on.aws"
}

output "knowledge_base_id" {
  description = "Bedrock Knowledge Base that the Copilot asks: COPILOT_KNOWLEDGE_BASE_ID."
  value       = aws_bedrockagent_knowledge_base.documents.id
}

output "data_source_id" {
  description = "Data source whose ingestion jobs read the document bucket."
  # Not `id`, which is this and the knowledge base's id in one string.
  value = aws_bedrockagent_data_source.documents.data_source_id
}

output "kb_source_bucket" {
  description = "Bucket that the documents are uploaded to."
  value       = aws_s3_bucket.documents.bucket
}

output "kb_vector_bucket" {
  description = "S3 Vectors bucket that holds the knowledge base's index."
  value       = aws_s3vectors_vector_bucket.documents.vector_bucket_name
}

output "project_name" {
  description = "Name that everything was made under; the state then says itself whose it is."
  value       = var.project_name
}

output "region" {
  description = "Region that everything is in: AWS_REGION and its kin."
  value       = var.region
}
