//! What the contract and engine tests share.

pub mod checkout;
pub mod engine;
pub mod fakes;
pub mod terraform;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The repository's root folder.
#[must_use]
pub fn repo_root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests crate is a folder of the repository").to_path_buf()
}

/// `docker compose` with none of the caller's variables and this empty home folder. Most of what it does needs no engine.
#[must_use]
pub fn compose(home: &Path) -> Command {
    let docker = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let docker = docker.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".docker"))).unwrap_or_default();
    let mut command = Command::new("docker");
    command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command.env("DOCKER_CONFIG", docker).stdin(Stdio::null()).arg("compose");
    command
}

/// Whether Compose is there. Where it is not, says so: the caller's test is then skipped. On CI that is a failure.
#[must_use]
#[track_caller]
pub fn compose_is_there() -> bool {
    let there = compose(Path::new("/")).arg("version").output().is_ok_and(|it| it.status.success());
    assert!(there || env::var_os("CI").is_none(), "there is no Docker Compose");
    if !there {
        eprintln!("skipped: there is no Docker Compose");
    }
    there
}
