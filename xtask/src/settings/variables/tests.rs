use super::*;

#[test]
fn every_default_and_every_local_value_is_valid() {
    for it in ALL {
        for value in [it.default, it.local].into_iter().flatten().filter(|it| !it.is_empty()) {
            assert_eq!(it.kind.check(value), Ok(()), "{} = {value}", it.name);
        }
    }
}

#[test]
fn each_kind_accepts_its_values_and_refuses_others() {
    let table: &[(Kind, &[&str], &[&str])] = &[
        (
            Kind::Host,
            &["localhost", "a-b.dsql.eu-west-1.on.aws", "10.0.0.1"],
            &["", "a b", "http://a", "a:1", "-a", "a..b", "é"],
        ),
        (Kind::Port, &["1", "65535"], &["0", "65536", "abc", "-1", "+1", "", "01", "99999999999999999999"]),
        (Kind::Count, &["1", "2147483647"], &["0", "2147483648", "1.5", "", "ten", "1_000"]),
        (
            Kind::Duration,
            &["30s", "1h30m", "1.5h", "100ms"],
            &["", "30", "s", "-1s", "0s", "1d", "1 s", "9999999h", "1..5s"],
        ),
        (Kind::Bool, &["true", "false"], &["", "True", "yes", "1"]),
        (
            Kind::Region,
            &["eu-west-1", "ap-southeast-2", "me-central-1"],
            &["", "eu", "eu-west", "cn-north-1", "us-gov-east-1", "EU-west-1", "eu-west-1a", "eu-west-0"],
        ),
        (
            Kind::Index,
            &["temporal_visibility_v1", "temporal_visibility_v1_dev"],
            &["", "temporal", "temporal_visibility_v1_Dev", "temporal_visibility_v1 x"],
        ),
        (Kind::Project, &["a", "0-a_b"], &["", "A", "-a", "_a", "a b", "a.b", "é"]),
        (
            Kind::Url,
            &["http://localhost", "http://host.docker.internal:11434/v1", "https://a.example/openai/v1?x=y"],
            &[
                "",
                "localhost:11434",
                "ftp://a",
                "http://",
                "http:///v1",
                "http://me:secret@a/v1",
                "http://a b",
                "http://a\nb",
            ],
        ),
        (
            Kind::Registry,
            &["127.0.0.1:5000", "localhost", "ghcr.io/me/our-images", "a.example:443/x_y/z.1"],
            &[
                "",
                "me",
                "https://ghcr.io/me",
                "ghcr.io/",
                "ghcr.io/Me",
                "ghcr.io//me",
                "ghcr.io/me:1",
                "a.example:0",
                "a.example:",
                "me:secret@a.example",
                "a b.example",
                "-a.example",
                "a.example/-x",
            ],
        ),
        (Kind::Secret, &["", "sk-x"], &["a\nb"]),
        (Kind::Text, &["", "any $thing: \"goes\""], &["a\nb", "a\rb"]),
        (LEVEL, &["info"], &["", "INFO", "verbose"]),
    ];
    for (kind, good, bad) in table {
        for value in *good {
            assert_eq!(kind.check(value), Ok(()), "{kind:?} {value:?}");
        }
        for value in *bad {
            assert!(kind.check(value).is_err(), "{kind:?} {value:?}");
        }
    }
}

#[test]
fn a_refused_word_says_what_is_allowed_and_why() {
    let message = POSTGRES.check("temporal").unwrap_err();
    assert!(message.starts_with("`postgres`: Aurora DSQL has no other"), "{message}");
}

#[test]
fn numbers_and_booleans_are_typed_in_yaml() {
    assert_eq!(Kind::Count.to_yaml("50"), Yaml::Plain("50".to_owned()));
    assert_eq!(TLS.to_yaml("true"), Yaml::Plain("true".to_owned()));
    assert_eq!(Kind::Text.to_yaml("50"), Yaml::Text("50".to_owned()));
}
