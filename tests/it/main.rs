//! The repository held against itself, and its parts run for real. One binary, one module per subject.

mod dashboards;
mod paths;
mod preflight;
mod terraform;
mod usage;
