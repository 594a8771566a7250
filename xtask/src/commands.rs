//! One file per command: its `run`, and what only it says.

pub(crate) mod check;
pub(crate) mod dev_build;
pub(crate) mod dev_down;
pub(crate) mod dev_exec;
pub(crate) mod dev_logs;
pub(crate) mod dev_ps;
pub(crate) mod dev_restart;
pub(crate) mod dev_status;
pub(crate) mod dev_up;
pub(crate) mod doctor;
pub(crate) mod env_check;
pub(crate) mod env_init;
pub(crate) mod env_sync;
pub(crate) mod infra_apply;
pub(crate) mod infra_destroy;
pub(crate) mod infra_output;
pub(crate) mod infra_status;
pub(crate) mod kb_ingest;
pub(crate) mod kb_jobs;
pub(crate) mod kb_populate;
pub(crate) mod kb_status;
pub(crate) mod kb_sync;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod support;
pub(crate) mod test;
