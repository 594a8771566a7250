//! Stand-ins for docker, aws, cargo, rustc, git and terraform that write down how they are called.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    checkout::{Checkout, Outcome, run},
    repo_root, write_program,
};

/// The programs that xtask drives.
const PROGRAMS: [&str; 6] = ["docker", "aws", "cargo", "rustc", "git", "terraform"];
/// Programs of the machine that the fakes, and xtask's look at ports, may use.
const REAL: [&str; 4] = ["sh", "cat", "ss", "lsof"];
/// What only asks: all that may be called before everything has been checked, or where nothing may change.
const QUESTIONS: [&str; 25] = [
    " --version",
    "git --no-optional-locks ",
    "aws sts get-caller-identity ",
    "aws configure export-credentials ",
    " --generate-cli-skeleton ",
    "docker-compose version ",
    "docker version ",
    "docker info ",
    "docker context inspect ",
    "docker compose version",
    "docker buildx inspect ",
    "docker image inspect ",
    "docker container inspect ",
    "docker ps ",
    "docker logs --tail ",
    "docker volume ls ",
    "docker network ls ",
    "docker network inspect ",
    "docker create --mount ",
    "-probe:/probe0/lock -",
    "docker rm --force --volumes PROJECT-probe",
    "docker rm --force --volumes PROJECT-standins-probe",
    " config --hash ",
    " config --format json",
    "/_mapping",
];

/// A checkout on whose PATH there is nothing but fakes.
pub struct Fakes {
    /// The checkout.
    pub checkout: Checkout,
    /// What they are told to do, and what they wrote.
    pub folder: PathBuf,
}

impl Fakes {
    /// A copy of the checkout, with an engine that has every image and runs nothing.
    pub fn new() -> Fakes {
        Fakes::of(Checkout::without_engine("contract"))
    }

    /// The same with the two source checkouts beside it, as far as `tests/fixtures` has them.
    pub fn with_checkouts() -> Fakes {
        let fakes = Fakes::new();
        let root = &fakes.checkout.root;
        for name in ["temporal-dsql", "temporal-sre-copilot"] {
            symlink(root.join("tests/fixtures").join(name), root.with_file_name(name)).expect("cannot make a link");
        }
        fakes
    }

    /// The fakes beside a checkout.
    pub fn of(checkout: Checkout) -> Fakes {
        let folder = checkout.home().with_file_name("fakes");
        let fakes = Fakes { checkout, folder };
        fs::create_dir_all(fakes.bin()).expect("cannot make a folder");
        // A copy: another user may not get into the folder that this repository is in.
        let program = fs::read(repo_root().join("tests/fixtures/fakes/program")).expect("the program is there");
        write_program(&fakes.folder.join("program"), program);
        fakes.install(&PROGRAMS);
        for (name, path) in REAL.iter().filter_map(|name| Some((name, find(name)?))) {
            symlink(path, fakes.bin().join(name)).expect("cannot make a link");
        }
        fakes
    }

    /// The one folder on PATH.
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    fn install(&self, names: &[&str]) {
        let link = |it: &&str| symlink("../program", self.bin().join(it)).expect("cannot make a link");
        names.iter().for_each(link);
    }

    /// Puts a shell script on PATH, in the place of what is there.
    pub fn add(&self, program: &str, script: &str) {
        let path = self.bin().join(program);
        // Writing through a link would change the machine's own program.
        _ = fs::remove_file(&path);
        write_program(&path, format!("#!/bin/sh\n{script}\n"));
    }

    /// Makes every port that is taken look as if a program of this name, process 4711, had it.
    pub fn listens(&self, program: &str) {
        // An engine has a process for each port.
        let script = format!(
            "[ {program} = docker-proxy ] && pid=${{2##*:}} || pid=4711\n\
             echo \"LISTEN 0 4096 127.0.0.1:1 0.0.0.0:* users:((\\\"{program}\\\",pid=$pid,fd=7))\""
        );
        self.add("ss", &script);
    }

    /// Takes a program off PATH.
    pub fn remove(&self, program: &str) {
        fs::remove_file(self.bin().join(program)).unwrap_or_else(|error| panic!("{program}: {error}"));
    }

    /// Tells the fakes how to answer: `tests/fixtures/fakes/program` says which files there are.
    pub fn tell(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// What the fakes wrote to a file.
    pub fn told(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    /// Runs the real `xtask` among the fakes, in the checkout's root, without a terminal. A first `dev-up` gets the
    /// checkout's own ports where it names none: on the default ones somebody may listen.
    pub fn xtask(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        let remembered = self.checkout.root.join("dev/.rendered/mode.json").exists();
        match arguments {
            ["dev-up", rest @ ..] if !remembered && !rest.contains(&"--port-offset") => {
                command.args(["dev-up", "--port-offset", &self.checkout.offset.to_string()]).args(rest)
            }
            _ => command.args(arguments),
        };
        run(&mut command)
    }

    /// The same, of words with spaces between them.
    pub fn line(&self, line: &str) -> Outcome {
        self.xtask(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// `dev-up --local` with these words.
    pub fn up_local(&self, words: &str) -> Outcome {
        self.line(&format!("dev-up --local {words}"))
    }

    /// The real `xtask` among the fakes, with no more to do. Images and checkouts are the defaults of `dev/.env`.
    pub fn command(&self) -> Command {
        let mut command = self.checkout.command();
        for name in
            ["TEMPORAL_IMAGE", "COPILOT_IMAGE", "IMAGE_REGISTRY", "TEMPORAL_DSQL_PATH", "TEMPORAL_SRE_COPILOT_PATH"]
        {
            command.env_remove(name);
        }
        let builds = ["DOCKER_BUILDKIT", "BUILDX_BUILDER", "BUILDX_NO_DEFAULT_ATTESTATIONS"];
        for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "PGPASSWORD", "CARGO"].into_iter().chain(builds) {
            command.env_remove(name);
        }
        // The user's own contexts would be another engine.
        command.env("DOCKER_CONFIG", self.checkout.home().join(".docker"));
        command.env("PATH", self.bin()).env("FAKES", &self.folder);
        command
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.tell("log", "");
    }

    /// Every call, in order, with the checkout's paths and project as `ROOT` and `PROJECT`.
    pub fn log(&self) -> Vec<String> {
        let root = self.checkout.root.display().to_string();
        let readable = |it: &str| it.replace(&root, "ROOT").replace(&self.checkout.project, "PROJECT");
        self.told("log").lines().map(readable).collect()
    }

    /// The calls that may change something.
    pub fn calls(&self) -> Vec<String> {
        let asks = |it: &String| QUESTIONS.iter().any(|question| it.contains(question));
        self.log().into_iter().filter(|it| !asks(it)).collect()
    }

    /// The folders that the calls were made in, each once.
    pub fn folders(&self) -> Vec<String> {
        let mut all: Vec<String> = self.told("folders").lines().map(str::to_owned).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Adds lines to the checkout's `dev/.env`.
    pub fn add_to_env(&self, text: &str) {
        let path = self.checkout.root.join("dev/.env");
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("cannot open dev/.env");
        file.write_all(text.as_bytes()).expect("cannot write dev/.env");
    }
}

impl Default for Fakes {
    fn default() -> Fakes {
        Fakes::new()
    }
}

/// Where the caller's PATH has a program.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|it: PathBuf| it.join(program)).find(|it: &PathBuf| Path::is_file(it))
}
