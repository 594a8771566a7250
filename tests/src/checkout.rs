//! A copy of this checkout in a folder of its own, and with it a compose project of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{engine, repo_root};

/// A copy of the checkout that this test was built in. Dropping it removes what its project has on the engine.
pub struct Checkout {
    folder: PathBuf,
    /// The copy's root.
    pub root: PathBuf,
    /// The compose project that xtask derives from the copy's folder.
    pub project: String,
    /// Added to every host port, by way of `--port-offset`.
    pub offset: u16,
    on_engine: bool,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Fails the test, with all that was printed, unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Outcome {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless all of these were printed, whether as a result or as narration.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Outcome {
        for part in parts {
            let printed = self.out.contains(part) || self.err.contains(part);
            assert!(printed, "`{part}` is not in\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        }
        self
    }

    /// What was printed to stdout, as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Outcome {
        Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Checkout {
    /// Copies the files that a commit of the working tree would hold. `name` says in the project's name whose it is.
    pub fn copy(name: &str) -> Checkout {
        Checkout::new(name, true)
    }

    /// The same for a test that starts nothing on the engine, and may run where there is none.
    pub fn without_engine(name: &str) -> Checkout {
        Checkout::new(name, false)
    }

    fn new(name: &str, on_engine: bool) -> Checkout {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let project = format!("test-{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(format!("{project}.d"));
        let root = folder.join(&project);
        for file in tracked_files() {
            let (from, to) = (repo_root().join(file), root.join(file));
            fs::create_dir_all(to.parent().expect("a file has a folder")).expect("cannot make a folder");
            fs::copy(&from, &to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
        }
        fs::create_dir_all(folder.join("home")).expect("cannot make a home folder");
        if on_engine {
            use_stand_ins(&root.join("dev"));
        }
        Checkout { folder, root, project, offset: engine::free_port_offset(), on_engine }
    }

    /// Has the compose files of another version name the images that were made here, as a new copy's do.
    pub fn use_stand_ins(&self) {
        use_stand_ins(&self.root.join("dev"));
    }

    /// Runs the real `xtask` on this copy, in its root, without a terminal.
    pub fn xtask(&self, arguments: &[&str]) -> Outcome {
        run(self.command().args(arguments))
    }

    /// `xtask dev-up --local` with this copy's port offset and further arguments.
    pub fn dev_up(&self, arguments: &[&str]) -> Outcome {
        run(&mut self.dev_up_command(arguments))
    }

    /// The same, not started yet.
    pub fn dev_up_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["dev-up", "--local", "--port-offset", &self.offset.to_string()]).args(arguments);
        command
    }

    /// The real `xtask` on this copy, with no more to do.
    ///
    /// The home folder is new and empty, and no AWS or stack variable of the caller gets through, but for four: images
    /// and checkouts are stand-ins by default, others where `TEMPORAL_IMAGE`, `COPILOT_IMAGE`, `TEMPORAL_DSQL_PATH` and
    /// `TEMPORAL_SRE_COPILOT_PATH` say so.
    pub fn command(&self) -> Command {
        let mut command = Command::new(xtask());
        let prefixes = ["AWS_", "TEMPORAL_", "COPILOT_", "DSQL_", "COMPOSE_", "GRAFANA_"];
        for (name, _) in env::vars().filter(|(name, _)| prefixes.iter().any(|it| name.starts_with(it))) {
            command.env_remove(name);
        }
        let docker = env::var("DOCKER_CONFIG").ok().or_else(|| Some(format!("{}/.docker", env::var("HOME").ok()?)));
        let choice = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let fixture = |name: &str| self.root.join("tests/fixtures").join(name).display().to_string();
        command
            .current_dir(&self.root)
            .env("CARGO_MANIFEST_DIR", self.root.join("xtask"))
            .env("DOCKER_CONFIG", docker.unwrap_or_default())
            .env("HOME", self.home())
            .env("TEMPORAL_IMAGE", choice("TEMPORAL_IMAGE", "standin/temporal-dsql-runtime:test"))
            .env("COPILOT_IMAGE", choice("COPILOT_IMAGE", "standin/temporal-sre-copilot:dev"))
            .env("TEMPORAL_DSQL_PATH", choice("TEMPORAL_DSQL_PATH", &fixture("temporal-dsql")))
            .env("TEMPORAL_SRE_COPILOT_PATH", choice("TEMPORAL_SRE_COPILOT_PATH", &fixture("temporal-sre-copilot")))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// The home folder that xtask sees.
    pub fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Replaces text in one of the copy's files; the text must be there.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(from), "{file} does not hold `{from}`");
        fs::write(&path, text.replace(from, to)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// The host port under which a port of the base compose file is published here.
    pub fn port(&self, base: u16) -> u16 {
        base + self.offset
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if self.on_engine {
            engine::remove_project(&self.project);
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Has the compose files name the images that were made here. What they name themselves may be there as well, and is the
/// user's.
pub fn use_stand_ins(dev: &Path) {
    for entry in fs::read_dir(dev).expect("cannot read a folder").flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with("docker-compose.") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let line = |it: &str| match it.split_once("image: ") {
            Some((indent, image)) if !image.starts_with("${") => {
                format!("{indent}image: standin/{}\n", image.rsplit('/').next().unwrap_or(image))
            }
            _ => format!("{it}\n"),
        };
        fs::write(&path, text.lines().map(line).collect::<String>()).expect("cannot write a compose file");
    }
}

/// Runs a command to its end and captures what it prints.
pub fn run(command: &mut Command) -> Outcome {
    command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}")).into()
}

fn tracked_files() -> &'static [String] {
    static FILES: OnceLock<Vec<String>> = OnceLock::new();
    FILES.get_or_init(list_files)
}

fn list_files() -> Vec<String> {
    let mut git = Command::new("git");
    git.current_dir(repo_root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = run(&mut git).expect(0).out;
    let there = |file: &&str| !file.is_empty() && repo_root().join(file).is_file();
    listed.split('\0').filter(there).map(str::to_owned).collect()
}

/// The binary, built once and beside the one that runs this.
pub fn xtask() -> &'static Path {
    static XTASK: OnceLock<PathBuf> = OnceLock::new();
    XTASK.get_or_init(|| {
        let mut build = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        build.current_dir(repo_root()).args(["build", "--quiet", "--package", "xtask"]);
        run(&mut build).expect(0);
        let test = env::current_exe().expect("a test has a binary");
        test.ancestors().nth(2).expect("a test's binary is in target/PROFILE/deps").join("xtask")
    })
}
