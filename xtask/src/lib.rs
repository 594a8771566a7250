//! The development lifecycle of the Temporal SRE Copilot, a folder a subject. Imports go down only: `commands`, then
//! `doctor` and `preflight`, `schema`, `images`, `stack`, `aws`, `settings`, `docker`, `cli`, `machine`.
//!
//! What is `pub` here is for the binary and for the package `check`; everything else is the crate's own.

#![warn(unreachable_pub)]

mod aws;
pub mod cli;
mod commands;
mod docker;
mod doctor;
pub mod images;
pub mod machine;
mod preflight;
mod schema;
pub mod settings;
pub mod stack;
