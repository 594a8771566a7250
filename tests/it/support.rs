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

/// `terraform`, for [`are_there`].
pub const TERRAFORM: (&str, &str) = ("terraform", "version");
/// The AWS CLI, for [`are_there`].
pub const AWS: (&str, &str) = ("aws", "--version");
/// Moto's server, which stands in for S3, for [`are_there`].
pub const MOTO: (&str, &str) = ("moto_server", "--help");

/// Whether the programs are there, each tried with this argument. Where one is not, says so: the caller's test is then
/// skipped. On CI (`CI` is set) the test fails instead, so that nothing goes untested unseen.
#[track_caller]
pub fn are_there(programs: &[(&'static str, &str)]) -> bool {
    static KNOWN: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let mut runs = |(program, argument): &&(&'static str, &str)| {
        *known.entry(program).or_insert_with(|| {
            let mut command = Command::new(program);
            command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|it| it.success())
        })
    };
    let missing: Vec<&str> = programs.iter().filter(|it| !runs(it)).map(|(program, _)| *program).collect();
    drop(known);
    if missing.is_empty() {
        return true;
    }
    let text = format!("not on PATH: {}", missing.join(", "));
    assert!(env::var_os("CI").is_none(), "{text}");
    eprintln!("skipped, {text}");
    false
}
