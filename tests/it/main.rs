//! The repository held against itself, and its parts run for real. One binary, one module per subject.

mod check;
mod children;
mod commands;
mod compose;
mod credentials;
mod dashboards;
mod doctor;
mod env;
mod faults;
mod healing;
mod infra;
mod kb;
mod layers;
mod load;
mod model;
mod mounts;
mod output;
mod paths;
mod preflight;
mod render;
mod support;
mod support_file;
mod terraform;
mod usage;
mod variables;
mod words;
