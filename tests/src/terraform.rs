//! Terraform as the tests run it: offline, apart from the user's own settings, on a copy of a module.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{left_out, repo_root};

/// Copies the files of the stand-in for `terraform/dev` (`tests/fixtures/terraform`) into `dir`, which it makes.
///
/// `TF_VAR_fail=true` makes its apply fail half-way, `TF_VAR_slow=SECONDS` gives time to interrupt it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy_fixture(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(repo_root().join("tests/fixtures/terraform"))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "tf") {
            fs::copy(entry.path(), dir.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// `terraform`, or `tofu` where only that is installed, to be run in `dir` without any setting of the user's.
/// `None`, after a line that says so, if neither is on the PATH: the caller's test is then skipped.
#[must_use]
pub fn command(dir: &Path) -> Option<Command> {
    let Some(program) = ["terraform", "tofu"].into_iter().find(|program| is_installed(program)) else {
        left_out("neither terraform nor tofu is on the PATH");
        return None;
    };
    let mut command = Command::new(program);
    command.current_dir(dir).env_clear().env("HOME", dir).env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Some(command)
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}
