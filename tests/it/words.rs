//! What `dev-up` says first is the cause, once, with what mends it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use tests::fakes::Fakes;

#[test]
fn where_compose_itself_fails_its_reason_comes_first_with_what_mends_it() {
    for (said, next) in [
        (
            "failed to create network it: Error response from daemon: all predefined address pools have been fully subnetted",
            "docker network prune  #",
        ),
        (
            "failed to create network it: Error response from daemon: could not find an available, non-overlapping IPv4 \
             address pool among the defaults to assign to the network",
            "docker network prune  #",
        ),
        (
            "error getting credentials - err: exec: \"docker-credential-desktop\": executable file not found in $PATH, out: ``",
            "grep -n credsStore ",
        ),
        (
            "image with reference grafana/loki:3.7.6 was found but its platform (linux/arm64) does not match the specified platform",
            "cargo xtask doctor  #",
        ),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "cargo xtask doctor  #"),
        (
            "Error response from daemon: Mounts denied: \nThe path /x is not shared from the host",
            "docker context ls  #",
        ),
        ("Error response from daemon: write /var/lib/docker/x: no space left on device", "docker system df  #"),
        (
            "Error response from daemon: driver failed: Bind for 127.0.0.1:3100 failed: port is already allocated",
            "cargo xtask dev-up  #",
        ),
        ("Error response from daemon: toomanyrequests: You have reached your pull rate limit", "docker login  #"),
        (
            "Error response from daemon: Conflict. The container name \"/it-loki-1\" is already in use by container \"f7\".",
            "docker ps --all  #",
        ),
        (
            "network it_net was found but has incorrect label com.docker.compose.network set to \"\"",
            "docker network ls  #",
        ),
        ("Error response from daemon: something new", "cargo xtask doctor  #"),
    ] {
        let fakes = Fakes::new();
        fakes.tell("compose-says", &format!(" Network it  Creating\n{said}\n"));
        let failed = fakes.up_local("loki mimir").expect(4);
        let card = failed.err.split_once("mimir loki\n").unwrap().1.trim_start();
        let first = said.lines().next().unwrap().trim();
        assert!(card.starts_with(&format!("docker: {first}")), "{card}");
        let next = format!("  next: {next}");
        assert!(card.contains(&next), "`{next}` is not in\n{card}");
        // Nobody else is blamed, and no log is named of what never ran.
        assert!(!card.contains("not started") && !card.contains("dev-logs"), "{card}");
        assert_eq!(card.matches(first).count(), 1, "{card}");
    }
}

#[test]
fn many_ports_of_one_owner_are_one_finding_and_nothing_is_stopped_that_is_not_known_to_be_in_the_way() {
    let fakes = Fakes::new();
    let listen = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, fakes.checkout.port(port))).unwrap();
    let _taken = [listen(3100), listen(9009)];
    let [mimir, loki] = [9009, 3100].map(|it| fakes.checkout.port(it));
    let taken = format!("ports {mimir}, {loki}, which mimir, loki need, are taken by ");
    for (program, owner, stop) in [
        ("node", "node, process 4711\n    ", Some("kill 4711")),
        ("docker-proxy", "docker-proxy: another Docker engine, it seems\n    ", None),
        ("limactl", "limactl: another Docker engine, it seems\n    ", None),
    ] {
        fakes.listens(program);
        let refused = fakes.up_local("loki mimir").expect(3).says(&[&format!("{taken}{owner}")]);
        assert_eq!(refused.err.matches("\n  - ").count(), 1, "{}", refused.err);
        let fix = refused.err.split_once(owner).unwrap().1.trim_end();
        assert!(fix.starts_with("cargo xtask dev-up --port-offset "), "{fix}");
        assert!(fix.ends_with(&format!("  # or: {}", stop.unwrap_or("docker context ls"))), "{fix}");
        assert_eq!(refused.err.contains("kill"), stop.is_some(), "{}", refused.err);
    }
}

#[test]
fn a_compose_that_tells_no_version_is_a_warning_and_is_used() {
    let fakes = Fakes::new();
    fakes.tell("compose-version", "dev\n");
    let says = "Compose calls itself `dev`, and 2.24 or newer is needed";
    let done = fakes.up_local("loki").expect(0).says(&[says]);
    assert_eq!(done.err.matches(says).count(), 1, "{}", done.err);
    let checks = fakes.xtask(&["doctor", "--local", "--json"]).json();
    let compose = checks["checks"].as_array().unwrap().iter().find(|it| it["name"] == "compose").unwrap();
    assert_eq!(compose["status"], "warn", "{compose}");
}

#[test]
fn a_helper_for_credentials_that_is_gone_is_found_where_something_is_to_be_pulled() {
    let fakes = Fakes::new();
    let docker = fakes.checkout.home().join(".docker");
    fs::create_dir_all(&docker).unwrap();
    fs::write(docker.join("config.json"), "{\"credsStore\":\"desktop\"}").unwrap();
    fakes.up_local("loki").expect(0);
    fakes.tell("missing-images", "grafana/mimir:3.0.6\n");
    let file = docker.join("config.json").display().to_string();
    let says = format!("{file} names docker-credential-desktop, which is not on PATH: Docker pulls nothing");
    fakes.up_local("mimir").expect(3).says(&[&says, &format!("grep -n credsStore {file}  # ")]);
    fakes.add("docker-credential-desktop", "exit 0");
    fakes.up_local("mimir").expect(0);
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_with_the_reason_and_what_to_try() {
    for (said, next) in [
        (
            "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
            "docker info  #",
        ),
        ("Get \"https://registry-1.docker.io/v2/\": net/http: TLS handshake timeout", "docker info  #"),
        (
            "Get \"https://registry-1.docker.io/v2/\": tls: failed to verify certificate: x509: unknown authority",
            "docker info  #",
        ),
        ("unauthorized: incorrect username or password", "docker logout  #"),
        ("toomanyrequests: You have reached your pull rate limit", "docker login  #"),
        ("manifest for grafana/mimir:3.0.6 not found: manifest unknown", "cargo xtask doctor  #"),
    ] {
        let fakes = Fakes::new();
        fakes.tell("missing-images", "grafana/mimir:3.0.6\n");
        fakes.tell("refused", &format!("grafana/mimir:3.0.6\n{said}\n"));
        let failed = fakes.up_local("loki mimir").expect(1);
        failed.says(&[
            &format!("\ndocker: {said}\n  next: {next}"),
            "\nerror: grafana/mimir:3.0.6 could not be pulled\n",
        ]);
    }
}

#[test]
fn a_pull_that_succeeds_at_the_second_time_is_no_failure() {
    let fakes = Fakes::new();
    fakes.tell("missing-images", "grafana/mimir:3.0.6\n");
    fakes.tell("pull-fails", "");
    for (words, pull) in [("", "docker pull"), (" --platform linux/arm64", "docker pull --platform=linux/arm64")] {
        fakes.up_local(&format!("loki mimir{words}")).expect(0);
        let line = format!("{pull} grafana/mimir:3.0.6");
        assert!(fakes.log().contains(&line), "{line}: {:#?}", fakes.log());
        fakes.line("dev-down");
    }
}

#[test]
fn a_disk_without_room_is_said_once_and_not_once_for_each_service() {
    let fakes = Fakes::new();
    fakes.tell("unhealthy", "loki\ndsql-monitored\n");
    fakes.tell(
        "container-log",
        "FATAL:  could not write to file \"pg_wal/xlogtemp.18\": No space left on device\nbye\n",
    );
    let failed = fakes.up_local("loki dsql-monitored --timeout 1").expect(4);
    let failed = failed
        .says(&["\nthe engine's disk is full: loki, dsql-monitored could not write\n  next: docker system df  # "]);
    assert!(!failed.err.contains("dev-logs"), "{}", failed.err);
}
