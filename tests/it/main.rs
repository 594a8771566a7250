//! The repository held against itself, and its parts run for real. One binary, one module per subject.

mod dashboards;
mod env;
mod infra;
mod kb;
mod paths;
mod preflight;
mod support;
mod terraform;
mod usage;
