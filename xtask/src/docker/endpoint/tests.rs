use super::*;
use xshell::Shell;

fn route(variables: &[(&str, &str)]) -> Route {
    resolve(&|name| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
}

fn at(host: &str) -> Route {
    Route { host: Some(host.to_owned()), source: Source::Context("x".to_owned()) }
}

#[test]
fn the_variable_wins_over_the_context_and_the_context_over_the_default_socket() {
    let sh = Shell::new().unwrap();
    let folder = sh.create_temp_dir().unwrap();
    let home = folder.path().to_str().unwrap().to_owned();
    let context = r#"{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///h/.colima/work/docker.sock"}}}"#;
    sh.write_file(folder.path().join(".docker/contexts/meta/0a1b/meta.json"), context).unwrap();
    sh.write_file(folder.path().join(".docker/contexts/meta/0a1b.tmp"), "no folder").unwrap();
    assert_eq!(route(&[("HOME", &home)]).to_string(), "unix:///var/run/docker.sock (default socket)");

    sh.write_file(folder.path().join(".docker/config.json"), r#"{"currentContext":"colima"}"#).unwrap();
    let by_file = route(&[("HOME", &home)]);
    assert_eq!(by_file.to_string(), "unix:///h/.colima/work/docker.sock (context colima)");
    assert_eq!(by_file.product().unwrap().name, "Colima");
    assert_eq!(route(&[("HOME", &home), ("DOCKER_CONTEXT", "default")]).source, Source::Default);
    assert_eq!(route(&[("HOME", &home), ("DOCKER_CONTEXT", "gone")]).host, None);
    let by_variable = route(&[("HOME", &home), ("DOCKER_HOST", "tcp://h:1"), ("DOCKER_CONTEXT", "colima")]);
    assert_eq!((by_variable.to_string(), by_variable.product()), ("tcp://h:1 (DOCKER_HOST)".to_owned(), None));
    sh.write_file(folder.path().join(".docker/config.json"), "{").unwrap();
    assert_eq!(route(&[("HOME", &home)]).source, Source::Default);
    assert_eq!(route(&[]).source, Source::Default);
}

#[test]
#[cfg(target_os = "linux")]
fn every_product_is_known_by_its_socket_and_has_a_command_that_starts_it() {
    for (socket, name, start) in [
        ("/Users/me/.docker/run/docker.sock", "Docker Desktop", "docker-desktop"),
        ("/home/me/.docker/desktop/docker.sock", "Docker Desktop", "docker-desktop"),
        ("/Users/me/.colima/default/docker.sock", "Colima", "colima start default"),
        ("/Users/me/.config/colima/work/docker.sock", "Colima", "colima start work"),
        ("/Users/me/.colima/docker.sock", "Colima", "colima start default"),
        ("/Users/me/.rd/docker.sock", "Rancher Desktop", "rdctl start"),
        ("/Users/me/.orbstack/run/docker.sock", "OrbStack", "orb start"),
        ("/Users/me/.lima/box/sock/docker.sock", "Lima", "limactl start box"),
        ("/run/user/1000/podman/podman.sock", "Podman", "systemctl --user start podman.socket"),
        ("/run/podman/podman.sock", "Podman", "sudo systemctl start podman.socket"),
        ("/run/user/1000/docker.sock", "rootless Docker", "systemctl --user start docker"),
    ] {
        let route = at(&format!("unix://{socket}"));
        assert_eq!(route.product().unwrap().name, name, "{socket}");
        for fix in [route.start(), route.restart()] {
            assert!(fix.contains(start), "{socket}: {fix}");
        }
    }
}

#[test]
fn an_engine_of_no_known_product_is_left_or_started_by_hand() {
    for host in ["unix:///somewhere/else.sock", "ssh://me@box"] {
        let route = at(host);
        assert_eq!(route.product(), None, "{host}");
        assert!(route.start().contains("# goes back to") && !route.admit().is_empty(), "{host}: {}", route.start());
    }
    let named = Route { source: Source::Variable, ..at("tcp://10.0.0.1:2375") };
    assert!(named.start().starts_with("unset DOCKER_HOST"), "{}", named.start());
}

#[test]
#[cfg(target_os = "linux")]
fn containers_mount_the_socket_as_the_engine_s_machine_has_it() {
    for (host, socket) in [
        ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
        ("unix:///run/podman/podman.sock", "/run/podman/podman.sock"),
        ("unix:///home/me/.docker/desktop/docker.sock", "/var/run/docker.sock"),
        ("unix:///home/me/.colima/default/docker.sock", "/var/run/docker.sock"),
        ("tcp://10.0.0.1:2375", "/var/run/docker.sock"),
    ] {
        assert_eq!(at(host).socket_for_containers(), socket, "{host}");
    }
    assert_eq!(route(&[]).socket_for_containers(), "/var/run/docker.sock");
}

#[test]
fn a_link_at_the_usual_place_is_followed_even_if_it_dangles() {
    let sh = Shell::new().unwrap();
    let folder = sh.create_temp_dir().unwrap();
    let link = folder.path().join("docker.sock");
    std::os::unix::fs::symlink("/Users/me/.orbstack/run/docker.sock", &link).unwrap();
    assert_eq!(at(&format!("unix://{}", link.display())).product().unwrap().name, "OrbStack");
}
