//! The two recipes of `dev/docker`, built for real by both builders from the fixture's tiny Temporal.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tests::{
    checkout::{Checkout, Outcome, run},
    engine::{self, docker},
    fakes,
};

const RECIPE: &str = "dev/docker/Dockerfile";

/// Builds under names of the test's own: the product's belong to whoever works on this machine.
struct Builds {
    checkout: Checkout,
    bin: PathBuf,
}

impl Builds {
    fn new(name: &str) -> Builds {
        let checkout = Checkout::copy(name);
        let bin = checkout.home().with_file_name("bin");
        fs::create_dir_all(&bin).unwrap();
        let docker = fakes::find("docker").expect("there is a Docker CLI");
        let rename = format!(
            "#!/bin/bash\narguments=()\nfor it; do arguments+=(\"${{it/#temporal-dsql/{}}}\"); done\nexec {} \"${{arguments[@]}}\"\n",
            checkout.project,
            docker.display()
        );
        tests::write_program(&bin.join("docker"), rename);
        checkout.edit(RECIPE, " golang:", " standin/golang:");
        checkout.edit(RECIPE, "FROM debian:bookworm-slim", "FROM standin/debian:bookworm");
        checkout.edit(
            "dev/docker/runtime.Dockerfile",
            "FROM temporal-dsql:latest",
            &format!("FROM {}:latest", checkout.project),
        );
        Builds { checkout, bin }
    }

    /// `dev-build temporal`, where Docker has its plugins or, for the old builder, all but `buildx`.
    fn dev_build(&self, buildkit: bool, arguments: &[&str]) -> Outcome {
        let mut command = self.checkout.command();
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        command.args(["dev-build", "temporal"]).args(arguments).env("PATH", path);
        if !buildkit {
            command.env("DOCKER_CONFIG", self.config_without_buildx());
        }
        run(&mut command)
    }

    /// Docker prefers the user's plugins: one that fails hides what the system has.
    fn config_without_buildx(&self) -> PathBuf {
        let config = self.checkout.home().with_file_name("old-builder");
        let plugin = config.join("cli-plugins/docker-buildx");
        if !plugin.exists() {
            fs::create_dir_all(config.join("cli-plugins")).unwrap();
            symlink("/bin/false", &plugin).unwrap();
        }
        config
    }

    fn image(&self) -> String {
        format!("{}-runtime:test", self.checkout.project)
    }
}

impl Drop for Builds {
    fn drop(&mut self) {
        let base = format!("{}:latest", self.checkout.project);
        docker(&["image", "rm", "--force", &self.image(), &base]);
        let cache = |it: &str| format!("{}-go-{it}", self.checkout.project);
        docker(&["volume", "rm", "--force", &cache("mod"), &cache("build")]);
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn both_builders_build_the_recipes_and_what_is_wrong_in_one_fails_its_build() {
    let _turn = engine::beside_others();
    for buildkit in [true, false] {
        let builds = Builds::new("builds");
        let built = builds.dev_build(buildkit, &[]).expect(0);
        // Each builder numbers its steps in its own way.
        let mark = if buildkit { "#1 [" } else { "Step 1/" };
        assert!(format!("{}{}", built.out, built.err).contains(mark), "{}", built.err);
        for program in ["temporal-server", "temporal-dsql-tool", "temporal-elasticsearch-tool"] {
            let says = docker(&["run", "--rm", &builds.image(), program, "--version"]).expect(0);
            assert_eq!(says.out, format!("{program} (stand-in)\n"));
        }
        docker(&["run", "--rm", &builds.image(), "grpc-health-probe", "-version"]).expect(0);
        let files = docker(&["run", "--rm", &builds.image(), "ls", "/etc/temporal/config/dynamicconfig"]).expect(0);
        assert_eq!(files.out, "development-dsql.yaml\n");

        let recipe = fs::read_to_string(builds.checkout.root.join(RECIPE)).unwrap();
        // The compiler of the old way gets no mounts to misspell, sees the checkout itself, and is the engine's own.
        let mutations = [
            (buildkit, "ARG GO_VERSION\n", "ARG GO_VERSION\nARG BUILDPLATFORM\n"),
            (buildkit, "--mount=type=cache,target=/go/pkg/mod go mod", "--mount=type=cach,target=/go/pkg/mod go mod"),
            (buildkit, "COPY . .\n", ""),
            (true, "./cmd/tools/dsql", "./cmd/tools/dsq"),
        ];
        for (_, from, to) in mutations.iter().filter(|(applies, ..)| *applies) {
            builds.checkout.edit(RECIPE, from, to);
            assert_eq!(builds.dev_build(buildkit, &[]).code, 1, "built all the same: `{from}` became `{to}`");
            fs::write(builds.checkout.root.join(RECIPE), &recipe).unwrap();
        }
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_builder_that_the_user_has_selected_elsewhere_is_not_used() {
    let _turn = engine::beside_others();
    let builds = Builds::new("elsewhere");
    // As `docker buildx create --use` leaves it behind, for a builder that runs nowhere.
    let config = builds.checkout.home().with_file_name("selected");
    fs::create_dir_all(config.join("buildx/instances")).unwrap();
    let plugins = PathBuf::from(
        std::env::var("DOCKER_CONFIG").unwrap_or_else(|_| format!("{}/.docker", std::env::var("HOME").unwrap())),
    );
    symlink(plugins.join("cli-plugins"), config.join("cli-plugins")).unwrap();
    let instance = r#"{"Name":"far","Driver":"remote","Nodes":[{"Name":"far0","Endpoint":"tcp://127.0.0.1:9","Platforms":null}],"Dynamic":false}"#;
    fs::write(config.join("buildx/instances/far"), instance).unwrap();
    fs::write(config.join("buildx/current"), r#"{"Key":"unix:///var/run/docker.sock","Name":"far","Global":false}"#)
        .unwrap();
    let select = |command: &mut Command| run(command.env("DOCKER_CONFIG", &config));
    assert!(
        select(Command::new("docker").args(["buildx", "inspect"])).out.contains("far"),
        "the far builder is selected"
    );
    let mut command = builds.checkout.command();
    let path = format!("{}:{}", builds.bin.display(), std::env::var("PATH").unwrap());
    select(command.args(["dev-build", "temporal"]).env("PATH", path)).expect(0);
    docker(&["image", "inspect", &builds.image()]).expect(0);
    assert!(Path::new(&config).exists());
}
