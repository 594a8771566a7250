//! Docker, the engine and its machine.

use std::{
    fs,
    time::{Duration, Instant},
};

use tests::checkout::run;

use super::{checks, doctor, expect, machine};

#[test]
fn without_docker_the_one_finding_is_docker() {
    let fakes = machine(true);
    fakes.remove("docker");
    let checks = expect(&fakes, "docker", "fail", "`docker` is not on PATH", "https://docs.docker.com/get-docker/");
    for name in ["engine", "compose", "memory", "images", "ports"] {
        assert!(!checks.contains_key(name), "{name} cannot be known");
    }
}

#[test]
fn an_engine_that_refuses_is_shown_with_its_address_and_a_fix_for_its_reason() {
    let fakes = machine(true);
    let stopped = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
    fakes.tell("no-engine", stopped);
    let checks = expect(&fakes, "engine", "fail", "unix:///var/run/docker.sock (default socket): Cannot connect", "");
    assert!(checks.contains_key("compose") && !checks.contains_key("memory") && !checks.contains_key("ports"));

    let denied = "permission denied while trying to connect to the Docker daemon socket";
    fakes.tell("no-engine", denied);
    expect(&fakes, "engine", "fail", denied, "");
    if cfg!(target_os = "linux") {
        expect(&fakes, "engine", "fail", denied, "sudo usermod -aG docker \"$USER\"");
    }

    fakes.tell("no-engine", "\u{1b}[31mred\u{1b}[0m");
    doctor(&fakes, &[]).expect(3).says(&["[31mred"]);
}

#[test]
fn the_engine_s_address_is_the_one_that_docker_would_use_and_each_product_has_its_own_fix() {
    let fakes = machine(true);
    fakes.tell("no-engine", "Cannot connect to the Docker daemon. Is the docker daemon running?");
    let says = |variables: &[(&str, &str)], parts: &[&str]| {
        run(fakes.command().arg("doctor").envs(variables.iter().copied())).expect(3).says(parts);
    };
    says(
        &[("DOCKER_HOST", "unix:///nowhere/x.sock")],
        &["at unix:///nowhere/x.sock (DOCKER_HOST)", "unset DOCKER_HOST"],
    );
    says(&[("DOCKER_HOST", "tcp://127.0.0.1:1")], &["at tcp://127.0.0.1:1 (DOCKER_HOST)", "unset DOCKER_HOST"]);
    says(&[("DOCKER_CONTEXT", "gone")], &["(context gone)", "unset DOCKER_CONTEXT"]);
    let docker = fakes.checkout.home().join(".docker");
    for (i, (socket, fix)) in
        [("/h/.colima/work/docker.sock", "colima start work"), ("/h/.orbstack/run/docker.sock", "orb start")]
            .into_iter()
            .enumerate()
    {
        let meta = docker.join(format!("contexts/meta/{i}"));
        fs::create_dir_all(&meta).unwrap();
        let text = format!(r#"{{"Name":"c{i}","Endpoints":{{"docker":{{"Host":"unix://{socket}"}}}}}}"#);
        fs::write(meta.join("meta.json"), text).unwrap();
        fs::write(docker.join("config.json"), format!(r#"{{"currentContext":"c{i}"}}"#)).unwrap();
        says(&[], &[&format!("at unix://{socket} (context c{i})"), fix]);
    }
}

#[test]
fn an_engine_that_takes_a_question_and_never_answers_is_given_up() {
    let fakes = machine(true);
    fakes.tell("hang", "docker version*\n");
    let began = Instant::now();
    expect(&fakes, "engine", "fail", "has not answered within 10 s", "");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn compose_is_asked_for_by_its_version() {
    let fakes = machine(true);
    // Where Docker looks for its plugins, which need not be the home folder.
    let install = &format!("{}/.docker/cli-plugins/docker-compose", fakes.checkout.home().display());
    fakes.tell("compose-version", "2.23.9\n");
    expect(&fakes, "compose", "fail", "Compose 2.23.9 is too old: 2.24", install);
    fakes.tell("no-compose", "");
    expect(&fakes, "compose", "fail", "Docker has no Compose", install);
    fakes.add("docker-compose", "echo 1.29.2");
    expect(&fakes, "compose", "fail", "1.29.2, is too old", install);
    fakes.add("docker-compose", "echo 2.40.3");
    expect(
        &fakes,
        "compose",
        "fail",
        "`docker-compose` is there, 2.40.3",
        &format!("command -v docker-compose)\" {install}"),
    );
}

#[test]
fn a_machine_that_is_too_small_fails_and_a_tight_one_is_warned_of() {
    let fakes = machine(true);
    let info = |cpus: u64, memory: u64| format!("{{\"NCPU\":{cpus},\"MemTotal\":{memory}}}\n");
    fakes.tell("info", &info(4, 3 << 30));
    expect(&fakes, "memory", "fail", "3.0 GiB: ", "");
    fakes.tell("info", &info(4, 5 << 30));
    expect(&fakes, "memory", "warn", "5.0 GiB: ", "");
    fakes.tell("info", &info(2, 8 << 30));
    expect(&fakes, "cpus", "warn", "2: ", "");
    fakes.tell("info", &info(4, 8 << 30));
    fakes.tell("no-buildx", "");
    expect(&fakes, "buildkit", "warn", "`docker buildx` is missing", "buildx");
}

#[test]
fn an_engine_that_lets_neighbours_in_is_warned_of() {
    let fakes = machine(true);
    let info = |version: &str| format!("{{\"ServerVersion\":\"{version}\",\"NCPU\":4,\"MemTotal\":{}}}\n", 8u64 << 30);
    fakes.tell("info", &info("28.0.0"));
    assert!(!checks(&fakes, 0).contains_key("neighbours"));
    if cfg!(target_os = "linux") {
        fakes.tell("info", &info("26.1.5"));
        expect(&fakes, "neighbours", "warn", "Docker 26.1.5 lets neighbours", "cargo xtask dev-down");
    }
}
