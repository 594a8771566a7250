//! The AWS half: the AWS CLI, Terraform, the project, the knowledge base.

pub mod awscli;
pub mod errors;
pub mod kb;
pub mod project;
pub mod terraform;
