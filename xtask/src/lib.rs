//! The development lifecycle of the Temporal SRE Copilot, a folder a subject. Imports go down only: `commands`, then
//! `up`, `doctor` and `preflight`, `schema`, `images`, `stack`, `aws`, `settings`, `docker`, `cli`, `machine`.
//!
//! What is `pub` here is for the binary and for the package `check`; everything else is the crate's own.

#![warn(unreachable_pub)]
// These panic where nobody reads any more: `machine::term` does not.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

#[cfg(windows)]
compile_error!(
    "xtask does not run on Windows itself: install WSL 2 (`wsl --install`), and clone and run this repository inside it"
);

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
mod up;

/// Every variable that the compose files may refer to, beside what the machine itself decides.
pub fn variables() -> impl Iterator<Item = &'static str> {
    settings::variables::ALL.iter().map(|it| it.name).chain(stack::environment::DERIVED.iter().copied())
}
