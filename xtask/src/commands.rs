//! One file per command: its `run`, and what only it says.

pub mod bench;
pub mod dev_build;
pub mod dev_down;
pub mod dev_exec;
pub mod dev_logs;
pub mod dev_ps;
pub mod dev_restart;
pub mod dev_status;
pub mod dev_up;
pub mod env_check;
pub mod env_init;
pub mod env_sync;
pub mod infra_apply;
pub mod infra_destroy;
pub mod infra_output;
pub mod infra_status;
pub mod kb_ingest;
pub mod kb_jobs;
pub mod kb_populate;
pub mod kb_status;
pub mod kb_sync;
pub mod test;
