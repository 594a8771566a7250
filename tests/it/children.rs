//! What the programs that xtask runs see of the user's shell.

use std::{collections::BTreeMap, fs, process::Command};

use tests::{checkout::run, fakes::Fakes};

/// A shell that would change what every tool does: each program, what it must not get, and what must reach it.
const SHELL: [(&str, &[&str], &[&str]); 6] = [
    (
        "docker compose ",
        &[
            "COMPOSE_IGNORE_ORPHANS",
            "COMPOSE_PROFILES",
            "COMPOSE_OF_TOMORROW",
            "PGCONNECT_TIMEOUT",
            "HOST_UID",
            "DOCKER_SOCKET",
            "TEMPORAL_LOG_LEVEL",
            "AWS_PROFILE",
            "DOCKER_DEFAULT_PLATFORM",
        ],
        &["HTTPS_PROXY", "DOCKER_API_VERSION", "SSH_AUTH_SOCK"],
    ),
    ("docker build ", &["DOCKER_DEFAULT_PLATFORM", "SOURCE_DATE_EPOCH", "BUILDKIT_HOST"], &["AWS_PROFILE", "NO_PROXY"]),
    ("git ", &["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"], &["GIT_CONFIG_COUNT", "GIT_SSH_COMMAND", "NO_PROXY"]),
    ("cargo ", &["GIT_DIR", "GIT_INDEX_FILE"], &["RUSTFLAGS", "CARGO_TARGET_DIR", "TEMPORAL_LOG_LEVEL"]),
    (
        "terraform ",
        &["TF_WORKSPACE", "TF_CLI_ARGS", "TF_CLI_ARGS_output", "TF_VAR_region", "TF_DATA_DIR"],
        &["TF_LOG", "TF_PLUGIN_CACHE_DIR", "AWS_PROFILE", "HTTPS_PROXY"],
    ),
    ("aws ", &["AWS_DEFAULT_OUTPUT"], &["AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"]),
];

/// What the programs were given, by their calls.
fn environments(fakes: &Fakes) -> BTreeMap<String, Vec<String>> {
    let files = fs::read_dir(fakes.folder.join("environments")).unwrap().map(|it| it.unwrap().path());
    let read = |file| {
        let text = fs::read_to_string(file).unwrap();
        let call = text.lines().next().unwrap().trim_start_matches("== ").to_owned();
        // A shell quotes the value, each in its own way.
        let words = text.lines().filter_map(|it| it.strip_prefix("export ").or_else(|| it.strip_prefix("declare -x ")));
        (call, words.map(|it| it.replace(['\'', '"'], "")).collect())
    };
    files.map(read).collect()
}

#[test]
fn nothing_in_the_shell_changes_what_a_tool_does_and_networks_and_accounts_stay_the_user_s() {
    let fakes = Fakes::with_checkouts();
    fs::create_dir(fakes.checkout.home().join(".aws")).unwrap();
    fs::write(fakes.checkout.root.join("terraform/dev/terraform.tfstate"), "{}").unwrap();
    fs::create_dir(fakes.folder.join("environments")).unwrap();
    let printed = run(Command::new("git").args(["rev-parse", "--local-env-vars"])).expect(0).out;
    let of_a_repository: Vec<&str> = printed.lines().filter(|it| !it.starts_with("GIT_CONFIG")).collect();
    let offset = fakes.checkout.offset.to_string();
    for line in
        ["dev-up --local loki --port-offset OFFSET", "dev-build copilot", "doctor --dsql", "infra-output", "test"]
    {
        let mut command = fakes.command();
        command.args(line.replace("OFFSET", &offset).split(' '));
        for name in SHELL.iter().flat_map(|(_, removed, kept)| removed.iter().chain(*kept)) {
            // Of those that xtask reads itself.
            let value = if *name == "TEMPORAL_LOG_LEVEL" { "warn" } else { "7" };
            command.env(name, value);
        }
        of_a_repository.iter().for_each(|it| _ = command.env(it, "7"));
        // What a command is given by xtask stays; a program is known by its name wherever it stands.
        command.env("DOCKER_BUILDKIT", "7").env("BUILDX_BUILDER", "7").env("TF_INPUT", "7").env("AWS_PAGER", "7");
        run(command.env("CARGO", fakes.bin().join("cargo")));
    }
    let all = environments(&fakes);
    for (program, removed, kept) in SHELL {
        let calls: Vec<_> = all.iter().filter(|(call, _)| call.starts_with(program)).collect();
        assert!(!calls.is_empty(), "{program}: {:#?}", all.keys());
        for (call, environment) in calls {
            let has = |name: &str| environment.iter().any(|it| it.split('=').next() == Some(name));
            let git: &[&str] = if ["git ", "cargo "].contains(&program) { &of_a_repository } else { &[] };
            // Ours may be there in its place.
            let is_shells = |name: &str| environment.iter().any(|it| *it == format!("{name}=7"));
            let wrong: Vec<&&str> = removed.iter().chain(git).filter(|it| is_shells(it)).collect();
            assert!(wrong.is_empty(), "`{call}` gets {wrong:?}");
            let wrong: Vec<&&str> = kept.iter().filter(|it| !has(it)).collect();
            assert!(wrong.is_empty(), "`{call}` does not get {wrong:?}");
        }
    }
    for (program, variables) in [
        ("terraform ", &["TF_INPUT=0", "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"][..]),
        ("aws ", &["AWS_PAGER=", "AWS_CLI_AUTO_PROMPT=off", "AWS_EC2_METADATA_DISABLED=true"]),
        ("docker build ", &["DOCKER_BUILDKIT=1", "BUILDX_BUILDER=default"]),
    ] {
        for (call, environment) in all.iter().filter(|(call, _)| call.starts_with(program)) {
            let missing: Vec<_> = variables.iter().filter(|it| !environment.iter().any(|given| given == *it)).collect();
            assert!(missing.is_empty(), "`{call}` is not given {missing:?}");
        }
    }
}

/// A value of each service in what xtask writes for Compose.
fn overridden(fakes: &Fakes, key: &str) -> BTreeMap<String, serde_yaml::Value> {
    let text = fs::read_to_string(fakes.checkout.root.join("dev/.rendered/docker-compose.override.yml")).unwrap();
    let document: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let services = document["services"].as_mapping().unwrap().iter();
    services.filter_map(|(name, it)| Some((name.as_str()?.to_owned(), it.get(key)?.clone()))).collect()
}

#[test]
fn containers_reach_each_other_past_the_proxies_of_docker_s_settings() {
    let fakes = Fakes::with_checkouts();
    let up = || fakes.xtask(&["dev-up", "--local", "loki"]).expect(0);
    let settings = fakes.checkout.home().join(".docker/config.json");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let proxy = r#""httpProxy":"http://proxy:3128","httpsProxy":"http://proxy:3128""#;
    for (proxies, expected) in [
        ("{}".to_owned(), None),
        (r#"{"proxies":{}}"#.to_owned(), None),
        (format!(r#"{{"proxies":{{"tcp://other:2375":{{{proxy}}}}}}}"#), None),
        (format!(r#"{{"proxies":{{"default":{{{proxy}}}}}}}"#), Some("")),
        (format!(r#"{{"proxies":{{"default":{{{proxy},"noProxy":".corp,$x"}}}}}}"#), Some(".corp,$$x")),
        (
            format!(r#"{{"proxies":{{"unix:///var/run/docker.sock":{{{proxy},"noProxy":"a"}},"default":{{}}}}}}"#),
            Some("a"),
        ),
    ] {
        fs::write(&settings, &proxies).unwrap();
        up();
        let all = overridden(&fakes, "environment");
        let services = overridden(&fakes, "labels").len();
        assert_eq!(all.len(), if expected.is_some() { services } else { 0 }, "{proxies}");
        for (service, environment) in &all {
            for name in ["NO_PROXY", "no_proxy"] {
                let listed: Vec<&str> = environment[name].as_str().unwrap().split(',').collect();
                for host in ["elasticsearch", "mimir", "copilot-temporal", "localhost", "127.0.0.1"] {
                    assert!(listed.contains(&host), "{service}: {listed:?}");
                }
                assert!(listed.join(",").ends_with(expected.unwrap()), "{service}: {listed:?}");
            }
        }
    }
}

#[test]
fn the_databases_are_for_the_platform_that_everything_else_is_for() {
    for (arch, flags, expected) in [
        ("arm64", &[][..], "linux/arm64"),
        ("amd64", &[], "linux/amd64"),
        ("arm64", &["--platform", "linux/amd64"], "linux/amd64"),
    ] {
        let fakes = Fakes::with_checkouts();
        fakes.tell("arch", arch);
        if !flags.is_empty() {
            fakes.tell("foreign-arch", "amd64\n");
            fakes.tell("foreign-images", "postgres:17.11\n");
        }
        let line = [&["dev-up", "--local", "dsql-copilot"][..], flags].concat();
        fakes.xtask(&line).expect(0);
        // What has a platform in the committed files keeps it.
        let all = overridden(&fakes, "platform");
        assert!(all.contains_key("dsql-copilot") && all.contains_key("dsql-monitored") && !all.contains_key("loki"));
        assert!(all.values().all(|it| it == expected), "{arch} {flags:?}: {all:?}");
    }
}

#[test]
fn an_index_that_cannot_be_asked_for_is_told_from_one_that_maps_nothing() {
    let fakes = Fakes::new();
    fakes.add("temporal-elasticsearch-tool", "exit 0");
    for (curl, code, says) in [
        ("echo 'curl: (5) cannot resolve proxy' >&2; exit 5", 1, "Nothing is known to be wrong with the index"),
        ("echo '{\"an-index\":{\"mappings\":{}}}'", 1, "has 0 mapped fields"),
        ("i=0; while [ $i -lt 41 ]; do printf '\"type\":1\\n'; i=$((i+1)); done", 0, "is ready: 41 mapped fields"),
    ] {
        fakes.add("curl", curl);
        let mut script = Command::new("sh");
        script.arg(fakes.checkout.root.join("dev/docker/elasticsearch-setup.sh")).arg("an-index");
        let path = std::env::var("PATH").unwrap();
        script.env("PATH", format!("{}:{path}", fakes.bin().display())).env("ES_SERVER", "http://elasticsearch:9200");
        let done = run(&mut script).expect(code).says(&[says]);
        assert_eq!(done.err.contains("--overwrite"), says.contains("has 0"), "{}", done.err);
    }
}
