//! The AWS half: the AWS CLI, Terraform, the project, the knowledge base.

pub(crate) mod awscli;
pub(crate) mod credentials;
pub(crate) mod errors;
pub(crate) mod kb;
pub(crate) mod leftovers;
pub(crate) mod outputs;
pub(crate) mod project;
pub(crate) mod terraform;
