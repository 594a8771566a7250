//! A workspace of a test's own: the files that the AWS commands look at, with the stand-in module as `terraform/dev`.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;
use tests::{
    checkout::{Outcome, run, xtask},
    repo_root, terraform,
};

/// Removed when it is dropped.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    pub fn new() -> Workspace {
        let folder = tempfile::tempdir().expect("cannot make a folder");
        let workspace = Workspace { folder };
        workspace.write("dev/.env.example", &fs::read_to_string(repo_root().join("dev/.env.example")).unwrap());
        terraform::copy_fixture(&workspace.root().join("terraform/dev")).unwrap();
        fs::create_dir_all(workspace.home()).unwrap();
        workspace
    }

    /// The root; its name has a space, as a user's may.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("my work")
    }

    /// The home folder that xtask and its children see: empty.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.root().join(file)
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[track_caller]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }

    /// Runs the real xtask here, without a terminal.
    pub fn xtask(&self, arguments: &[&str]) -> Outcome {
        run(self.command().args(arguments))
    }

    /// The real xtask here, with no more to do. No variable of the caller's that concerns AWS, Terraform or the stack
    /// gets through.
    pub fn command(&self) -> Command {
        let mut command = Command::new(xtask());
        let prefixes = ["AWS_", "TF_", "TEMPORAL_", "COPILOT_", "DSQL_", "COMPOSE_", "GRAFANA_"];
        for (name, _) in env::vars_os() {
            if prefixes.iter().any(|it| name.to_string_lossy().starts_with(it)) {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.root())
            .env("CARGO_MANIFEST_DIR", self.root().join("xtask"))
            .env("HOME", self.home())
            .stdin(Stdio::null());
        command
    }
}
