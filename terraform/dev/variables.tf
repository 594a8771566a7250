variable "project_name" {
  description = "Starts the name of everything made here, and is the value of its Project tag."
  type        = string
  nullable    = false

  # The longest name made from it is the document bucket's, PROJECT-kb-ACCOUNT-REGION: 63 characters that S3 allows,
  # less 4 for "-kb-", 12 for the account, 1 for "-" and 14 for the longest region, leave 32. Bedrock refuses two
  # hyphens in a row, S3 Vectors refuses dots. The region ends the bucket's name, so none of S3's reserved suffixes
  # (-s3alias, --ol-s3, .mrap, --x-s3, --table-s3) can come about.
  validation {
    condition     = can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) <= 32
    error_message = "project_name must be 1 to 32 characters: lowercase letters, digits and single hyphens between them, such as sre-copilot-dev."
  }

  # The hyphen is added because our names go on with one: "sthree" alone would become "sthree-kb-…".
  validation {
    condition     = alltrue([for prefix in ["xn--", "sthree-", "amzn-s3-demo-"] : !startswith("${var.project_name}-", prefix)])
    error_message = "project_name must not start with xn--, sthree- or amzn-s3-demo-: S3 keeps these for itself."
  }
}

variable "region" {
  description = "AWS region of both clusters and the knowledge base. The Copilot's models are reached through EU inference profiles, so it needs an EU region."
  type        = string
  default     = "eu-west-1"
  nullable    = false

  # China's regions have the same form, but another partition: no Aurora DSQL, and neither our ARNs nor our endpoints.
  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]{4,9}-[1-9]$", var.region)) && !startswith(var.region, "cn-")
    error_message = "region must be the code of a commercial AWS region, such as eu-west-1."
  }
}
