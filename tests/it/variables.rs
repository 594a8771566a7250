//! What `dev/.env` says reaches Compose unchanged, through the file that xtask writes for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use tests::{checkout::run, fakes::Fakes};

/// Variables that hold any text on one line, and that `--local` leaves alone.
const NAMES: [&str; 4] =
    ["COPILOT_MODEL_NAME", "COPILOT_KNOWLEDGE_BASE_ID", "TEMPORAL_DSQL_PATH", "TEMPORAL_SRE_COPILOT_PATH"];

/// What Compose makes of a file of variables where a compose file refers to [`NAMES`].
fn interpolated(fakes: &Fakes, file: &Path) -> BTreeMap<String, String> {
    let compose_file = fakes.checkout.home().join("compose.yml");
    let refers: String = NAMES.iter().map(|it| format!("      {it}: \"${{{it}}}\"\n")).collect();
    std::fs::write(&compose_file, format!("services:\n  a:\n    image: a\n    environment:\n{refers}")).unwrap();
    let mut command = tests::compose(&fakes.checkout.home());
    command.arg("--env-file").arg(file).arg("--file").arg(&compose_file).args(["config", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&run(&mut command).expect(0).out).unwrap();
    let environment = document["services"]["a"]["environment"].as_object().unwrap();
    // `config` prints a compose file, in which a dollar is two.
    environment.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().replace("$$", "$"))).collect()
}

#[test]
fn awkward_values_are_the_same_to_compose_through_xtask_and_without_it() {
    if !tests::compose_is_there() {
        return;
    }
    for values in [
        ["plain", "with spaces  inside", "\"double $$ \\\" \\\\ quoted\"", "'single $X \\n quoted'"],
        ["#begins with a hash", "a#b # comment", "$$HOME", "${NONE:-default}"],
        ["it's", "$COPILOT_MODEL_NAME", "say \"hi\"", "back\\slash\\"],
        ["\"tab\\tand\\a\"", "日本 ✓", "`x` !x %x% ~/x", "{\"json\": [1, 2]}"],
        ["a=b=c", ": yaml", "\"#\"", "'$$'"],
    ] {
        let fakes = Fakes::new();
        NAMES.iter().zip(values).for_each(|(name, value)| fakes.add_to_env(&format!("{name}={value}\n")));
        fakes.xtask(&["dev-up", "loki", "--local"]).expect(0);
        let written = interpolated(&fakes, &fakes.checkout.root.join("dev/.rendered/compose.env"));
        assert_eq!(written, interpolated(&fakes, &fakes.checkout.root.join("dev/.env")), "{values:?}");
        assert_eq!(written.len(), NAMES.len());
    }
}

#[test]
fn what_compose_is_given_does_not_depend_on_the_caller_s_environment() {
    let fakes = Fakes::new();
    fakes.add_to_env("COPILOT_MODEL_NAME=from the file\n");
    let up = ["dev-up", "loki", "--local"];
    let written = || std::fs::read_to_string(fakes.checkout.root.join("dev/.rendered/compose.env")).unwrap();
    fakes.xtask(&up).expect(0);
    assert!(written().contains("COPILOT_MODEL_NAME=\"from the file\"\n"), "{}", written());
    let mut command = fakes.command();
    run(command.env("COPILOT_MODEL_NAME", "from $outside").args(up)).expect(0);
    assert!(written().contains("COPILOT_MODEL_NAME=\"from \\$outside\"\n"), "{}", written());
}

#[test]
fn the_key_of_a_model_becomes_a_file_of_its_own_and_is_in_no_other() {
    let fakes = Fakes::new();
    let root = fakes.checkout.root.clone();
    let up = || fakes.xtask(&["dev-up", "copilot-model", "--local"]).expect(0);
    let rendered = |name: &str| root.join("dev/.rendered").join(name);
    let variable = || std::fs::read_to_string(rendered("compose.env")).unwrap();
    up();
    assert!(variable().contains("COPILOT_MODEL_KEY_FILE=\"/dev/null\"\n"), "{}", variable());

    fakes.add_to_env("COPILOT_MODEL_KEY=sk-hidden\n");
    let printed = up();
    let file = rendered("copilot-model.key");
    let line = format!("COPILOT_MODEL_KEY_FILE=\"{}\"\n", file.display());
    assert!(variable().contains(&line), "{}", variable());
    let about = std::fs::metadata(&file).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let told = [variable(), printed.out, printed.err, fakes.told("log")].concat();
    for entry in std::fs::read_dir(rendered("")).unwrap().flatten().filter(|it| it.path().is_file()) {
        let holds = std::fs::read_to_string(entry.path()).unwrap().contains("sk-hidden");
        assert_eq!(holds, entry.path() == file, "{}", entry.path().display());
    }
    assert!(!told.contains("sk-hidden"), "{told}");

    // A running container has this very file, whatever is put in its place.
    fakes.add_to_env("COPILOT_MODEL_KEY=sk-other\n");
    up();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "sk-other");
    assert_eq!(std::fs::metadata(&file).unwrap().ino(), about.ino());
}

#[test]
fn services_are_asked_for_their_health_more_often_while_they_start_where_the_engine_can_do_that() {
    for (api, expected) in [("1.43", 0), ("1.44", 14), ("1.52", 14)] {
        let fakes = Fakes::with_checkouts();
        fakes.tell("api", &format!("{api}\n"));
        fakes.xtask(&["dev-up", "--local"]).expect(0);
        let read =
            || std::fs::read_to_string(fakes.checkout.root.join("dev/.rendered/docker-compose.override.yml")).unwrap();
        let written = read();
        assert_eq!(written.matches("healthcheck: { start_interval: ").count(), expected, "{api}\n{written}");
        // Most often where somebody waits for the answer.
        let interval = |name: &str| {
            let of = written.split(&format!("\n  {name}:\n")).nth(1).unwrap();
            of.split("start_interval: ").nth(1).unwrap().split(' ').next().unwrap().to_owned()
        };
        if expected > 0 {
            assert_eq!(["elasticsearch", "copilot-worker"].map(interval), ["1s", "2s"], "{written}");
        }
        // It writes the file anew to find what has changed.
        fakes.xtask(&["dev-status"]).expect(0);
        assert_eq!(read(), written, "{api}");
        if tests::compose_is_there() {
            let mut command = tests::compose(&fakes.checkout.home());
            let files = ["docker-compose.yml", "docker-compose.local.yml", ".rendered/docker-compose.override.yml"];
            files.iter().for_each(|it| _ = command.arg("--file").arg(fakes.checkout.root.join("dev").join(it)));
            let config = run(command.args(["config", "--format", "json"])).expect(0).out;
            let config: serde_json::Value = serde_json::from_str(&config).unwrap();
            let loki = &config["services"]["loki"]["healthcheck"];
            assert_eq!(loki["test"][1], "/usr/bin/loki");
            assert_eq!(loki.get("start_interval").is_some(), expected > 0, "{loki}");
        }
    }
}

#[test]
fn every_variable_of_the_example_is_read_by_the_template_or_a_compose_file_or_by_xtask_alone() {
    let text = |file: &str| std::fs::read_to_string(tests::repo_root().join(file)).unwrap();
    let readers =
        ["docker-compose.yml", "docker-compose.local.yml", "docker/persistence-dsql-elasticsearch.template.yaml"];
    let read: String = readers.iter().map(|it| text(&format!("dev/{it}"))).collect();
    let reference = regex::Regex::new(r"\$\{?([A-Z0-9_]+)").unwrap();
    let read: BTreeSet<&str> = reference.captures_iter(&read).map(|it| it.get(1).unwrap().as_str()).collect();
    // The template has one name for both clusters; a choice of one word is there to refuse all others.
    let unread = |it: &&str| match *it {
        "COPILOT_DSQL_DATABASE" => !read.contains("TEMPORAL_SQL_DATABASE"),
        "COPILOT_HISTORY_SHARDS" => !read.contains("TEMPORAL_HISTORY_SHARDS"),
        it => !read.contains(it),
    };
    let example = text("dev/.env.example");
    let names = example.lines().filter_map(|it| Some(it.trim_start_matches('#').split_once('=')?.0));
    let unread: Vec<&str> = names.filter(|it| !it.contains(' ')).filter(unread).collect();
    let checkouts = ["TEMPORAL_DSQL_PATH", "TEMPORAL_SRE_COPILOT_PATH"];
    let by_xtask = [
        "TEMPORAL_SQL_PLUGIN",
        "TEMPORAL_SQL_CONNECTION_TIMEOUT",
        "COPILOT_PRESET",
        "COPILOT_MODEL_KEY",
        "AWS_CONFIG_DIR",
    ];
    assert_eq!(unread, [&by_xtask[..], &checkouts, &["IMAGE_REGISTRY"]].concat());
}
