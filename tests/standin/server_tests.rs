use super::*;

fn arguments(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn flags_of_the_server_come_before_the_command() {
    let file = "--config-file /c.yaml --allow-no-auth start --service history";
    let expected = Command::Start { config_file: "/c.yaml".to_owned(), services: vec![ServiceName::History] };
    assert_eq!(parse(&arguments(file)).unwrap(), expected);
    assert_eq!(parse(&arguments("--version")).unwrap(), Command::Version);
    for bad in [
        "start --config-file /c.yaml",
        "--config-file /c.yaml",
        "--config-file /c.yaml start --service hist",
        "--config-file /c.yaml start history",
    ] {
        assert!(parse(&arguments(bad)).is_err(), "{bad}");
    }
}

#[test]
fn without_a_service_all_four_start() {
    let Command::Start { services, .. } = parse(&arguments("--config-file=/c.yaml start")).unwrap() else {
        panic!("not a start")
    };
    assert_eq!(services.len(), 4);
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(is_at_least("1.1", (1, 1)));
    assert!(is_at_least("1.10", (1, 9)));
    assert!(!is_at_least("1.0", (1, 1)));
    assert!(!is_at_least("0.0", (1, 1)));
}
