//! What the programs that xtask runs see of the user's shell.

use std::{collections::BTreeMap, fs};

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
    let mut all = BTreeMap::<String, Vec<String>>::new();
    let mut call = String::new();
    for line in fakes.told("environments").lines() {
        if let Some(it) = line.strip_prefix("== ") {
            it.clone_into(&mut call);
        }
        // A shell quotes the value, each in its own way.
        let words = line.strip_prefix("export ").or_else(|| line.strip_prefix("declare -x "));
        all.entry(call.clone()).or_default().extend(words.map(|it| it.replace(['\'', '"'], "")));
    }
    all
}

#[test]
fn nothing_in_the_shell_changes_what_a_tool_does_and_networks_and_accounts_stay_the_user_s() {
    let fakes = Fakes::with_checkouts();
    fs::create_dir(fakes.checkout.home().join(".aws")).unwrap();
    fs::write(fakes.checkout.root.join("terraform/dev/terraform.tfstate"), "{}").unwrap();
    fakes.tell("environments", "");
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
        run(&mut command);
    }
    let all = environments(&fakes);
    for (program, removed, kept) in SHELL {
        let calls: Vec<_> = all.iter().filter(|(call, _)| call.starts_with(program)).collect();
        assert!(!calls.is_empty(), "{program}: {:#?}", all.keys());
        for (call, environment) in calls {
            let has = |name: &str| environment.iter().any(|it| it.split('=').next() == Some(name));
            let wrong: Vec<&&str> = removed.iter().filter(|it| has(it)).collect();
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
