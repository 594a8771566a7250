use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use super::{commit, dev_up, expect_calls, expect_shown, xtask};
use tests::{
    checkout::run,
    fakes::{self, Fakes},
};

const TEMPORAL: &str = "ROOT/tests/fixtures/temporal-dsql";
const COPILOT: &str = "ROOT/tests/fixtures/temporal-sre-copilot";

/// The three builds, with BuildKit or without, and with further options.
pub(super) fn builds(buildkit: bool, options: &str, platform: &str) -> [String; 3] {
    let builder = if buildkit { "DOCKER_BUILDKIT=1 BUILDX_BUILDER=default" } else { "DOCKER_BUILDKIT=0" };
    let docker = format!("{builder} BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --tag");
    [
        format!("{docker} temporal-dsql:latest{options} --build-arg GO_VERSION=1.25.5{platform} --file - {TEMPORAL}"),
        format!("{docker} temporal-dsql-runtime:test{options} --file dev/docker/runtime.Dockerfile dev"),
        format!("{docker} temporal-sre-copilot:dev{options} {COPILOT}"),
    ]
}

#[test]
fn each_target_builds_its_images_with_buildkit_where_the_engine_has_it() {
    let fakes = Fakes::with_checkouts();
    let all = builds(true, "", "");
    for (line, expected) in [
        ("dev-build", &all[..]),
        ("dev-build all", &all[..]),
        ("dev-build temporal", &all[..2]),
        ("dev-build copilot", &all[2..]),
    ] {
        xtask(&fakes, line).expect(0);
        expect_calls(&fakes, expected);
    }
    xtask(&fakes, "dev-build --arch amd64 --no-cache").expect(0);
    expect_calls(&fakes, &builds(true, " --platform linux/amd64 --no-cache", ""));
    assert!(fakes.told("dockerfile").contains("--mount=type=cache"), "BuildKit gets the cache mounts");
}

#[test]
fn without_buildkit_a_container_with_caches_compiles_and_the_old_builder_gets_the_programs() {
    let fakes = Fakes::with_checkouts();
    let caches = "--volume temporal-dsql-go-mod:/go/pkg/mod --volume temporal-dsql-go-build:/root/.cache/go-build ";
    let expected = |caches: &str, options: &str| {
        let builder = "DOCKER_BUILDKIT=0 BUILDX_NO_DEFAULT_ATTESTATIONS=1";
        let [_, runtime, copilot] = builds(false, options, "");
        let compile = format!(
            "{builder} docker run --rm --interactive {caches}--mount type=bind,source={TEMPORAL},target=/src,readonly \
             --mount type=bind,source=ROOT/dev/.rendered/build,target=/out --env TARGETARCH=arm64 \
             golang:1.25.5-bookworm sh"
        );
        let last = format!("{builder} docker build --tag temporal-dsql:latest{options} --file - dev/.rendered/build");
        [compile, last, runtime, copilot]
    };
    for (file, answer) in [("no-buildx", ""), ("buildx", "Error: this engine has no BuildKit")] {
        fakes.tell(file, answer);
        xtask(&fakes, "dev-build").expect(0);
        expect_calls(&fakes, &expected(caches, ""));
        let last = fakes.told("dockerfile");
        assert!(last.starts_with("FROM debian:") && last.contains("\nCOPY . /usr/local/bin/\n"), "{last}");
        xtask(&fakes, "dev-build --no-cache").expect(0);
        expect_calls(&fakes, &expected("", " --no-cache"));
    }
}

#[test]
fn the_engine_s_own_builder_builds_whatever_the_user_has_selected() {
    let fakes = Fakes::with_checkouts();
    for (variable, value, builder) in
        [("BUILDX_BUILDER", "mine", "default"), ("DOCKER_BUILDKIT", "0", "default"), ("DOCKER_CONTEXT", "far", "far")]
    {
        run(fakes.command().args(["dev-build", "copilot"]).env(variable, value)).expect(0);
        expect_calls(&fakes, &builds(true, "", "").map(|it| it.replace("=default", &format!("={builder}")))[2..]);
    }
}

#[test]
fn what_the_engine_cannot_run_is_not_built_and_what_it_lacks_is_named() {
    let fakes = Fakes::with_checkouts();
    fakes.tell("buildx", "Platforms: linux/arm64, linux/arm64/v8, linux/arm/v7\n");
    let refused = xtask(&fakes, "dev-build --arch amd64").expect(3);
    for says in ["cannot run amd64", "tonistiigi/binfmt --install amd64", "apt-get install qemu-user-static"] {
        assert!(refused.err.contains(says), "{}", refused.err);
    }
    expect_calls(&fakes, &[]);
    xtask(&fakes, "dev-build copilot --arch arm64").expect(0);
    expect_calls(&fakes, &builds(true, " --platform linux/arm64", "")[2..]);
}

#[test]
fn a_dry_run_of_a_build_prints_it_and_builds_nothing() {
    let fakes = Fakes::with_checkouts();
    let printed = xtask(&fakes, "dev-build --dry-run --no-cache").expect(0).out;
    let mut expected = builds(true, " --no-cache", "").map(|it| it[it.find("docker ").unwrap()..].to_owned());
    expected[0] += " < dev/docker/Dockerfile";
    expect_shown(&fakes, &printed, &expected);
    expect_calls(&fakes, &[]);
}

#[test]
fn a_failing_build_ends_with_code_1_shows_what_docker_said_and_builds_no_further() {
    let fakes = Fakes::with_checkouts();
    fakes.tell("fail", "*runtime:test*\n");
    let failed = xtask(&fakes, "dev-build").expect(1);
    let says = "the fake fails as it was told to\nerror: `docker build --tag temporal-dsql-runtime:test \
                --file dev/docker/runtime.Dockerfile dev` ended with exit status: 7\n";
    assert!(failed.err.ends_with(says), "{}", failed.err);
    expect_calls(&fakes, &builds(true, "", "")[..2]);
}

#[test]
fn missing_and_wrong_checkouts_are_found_together_with_the_clone_that_mends_them() {
    let fakes = Fakes::new();
    fakes.add_to_env("TEMPORAL_SRE_COPILOT_PATH=dev\n");
    let refused = xtask(&fakes, "dev-build").expect(3);
    let there = fakes.checkout.root.with_file_name("temporal-dsql").display().to_string();
    for says in [
        &format!(
            "there is no temporal-dsql checkout at {there}\n    git clone https://github.com/iw/temporal {there} && \
             git -C {there} checkout --detach {}  # or",
            commit("temporal-dsql")
        ),
        "name one that you have with TEMPORAL_DSQL_PATH in dev/.env, or with --temporal-dsql PATH",
        "is no temporal-sre-copilot checkout: it has no Dockerfile, no packages/copilot/src/copilot/db/schema.sql",
        "git clone https://github.com/iw/temporal-sre-copilot FOLDER",
        "with TEMPORAL_SRE_COPILOT_PATH in dev/.env, or with --copilot PATH",
    ] {
        assert!(refused.err.contains(says), "`{says}` is not in\n{}", refused.err);
    }
    assert_eq!(refused.err.matches("\n  - ").count(), 2, "{}", refused.err);
    xtask(&fakes, "dev-build temporal --temporal-dsql nowhere").expect(3);
    expect_calls(&fakes, &[]);
    xtask(&fakes, "dev-build temporal --temporal-dsql tests/fixtures/temporal-dsql").expect(0);
    expect_calls(&fakes, &builds(true, "", "")[..2]);
}

#[test]
fn a_checkout_without_a_go_version_is_refused() {
    let fakes = Fakes::with_checkouts();
    fs::write(fakes.checkout.root.join("tests/fixtures/temporal-dsql/go.mod"), "module x\n").unwrap();
    let refused = xtask(&fakes, "dev-build temporal");
    assert!(refused.code != 0 && refused.err.contains("go.mod has no `go 1.N` line"), "{}", refused.err);
    expect_calls(&fakes, &[]);
}

#[test]
fn the_tests_are_cargo_s_with_the_ignored_ones_where_their_images_can_be_made() {
    let fakes = Fakes::new();
    let script = |name: &str, text: &str| fs::write(fakes.checkout.root.join("tests").join(name), text).unwrap();
    script("tools", "#!/bin/sh\necho the tools are there\n");
    script("images/build", "#!/bin/sh\necho the images are there\n");
    let all = "cargo test --workspace --no-fail-fast -- --include-ignored";
    let made = ["the images are there", "the tools are there", "all tests: 0 passed, 0 failed, 0 left out"];
    xtask(&fakes, "test").expect(0).says(&made);
    expect_calls(&fakes, &[all.to_owned()]);
    xtask(&fakes, "test -- --nocapture dotenv").expect(0);
    expect_calls(&fakes, &[format!("{all} --nocapture dotenv")]);
    fakes.tell("fail", "cargo*\n");
    xtask(&fakes, "test").expect(1).says(&["ended with exit status: 7"]);
    fakes.tell("fail", "none\n");
    fakes.forget();

    script("images/build", "#!/bin/sh\nexit 1\n");
    script("tools", "#!/bin/sh\nexit 1\n");
    xtask(&fakes, "test --engine").expect(3).says(&["the stand-in images cannot be made"]);
    expect_calls(&fakes, &[]);
    xtask(&fakes, "test").expect(0).says(&["the stand-in images cannot be made", "note: `tests/tools` ended with"]);
    expect_calls(&fakes, &["cargo test --workspace --no-fail-fast --".to_owned()]);
}

#[test]
fn without_an_engine_all_other_tests_run_and_what_is_left_out_is_counted_with_its_reason() {
    let fakes = Fakes::new();
    fs::write(fakes.checkout.root.join("tests/tools"), "#!/bin/sh\n").unwrap();
    fakes.tell("no-engine", "Cannot connect to the Docker daemon\n");
    fakes.add(
        "cargo",
        "echo 'test a ... ignored, needs a Docker engine'\necho 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured'\n\
         printf 'b\\tno terraform\\n' >\"$TESTS_LEFT_OUT\"",
    );
    let run = xtask(&fakes, "test").expect(0);
    let summary = "\nall tests: 1 passed, 0 failed, 2 left out\n     1  needs a Docker engine\n     1  no terraform\n\
                   there is no engine: no Docker engine answers at unix:///var/run/docker.sock";
    assert!(run.out.contains(summary), "{}", run.out);
    xtask(&fakes, "test --engine").expect(3);
}

#[test]
fn dev_up_clones_and_builds_what_a_fresh_machine_lacks_once_it_may() {
    let fakes = Fakes::new();
    let missing = "temporal-dsql-runtime:test\ntemporal-sre-copilot:dev\n";
    fakes.tell("missing-images", missing);
    // Nobody is there to ask: what is missing is a finding.
    let refused = xtask(&fakes, "dev-up --local").expect(3);
    assert!(refused.err.contains("there is no temporal-dsql checkout"), "{}", refused.err);
    expect_calls(&fakes, &[]);
    xtask(&fakes, "dev-up --local --yes").expect(3);
    let beside = fakes.checkout.root.parent().unwrap().canonicalize().unwrap().display().to_string();
    let beside = beside.replace(&fakes.checkout.project, "PROJECT");
    let clone = |url, name| {
        let (git, commit) = (format!("git -C {beside}/.{name}.part"), commit(name));
        [
            format!("git init --quiet {beside}/.{name}.part"),
            format!("{git} remote add origin https://github.com/iw/{url}"),
            format!("{git} fetch --depth 1 origin {commit}"),
            format!("{git} checkout --quiet --detach {commit}"),
        ]
    };
    let both = [clone("temporal", "temporal-dsql"), clone("temporal-sre-copilot", "temporal-sre-copilot")];
    expect_calls(&fakes, both.as_flattened());

    let fakes = Fakes::with_checkouts();
    fakes.tell("missing-images", missing);
    xtask(&fakes, "dev-up --local --yes").expect(3);
    expect_calls(&fakes, &builds(true, "", ""));

    let fakes = Fakes::with_checkouts();
    fakes.tell("missing-images", missing);
    xtask(&fakes, "dev-up --local --yes --dry-run").expect(3);
    expect_calls(&fakes, &[]);
}

/// Runs the machine's git; returns what it prints.
fn git(folder: &Path, words: &str) -> String {
    let mut git = Command::new(fakes::find("git").unwrap());
    let identity = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
    // What the user has configured, signed commits such as, is not this test's.
    git.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_COUNT", "0")]);
    run(git.current_dir(folder).args(identity).args(words.split(' '))).expect(0).out.trim().to_owned()
}

#[test]
fn both_checkouts_are_cloned_at_the_commits_that_are_pinned_whatever_the_server_hands_out() {
    // An old protocol refuses what has no name.
    for protocol in ["2", "0"] {
        let fakes = Fakes::new();
        let root = &fakes.checkout.root;
        for (name, url) in [("temporal-dsql", "temporal"), ("temporal-sre-copilot", "temporal-sre-copilot")] {
            let source = root.with_file_name("mirror").join(url);
            fs::create_dir_all(source.parent().unwrap()).unwrap();
            fs::rename(root.join("tests/fixtures").join(name), &source).unwrap();
            for words in ["init --quiet", "add --all", "commit --quiet --message pinned"] {
                git(&source, words);
            }
            let pinned = git(&source, "rev-parse HEAD");
            fs::write(source.join("later"), "").unwrap();
            git(&source, "add --all");
            git(&source, "commit --quiet --message later");
            fakes.checkout.edit("dev/sources.lock", &commit(name), &pinned);
        }
        fakes.remove("git");
        symlink(fakes::find("git").unwrap(), fakes.checkout.home().with_file_name("fakes/bin/git")).unwrap();
        let mirror = format!("url.file://{}/.insteadOf", root.with_file_name("mirror").display());
        let offset = fakes.checkout.offset.to_string();
        let mut up = fakes.command();
        up.args(["dev-up", "--local", "--yes", "--port-offset", &offset]).env("GIT_CONFIG_COUNT", "2");
        up.env("GIT_CONFIG_KEY_0", mirror).env("GIT_CONFIG_VALUE_0", "https://github.com/iw/");
        run(up.env("GIT_CONFIG_KEY_1", "protocol.version").env("GIT_CONFIG_VALUE_1", protocol)).expect(0);
        for name in ["temporal-dsql", "temporal-sre-copilot"] {
            let there = root.with_file_name(name);
            assert!(!there.join("later").exists());
            let lock = fs::read_to_string(root.join("dev/sources.lock")).unwrap();
            assert!(lock.contains(&format!("{name} {}\n", git(&there, "rev-parse HEAD"))), "{lock}");
            assert!(git(&there, "config remote.origin.url").starts_with("https://github.com/iw/"));
        }
        assert!(!root.with_file_name(".temporal-dsql.part").exists());
    }
}

#[test]
fn a_clone_that_fails_leaves_nothing_that_looks_like_a_checkout_and_the_next_one_succeeds() {
    let fakes = Fakes::new();
    fakes.tell("fail", "git*checkout*\n");
    xtask(&fakes, "dev-up --local --yes").expect(1).says(&["the fake fails as it was told to"]);
    assert!(!fakes.checkout.root.with_file_name("temporal-dsql").exists());
    fakes.tell("fail", "nothing\n");
    xtask(&fakes, "dev-up --local --yes").expect(3).says(&["is no temporal-dsql checkout"]);
}

#[test]
fn a_checkout_that_stands_elsewhere_is_said_and_built_all_the_same() {
    let fakes = Fakes::with_checkouts();
    fakes.tell("head", &"0".repeat(40));
    let pinned = &commit("temporal-dsql")[..10];
    let says = format!("temporal-dsql stands at 0000000000, and this stack was tried with {pinned} (dev/sources.lock)");
    xtask(&fakes, "dev-build temporal").expect(0).says(&[&says]);
    expect_calls(&fakes, &builds(true, "", "")[..2]);
    fakes.tell("head", &commit("temporal-dsql"));
    let quiet = xtask(&fakes, "dev-build temporal").expect(0);
    assert!(!quiet.err.contains("stands at"), "{}", quiet.err);
}

#[test]
fn nothing_is_cloned_or_built_while_something_else_is_wrong_that_a_build_does_not_mend() {
    let wrong_setting = |fakes: &Fakes| fakes.add_to_env("TEMPORAL_LOG_LEVEL=loud\n");
    let missing_file = |fakes: &Fakes| fs::remove_file(fakes.checkout.root.join("dev/config/loki.yaml")).unwrap();
    let wrong_checkout = |fakes: &Fakes| {
        fakes.add_to_env("TEMPORAL_SRE_COPILOT_PATH=dev\n");
        fakes.tell("missing-images", "temporal-dsql-runtime:test\n");
    };
    let foreign_image = |fakes: &Fakes| fakes.tell("foreign-images", "grafana/loki:3.7.6\n");
    let own_name = |fakes: &Fakes| {
        fakes.add_to_env("COPILOT_IMAGE=mine:1\n");
        fakes.tell("missing-images", "temporal-dsql-runtime:test\nmine:1\n");
    };
    type Spoil<'a> = &'a dyn Fn(&Fakes);
    let faults: [(Spoil<'_>, &str); 5] = [
        (&wrong_setting, "`TEMPORAL_LOG_LEVEL` is `loud`"),
        (&missing_file, "dev/config/loki.yaml, which loki mounts, is missing"),
        (&wrong_checkout, "is no temporal-sre-copilot checkout"),
        (&foreign_image, "the image grafana/loki:3.7.6 is for s390x"),
        (&own_name, "the image mine:1 is not there"),
    ];
    for (spoil, says) in faults {
        let fakes = Fakes::with_checkouts();
        fakes.tell("missing-images", "temporal-dsql-runtime:test\ntemporal-sre-copilot:dev\n");
        spoil(&fakes);
        for line in ["--local --yes", "--local --build"] {
            dev_up(&fakes, line).expect(3).says(&[says]);
            expect_calls(&fakes, &[]);
        }
    }
    let fakes = Fakes::new();
    fakes.tell("missing-images", "temporal-dsql-runtime:test\n");
    wrong_setting(&fakes);
    dev_up(&fakes, "--local --yes").expect(3).says(&["`TEMPORAL_LOG_LEVEL` is `loud`", "no temporal-dsql checkout"]);
    expect_calls(&fakes, &[]);
}
