//! A workspace that xtask may change, and what answers in AWS's place.

pub mod bedrock;
pub mod moto;
pub mod workspace;

use std::{
    collections::BTreeMap,
    env,
    process::{Command, Stdio},
    sync::Mutex,
};

/// Terraform or OpenTofu, for [`are_there`].
pub const TERRAFORM: (&str, &str) = ("terraform or tofu", "version");
/// The AWS CLI, for [`are_there`].
pub const AWS: (&str, &str) = ("aws", "--version");
/// Moto's server, which stands in for S3, for [`are_there`].
pub const MOTO: (&str, &str) = ("moto_server", "--help");

/// Prometheus, which Debian's package of that name has with promtool, for [`are_there`].
pub const PROMETHEUS: (&str, &str) = ("prometheus", "--version");

/// Whether the programs are there, each tried with its argument. Where one is not, says so: the caller's test is then
/// skipped. On CI (`CI` is set) the test fails instead, so that nothing goes untested unseen.
#[track_caller]
pub fn are_there(programs: &[(&'static str, &str)]) -> bool {
    static KNOWN: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let runs = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|it| it.success())
    };
    let mut is_there = |(programs, argument): &&(&'static str, &str)| {
        *known.entry(programs).or_insert_with(|| programs.split(" or ").any(|it| runs(it, argument)))
    };
    let missing: Vec<&str> = programs.iter().filter(|it| !is_there(it)).map(|(program, _)| *program).collect();
    drop(known);
    if missing.is_empty() {
        return true;
    }
    let text = format!("not on PATH: {}", missing.join(", "));
    assert!(env::var_os("CI").is_none(), "{text}");
    tests::left_out(&text);
    false
}
