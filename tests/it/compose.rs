//! The compose files held against the rules that no service may break.

use std::collections::BTreeSet;

use serde_yaml::Value;
use tests::{checkout::run, fakes::Fakes, repo_root};

const BASE: &str = "dev/docker-compose.yml";
const LOCAL: &str = "dev/docker-compose.local.yml";
const AMD64: &str = "dev/docker-compose.amd64.yml";

fn text(file: &str) -> String {
    std::fs::read_to_string(repo_root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn document(file: &str) -> Value {
    let mut document: Value = serde_yaml::from_str(&text(file)).unwrap();
    // Each time resolves one level of what is shared by what is shared.
    (0..3).for_each(|_| document.apply_merge().unwrap());
    document
}

/// The services of a file, with what they share merged in.
fn services(file: &str) -> Vec<(String, Value)> {
    let document = document(file);
    let services = document["services"].as_mapping().unwrap();
    services.iter().map(|(name, it)| (name.as_str().unwrap().to_owned(), it.clone())).collect()
}

fn list(node: &Value, key: &str) -> Vec<Value> {
    node.get(key).and_then(Value::as_sequence).cloned().unwrap_or_default()
}

/// Every scalar below a node, as text.
fn scalars(node: &Value) -> Vec<String> {
    match node {
        Value::Sequence(items) => items.iter().flat_map(scalars).collect(),
        Value::Mapping(pairs) => pairs.values().flat_map(scalars).collect(),
        Value::String(it) => vec![it.clone()],
        _ => Vec::new(),
    }
}

/// The variables that a node refers to.
fn refers_to(node: &Value, name: &str) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    scalars(node).iter().any(|it| {
        it.match_indices(name).any(|(at, _)| {
            let (before, after) = (&it[..at], &it[at + name.len()..]);
            (before.ends_with('$') || before.ends_with("${")) && !after.starts_with(is_name)
        })
    })
}

/// Feature: standalone-dev, Property 1: every service is built for and run on arm64 by default.
#[test]
fn every_service_has_the_arm64_platform_and_the_amd64_file_replaces_each() {
    let base = services(BASE);
    assert_eq!(base.len(), 15);
    for (name, service) in &base {
        assert_eq!(service["platform"], "linux/arm64", "{name}");
    }
    let names: BTreeSet<&String> = base.iter().map(|(name, _)| name).collect();
    let amd64 = services(AMD64);
    assert_eq!(amd64.iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), names);
    for (name, service) in amd64 {
        assert_eq!(service.as_mapping().unwrap().len(), 1, "{name} changes more than its platform");
        assert_eq!(service["platform"], "linux/amd64", "{name}");
    }
    // The images of the stand-ins are there for both: with a platform they would be emulated on the other one.
    assert!(services(LOCAL).iter().all(|(_, service)| service.get("platform").is_none()));
}

/// Feature: standalone-dev, Property 2: whoever signs in to AWS gets the AWS directory, and cannot write to it.
#[test]
fn every_service_that_signs_in_to_aws_mounts_the_aws_directory_read_only() {
    let mut signing_in = Vec::new();
    for (name, service) in services(BASE) {
        let mounts = list(&service, "volumes");
        let aws: Vec<&Value> = mounts.iter().filter(|it| it["target"] == "/aws").collect();
        assert!(aws.iter().all(|it| it["read_only"] == true), "{name} could write to the AWS directory");
        assert!(aws.iter().all(|it| it["source"] == "${AWS_MOUNT_DIR:-~/.aws}"), "{name}");
        // A rendering holds the database's host as well.
        let rendered = mounts.iter().any(|it| it["target"] == "/etc/temporal/config/persistence.yaml");
        let refers = ["TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST", "AWS_REGION"].iter().any(|it| refers_to(&service, it));
        if refers || rendered {
            assert_eq!(aws.len(), 1, "{name} signs in to AWS and has no AWS directory");
            signing_in.push(name);
        } else {
            assert_eq!(aws.len(), 0, "{name} has no business with AWS");
        }
    }
    let expected = [
        "temporal-history",
        "temporal-matching",
        "temporal-frontend",
        "temporal-worker",
        "copilot-temporal",
        "copilot-worker",
        "copilot-api",
    ];
    assert_eq!(signing_in, expected);
}

/// Property 2 of a service as Compose resolves it.
fn assert_signs_in(name: &str, service: &serde_json::Value) {
    let mounts = service["volumes"].as_array().into_iter().flatten().filter(|it| it["target"] == "/aws");
    let mounts: Vec<_> = mounts.collect();
    assert!(mounts.iter().all(|it| it["read_only"] == true), "{name} could write to the AWS directory");
    let signs_in = service["environment"].get("AWS_REGION").is_some();
    assert_eq!(mounts.len(), usize::from(signs_in), "{name}");
}

/// The same of what `dev-up` makes of the files: Grafana has keys only where it is asked for, and nobody has the user's
/// folder.
#[test]
fn with_what_dev_up_adds_whoever_signs_in_gets_the_handed_on_keys_and_nothing_else() {
    if !tests::compose_is_there() {
        return;
    }
    for wanted in [false, true] {
        let fakes = Fakes::with_checkouts();
        fakes.add_to_env("TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n");
        fakes.add_to_env(&format!("AWS_PROFILE=work\nGRAFANA_CLOUDWATCH={wanted}\n"));
        fakes.xtask(&["dev-up", "--dsql", "--no-schema"]).expect(0);
        let root = &fakes.checkout.root;
        let mut command = tests::compose(&fakes.checkout.home());
        let override_file = "dev/.rendered/docker-compose.override.yml";
        command.args(["--env-file", "dev/.rendered/compose.env", "--file", BASE, "--file", override_file]);
        let printed = run(command.current_dir(root).args(["config", "--format", "json"])).expect(0).json();
        let services = printed["services"].as_object().unwrap();
        for (name, service) in services {
            assert_signs_in(name, service);
            for mount in service["volumes"].as_array().into_iter().flatten().filter(|it| it["target"] == "/aws") {
                assert_eq!(mount["source"], root.join("dev/.rendered/aws").to_str().unwrap(), "{name}");
                assert_eq!(service["environment"]["AWS_PROFILE"], "default", "{name}: the profile that is in there");
            }
        }
        assert_eq!(services["grafana"]["environment"].get("AWS_REGION").is_some(), wanted);
    }
}

#[test]
fn every_published_port_is_on_this_machine_only_and_is_published_once() {
    let mut published = BTreeSet::new();
    for (name, service) in services(BASE).into_iter().chain(services(LOCAL)) {
        for port in list(&service, "ports") {
            let port = port.as_str().unwrap_or_else(|| panic!("{name}: {port:?}"));
            let host =
                port.strip_prefix("127.0.0.1:").unwrap_or_else(|| panic!("{name} publishes {port} to everybody"));
            let (host, container) = host.split_once(':').unwrap_or_else(|| panic!("{name}: {port}"));
            assert!(container.parse::<u16>().is_ok(), "{name}: {port}");
            assert!(published.insert(host.parse::<u16>().unwrap()), "{name}: {host} is published twice");
        }
        assert_eq!(service.get("network_mode"), None, "{name}: the host's network would publish everything");
    }
    let mut ports = tests::engine::PORTS.to_vec();
    ports.sort_unstable();
    assert_eq!(published.into_iter().collect::<Vec<_>>(), ports);
}

#[test]
fn nothing_keeps_two_checkouts_from_running_side_by_side() {
    for file in [BASE, LOCAL, AMD64] {
        let document = document(file);
        assert_eq!(document.get("name"), None, "{file} fixes the project's name");
        for kind in ["networks", "volumes"] {
            for (name, it) in document.get(kind).and_then(Value::as_mapping).into_iter().flatten() {
                assert!(it.get("name").is_none() && it.get("external").is_none(), "{file}: {name:?} is shared");
            }
        }
        for (name, service) in services(file) {
            assert_eq!(service.get("container_name"), None, "{file}: {name}");
        }
    }
}

#[test]
fn every_image_is_pinned_to_an_exact_tag() {
    for (name, service) in services(BASE).into_iter().chain(services(LOCAL)) {
        // What the local file only adds to has its image in the base file.
        let Some(image) = service.get("image").and_then(Value::as_str) else {
            assert!(services(BASE).iter().any(|(it, _)| *it == name), "{name} has no image");
            continue;
        };
        let image = image.split_once(":-").map_or(image, |(_, default)| default.trim_end_matches('}'));
        // With a digest behind the tag, the tag says to a reader what it is.
        let (image, digest) = image.split_once('@').unwrap_or((image, "sha256:"));
        assert!(digest.starts_with("sha256:"), "{name}: {digest}");
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no tag"));
        assert_ne!(tag, "latest", "{name}: {image}");
        let own = ["temporal-dsql-runtime:test", "temporal-sre-copilot:dev"].contains(&image);
        let digits = tag.trim_start_matches('v').split('.').filter(|it| it.parse::<u32>().is_ok()).count();
        assert!(own || digits >= 2, "{name}: {image} is pinned to no exact version");
    }
}

#[test]
fn each_stand_in_answers_to_a_host_of_its_own() {
    let stand_ins = services(LOCAL).into_iter().map(|(_, it)| list(&it["networks"]["temporal-network"], "aliases"));
    let aliases: BTreeSet<String> = stand_ins.flatten().map(|it| it.as_str().unwrap().to_owned()).collect();
    assert_eq!(aliases.len(), 2, "{aliases:?}");
}

#[test]
fn services_drop_what_they_do_not_need_and_are_bounded() {
    for (name, service) in services(BASE) {
        assert_eq!(list(&service, "cap_drop"), ["ALL"], "{name}");
        assert_eq!(list(&service, "security_opt"), ["no-new-privileges:true"], "{name}");
        assert_eq!(list(&service, "networks"), ["temporal-network"], "{name}");
        assert_eq!(service["logging"]["options"]["max-size"], "10m", "{name} may fill the disk");
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["memory"].is_string() && limits["pids"].is_u64(), "{name} may use all memory, or all processes");
        // Every engine has one processor, and none takes a limit above what it has.
        let cpus = limits["cpus"].as_str().map_or(0.0, |it| it.parse::<f64>().unwrap());
        let is_monitored =
            ["history", "matching", "frontend", "worker"].map(|it| format!("temporal-{it}")).contains(&name);
        assert!(cpus <= 1.0 && (cpus > 0.0 || !is_monitored), "{name}: {cpus}");
        // Compose refuses both spellings at once, and the Copilot's own tools read this one.
        assert_eq!(service.get("mem_limit"), None, "{name}");
        assert_ne!(service.get("privileged"), Some(&Value::from(true)), "{name}");
        for mount in list(&service, "volumes") {
            if let Value::Mapping(_) = mount {
                assert_eq!(mount["read_only"], true, "{name}: {mount:?}");
                // Docker would make a folder where a file was forgotten.
                assert_eq!(mount["bind"]["create_host_path"], false, "{name}: {mount:?}");
            }
        }
    }
}

#[test]
fn what_services_share_is_written_once() {
    let text = text(BASE);
    for shared in ["cap_drop:", "security_opt:", "max-size:", "AWS_SHARED_CREDENTIALS_FILE:", "target: /aws\n"] {
        assert_eq!(text.matches(shared).count(), 1, "`{shared}` is copied");
    }
}

#[test]
fn the_model_of_local_is_as_closed_as_the_services_beside_it() {
    let all = services(LOCAL);
    let (_, model) = all.iter().find(|(name, _)| name == "copilot-model").unwrap();
    assert_eq!(list(model, "cap_drop"), ["ALL"]);
    assert_eq!(list(model, "security_opt"), ["no-new-privileges:true"]);
    assert_eq!(list(model, "networks"), ["temporal-network"]);
    assert_eq!(model["read_only"], true);
    assert_eq!(model["logging"]["options"]["max-size"], "10m");
    assert!(model.get("ports").is_none() && model["deploy"]["resources"]["limits"]["pids"].is_u64());
    for mount in list(model, "volumes") {
        assert_eq!(mount["read_only"], true, "{mount:?}");
        assert_eq!(mount["bind"]["create_host_path"], false, "{mount:?}");
    }
    assert!(scalars(model).iter().all(|it| !it.contains("COPILOT_MODEL_KEY}") && !it.contains("COPILOT_MODEL_KEY:")));
    let (_, worker) = all.iter().find(|(name, _)| name == "copilot-worker").unwrap();
    assert_eq!(worker["environment"]["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"], "http://copilot-model:8090");
    assert!(!text(BASE).contains("AWS_ENDPOINT_URL"), "with Aurora DSQL the Copilot asks Bedrock itself");
}

#[test]
fn every_dependency_waits_for_what_its_target_can_say() {
    let all: Vec<_> = services(BASE).into_iter().chain(services(LOCAL)).collect();
    let find = |name: &str| &all.iter().find(|(it, _)| it == name).unwrap_or_else(|| panic!("no service {name}")).1;
    for (name, service) in &all {
        for (on, how) in service.get("depends_on").and_then(Value::as_mapping).into_iter().flatten() {
            let on = on.as_str().unwrap();
            let target = find(on);
            let condition = how["condition"].as_str().unwrap();
            let answers = match condition {
                "service_healthy" => target.get("healthcheck").is_some(),
                "service_completed_successfully" => target["restart"] == "no",
                "service_started" => true,
                other => panic!("{name}: {other}"),
            };
            assert!(answers, "{name} waits for {on} to be {condition}, which it never says");
        }
        let one_shot = service["restart"] == "no";
        let checked = find(name).get("healthcheck").is_some() || find(name).get("x-ready").is_some();
        assert!(one_shot || checked, "nobody can tell whether {name} is ready");
    }
    for (name, seconds) in [
        ("elasticsearch", "30s"),
        ("temporal-history", "60s"),
        ("temporal-frontend", "60s"),
        ("copilot-temporal", "60s"),
        ("copilot-worker", "30s"),
        ("copilot-api", "30s"),
    ] {
        assert_eq!(find(name)["healthcheck"]["start_period"], seconds, "{name}");
    }
}

#[test]
fn compose_itself_reads_the_files_without_any_variable() {
    if !tests::compose_is_there() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let config = |files: &[&str], words: &[&str]| {
        let mut command = tests::compose(home.path());
        files.iter().for_each(|it| _ = command.args(["--file", it]));
        run(command.current_dir(repo_root()).arg("config").args(words)).expect(0)
    };
    let printed = config(&[BASE], &["--services"]);
    assert_eq!(printed.out.lines().count(), 15, "{}", printed.out);
    assert_eq!(printed.err, "");
    assert_eq!(config(&[BASE, LOCAL], &["--services"]).out.lines().count(), 18);
    for (files, platform) in [(&[BASE][..], "linux/arm64"), (&[BASE, AMD64], "linux/amd64")] {
        let printed = config(files, &["--format", "json"]).out;
        let resolved: serde_json::Value = serde_json::from_str(&printed).unwrap();
        for (name, service) in resolved["services"].as_object().unwrap() {
            assert_eq!(service["platform"], platform, "{name}");
            for port in service["ports"].as_array().into_iter().flatten() {
                assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
            }
            assert_signs_in(name, service);
        }
    }
}
