//! `cargo xtask`: the development lifecycle of the Temporal SRE Copilot.

fn main() {}
