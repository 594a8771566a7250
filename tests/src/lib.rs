//! What the contract and engine tests share.

pub mod checkout;
pub mod engine;
pub mod fakes;
pub mod terraform;

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
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

/// Writes a program in a process of its own: what this one has open for writing, the children that other tests begin have
/// open for a moment too, and the system runs no such file ("Text file busy").
pub fn write_program(path: &Path, content: impl AsRef<[u8]>) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().expect("there is a shell");
    child.stdin.take().expect("it has a pipe").write_all(content.as_ref()).expect("it reads all");
    assert!(child.wait().expect("it ends").success(), "cannot write {}", path.display());
}

/// Whether Compose is there. Where it is not, says so: the caller's test is then skipped. On CI that is a failure.
#[must_use]
#[track_caller]
pub fn compose_is_there() -> bool {
    let there = compose(Path::new("/")).arg("version").output().is_ok_and(|it| it.status.success());
    assert!(there || env::var_os("CI").is_none(), "there is no Docker Compose");
    if !there {
        left_out("there is no Docker Compose");
    }
    there
}

/// Says that the running test leaves out what it is for, and why; to `cargo xtask test` too, which counts such tests
/// apart from those that passed.
pub fn left_out(why: &str) {
    eprintln!("skipped: {why}");
    let Some(list) = env::var_os("TESTS_LEFT_OUT") else { return };
    let test = thread::current().name().unwrap_or_default().to_owned();
    // One write, so that what several tests write at once is not mixed.
    let line = format!("{test}\t{}\n", why.replace('\n', " "));
    let file = OpenOptions::new().create(true).append(true).open(list);
    file.and_then(|mut it| it.write_all(line.as_bytes())).expect("cannot write down what is left out");
}
