//! The Rust toolchain, against the version that the workspace asks for.

use std::env;

use xshell::{Shell, cmd};

use super::Check;
use crate::{
    docker::engine::ANSWER,
    machine::{
        finding::{Finding, finding},
        process,
    },
};

/// `rust-version` of the workspace.
const FLOOR: &str = env!("CARGO_PKG_RUST_VERSION");

pub(super) fn check(sh: &Shell) -> Vec<Check> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    ["rustc", &cargo]
        .into_iter()
        .zip(["rust", "cargo"])
        .map(|(program, name)| Check::from(name, version(sh, program)))
        .collect()
}

fn version(sh: &Shell, program: &str) -> Result<String, Finding> {
    let printed = process::read_within(&mut cmd!(sh, "{program} --version").into(), ANSWER).map_err(|e| {
        let what = format!("{e:#}");
        let install = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
        finding(what.split(';').next().unwrap_or_default(), install)
    })?;
    // rustc 1.95.0 (59807616e 2026-04-14)
    let version = printed.split(' ').nth(1).unwrap_or_default().trim();
    if is_older(version, FLOOR) {
        return Err(finding(format!("{version} is too old: the workspace needs {FLOOR}"), "rustup update stable"));
    }
    Ok(version.to_owned())
}

fn is_older(version: &str, floor: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let release = text.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map_while(|it| it.parse().ok()).collect()
    };
    numbers(version) < numbers(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, older) in
            [("1.89.0", false), ("1.100.0", false), ("1.90.0-nightly", false), ("1.9.9", true), ("", true)]
        {
            assert_eq!(is_older(version, "1.89"), older, "{version}");
        }
    }
}
