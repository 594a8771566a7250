use super::*;

#[test]
fn an_engine_is_known_by_its_architecture_and_by_its_api() {
    // Podman numbers its API like itself.
    for (printed, arch, start_interval) in [
        ("amd64 1.44\n", "amd64", true),
        ("arm64 1.51", "arm64", true),
        ("arm64 1.43", "arm64", false),
        ("amd64 5.2.1", "amd64", false),
        ("amd64 2.44", "amd64", false),
        ("amd64 ", "amd64", false),
        ("", "", false),
    ] {
        assert_eq!(Engine::parse(printed), Engine { arch: arch.to_owned(), start_interval }, "{printed:?}");
    }
}

#[test]
fn a_builder_says_what_it_can_run() {
    let printed = "Name:          default\nDriver: docker\n\nNodes:\nName:  default\nStatus: running\n\
                   Platforms:        linux/amd64*, linux/amd64/v2, linux/arm64/v8, linux/386\nLabels:\n";
    let buildkit = BuildKit::parse("default".to_owned(), printed);
    assert!(buildkit.runs("amd64") && buildkit.runs("arm64") && !buildkit.runs("arm"));
    let without = BuildKit::parse("default".to_owned(), "Name: default\nError: not supported\n");
    assert!(without.platforms.is_empty());
}

#[test]
fn compose_versions_are_compared_as_numbers() {
    assert!(parse_version("2.40.3").unwrap() >= COMPOSE_FLOOR);
    assert!(parse_version("v2.24.0-desktop.1").unwrap() >= COMPOSE_FLOOR);
    assert!(parse_version("2.9.0").unwrap() < COMPOSE_FLOOR);
    assert!(parse_version("5.0.1").unwrap() >= COMPOSE_FLOOR);
    assert_eq!(parse_version("dev"), None);
}

#[test]
fn an_image_without_a_tag_is_found_under_latest() {
    let images = [image("sha256:1 arm64 a/b:latest c:1").unwrap()];
    assert_eq!(find_image(&images, "a/b").unwrap().id, "sha256:1");
    assert!(find_image(&images, "c:2").is_none());
    assert!(find_image(&images, "host:5000/a/b").is_none());
}

#[test]
fn an_image_is_found_however_its_name_is_written() {
    let images = [image("sha256:1 arm64 postgres:17 a/b:1 postgres@sha256:2").unwrap()];
    for name in [
        "postgres:17",
        "library/postgres:17",
        "docker.io/library/postgres:17",
        "docker.io/a/b:1",
        "postgres@sha256:2",
        "docker.io/library/postgres:17@sha256:2",
    ] {
        assert!(find_image(&images, name).is_some(), "{name}");
    }
    for name in ["postgres", "postgres@sha256:3", "host:5000/postgres@sha256:2", "@", ":", "é/ü:", ""] {
        assert!(find_image(&images, name).is_none(), "{name}");
    }
}

#[test]
fn podman_s_whole_names_are_those_of_the_compose_file() {
    let images = [
        image("1 amd64 localhost/temporal-dsql-runtime:test").unwrap(),
        image("2 amd64 docker.io/library/postgres:17.11 docker.io/grafana/loki:3.7.6").unwrap(),
    ];
    for (name, id) in [("temporal-dsql-runtime:test", "1"), ("postgres:17.11", "2"), ("grafana/loki:3.7.6", "2")] {
        assert_eq!(find_image(&images, name).unwrap().id, id, "{name}");
    }
    assert!(find_image(&images, "loki:3.7.6").is_none());
}
