use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{LOCAL, dev_up, xtask};
use tests::fakes::Fakes;

/// A name, what is otherwise than in a snapshot that fits, and what is said about it.
type Case = (&'static str, fn(&mut Value), &'static str);

/// A local stack of which `loki` runs, with two of its volumes.
fn started() -> Fakes {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "loki --local").expect(0);
    let project = &fakes.checkout.project;
    let mount =
        |key: &str| json!([{"type": "bind", "source": "/x"}, {"type": "volume", "source": key, "target": "/x"}]);
    let config = json!({
        "services": {
            "loki": {"image": "grafana/loki:3.7.6", "volumes": mount("loki-data")},
            "mimir": {"image": "grafana/mimir:3.0.6", "volumes": mount("mimir-data")},
            "own": {"image": "own", "volumes": mount("shared")},
        },
        "volumes": {
            "loki-data": {"name": format!("{project}_loki-data")},
            "mimir-data": {"name": format!("{project}_mimir-data")},
            "shared": {"name": "shared", "external": true},
        },
    });
    fakes.tell("config", &format!("{config}\n"));
    fakes.tell("all-volumes", &format!("shared\n{project}_loki-data\n{project}_mimir-data\nsomebody_loki-data\n"));
    fakes.forget();
    fakes
}

fn folder(fakes: &Fakes, path: &str) -> PathBuf {
    fakes.checkout.root.join("dev/.snapshots").join(path)
}

/// Makes a snapshot by hand.
fn snapshot(fakes: &Fakes, name: &str, edit: impl FnOnce(&mut Value)) {
    let mut manifest = json!({
        "manifestVersion": 1, "created": "2026-01-31T12:00:00Z", "mode": "--local", "architecture": "arm64", "bytes": 3,
        "volumes": {"loki-data": "loki 3"}, "databases": {"temporal-monitored": {"schema": "1.1", "shards": 4}},
    });
    edit(&mut manifest);
    fs::create_dir_all(folder(fakes, name)).unwrap();
    fs::write(folder(fakes, name).join("manifest.json"), manifest.to_string()).unwrap();
    fs::write(folder(fakes, name).join("volumes.tar.gz"), "abc").unwrap();
}

/// A container's work in volumes, mounted like this.
fn work(mounts: &[&str], script: &str) -> String {
    let mounts: String = mounts.iter().map(|it| format!("--volume PROJECT_{it} ")).collect();
    format!(
        "docker run --rm --interactive --sig-proxy=false --network none --log-driver none \
         --label temporal-sre-copilot.snapshot=PROJECT --user 0 {mounts}--entrypoint sh postgres:17.11 -c '{script}"
    )
}

/// The calls that change something, those of scripts only as far as `starts` have them.
#[track_caller]
fn expect_starts(fakes: &Fakes, starts: &[String]) {
    let calls = fakes.calls();
    assert_eq!(calls.len(), starts.len(), "{calls:#?}");
    calls.iter().zip(starts).for_each(|(call, it)| assert!(call.starts_with(it), "{call}\nis not\n{it}"));
    fakes.forget();
}

#[test]
fn a_save_stops_the_stack_packs_its_own_volumes_for_this_user_alone_and_starts_what_ran() {
    let fakes = started();
    xtask(&fakes, "dev-snapshot save one").expect(0).says(&["saved `one`", "dev-snapshot restore one"]);
    let mounts = ["loki-data:/v/loki-data/.snapshot:ro", "mimir-data:/v/mimir-data/.snapshot:ro"];
    let pack = work(&mounts, "cd /v && exec tar --numeric-owner -czf - ");
    expect_starts(&fakes, &[format!("{LOCAL} stop"), pack.clone(), "docker start PROJECT-loki-1".to_owned()]);
    let mode = |path: &str| fs::metadata(folder(&fakes, path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode("one")], [0o700; 2]);
    assert_eq!([mode("one/manifest.json"), mode("one/volumes.tar.gz")], [0o600; 2]);
    assert_eq!(fs::read_dir(folder(&fakes, "")).unwrap().count(), 1);

    let listed = xtask(&fakes, "dev-snapshot list --json").expect(0).json();
    assert_eq!(listed["snapshots"][0]["volumes"], json!({"loki-data": "loki 3", "mimir-data": "mimir 3"}));
    xtask(&fakes, "dev-snapshot list").expect(0).says(&["NAME", "one", " ago"]);

    // With nothing that runs the volumes are saved all the same.
    fakes.tell("running", "");
    fakes.forget();
    xtask(&fakes, "dev-snapshot save two").expect(0);
    expect_starts(&fakes, &[pack]);
}

#[test]
fn a_restore_makes_what_is_missing_stages_and_swaps_and_a_second_checkout_is_left_alone() {
    let fakes = started();
    let project = fakes.checkout.project.clone();
    snapshot(&fakes, "one", |_| {});
    fakes.tell("all-volumes", &format!("{project}_mimir-data\nsomebody_loki-data\n"));
    let says = ["the snapshot `one`, saved 2026-01-31 12:00 UTC, ", "`--yes` confirms it"];
    let refused = xtask(&fakes, "dev-snapshot restore one").expect(5).says(&says);
    assert!(refused.err.contains(&format!("overwrites the data in {project}_mimir-data;")), "{}", refused.err);
    expect_starts(&fakes, &[]);

    xtask(&fakes, "dev-snapshot restore one --yes").expect(0).says(&["restored `one`"]);
    let labels = "--label com.docker.compose.project=PROJECT --label com.docker.compose.volume=loki-data";
    let mounts = ["loki-data:/v/loki-data", "mimir-data:/v/mimir-data"];
    let calls = [
        format!("{LOCAL} stop"),
        format!("docker volume create {labels} PROJECT_loki-data"),
        work(&mounts, "cd /v && rm -rf */.snapshot && tar --numeric-owner -xpzf - "),
        // The fake engine has made nothing, so that there is one to swap.
        work(&mounts[1..], "set -e; for v in /v/*; do if [ -d $v/.snapshot ]"),
        "docker start PROJECT-loki-1".to_owned(),
    ];
    expect_starts(&fakes, &calls);
    assert!(!folder(&fakes, ".unfinished").exists());
}

#[test]
fn what_does_not_fit_is_refused_with_every_reason_before_anything_stops() {
    let fakes = started();
    let cases: [Case; 6] = [
        ("mode", |it| it["mode"] = json!("--local --stand-ins"), "from `dev-up --local --stand-ins`"),
        ("arch", |it| it["architecture"] = json!("amd64"), "saved on amd64, and this engine is arm64"),
        ("major", |it| it["volumes"]["loki-data"] = json!("loki 4"), "written by loki 4, and this stack has loki 3"),
        ("more", |it| it["volumes"]["x"] = json!("x 1"), "the volume x, which this stack does not have"),
        (
            "schema",
            |it| it["databases"]["temporal-monitored"]["schema"] = json!("1.2"),
            "temporal-monitored has schema version 1.2, the checkout only 1.1",
        ),
        (
            "shards",
            |it| it["databases"]["temporal-monitored"] = json!({"schema": "1.0", "shards": 8}),
            "temporal-monitored has 8 shards, which is fixed, and TEMPORAL_HISTORY_SHARDS is 4",
        ),
    ];
    for (name, edit, reason) in cases {
        snapshot(&fakes, name, edit);
        let title = format!("the snapshot `{name}` does not fit:");
        xtask(&fakes, &format!("dev-snapshot restore {name} --yes")).expect(3).says(&[&title, reason]);
    }
    snapshot(&fakes, "cut", |it| it["bytes"] = json!(4));
    xtask(&fakes, "dev-snapshot restore cut --yes").expect(1).says(&["damaged: its archive has 3 bytes of 4"]);
    snapshot(&fakes, "both", |it| {
        it["architecture"] = json!("amd64");
        it["databases"] = json!({"temporal-copilot": {"schema": "9", "shards": 5}});
    });
    let refused = xtask(&fakes, "dev-snapshot restore both --yes").expect(3);
    assert_eq!(refused.err.matches("\n  - ").count(), 3, "{}", refused.err);
    expect_starts(&fakes, &[]);
}

#[test]
fn what_is_under_way_is_not_stopped_and_what_is_not_there_is_named() {
    let fakes = started();
    snapshot(&fakes, "nightly", |_| {});
    for (file, text, says) in
        [("loads", "load-worker-1\n", "a load runs (load-worker-1)"), ("paused", "loki\n", "loki is paused")]
    {
        fakes.tell(file, text);
        xtask(&fakes, "dev-snapshot save one").expect(3).says(&[says]);
        xtask(&fakes, "dev-snapshot restore nightly --yes").expect(3).says(&[says]);
        fakes.tell(file, "");
    }
    for line in ["restore nihgtly --yes", "remove nihgtly --yes"] {
        let says = ["no snapshot `nihgtly`. Did you mean `nightly`?", "The snapshots are: nightly"];
        xtask(&fakes, &format!("dev-snapshot {line}")).expect(2).says(&says);
    }
    for (line, says) in [
        ("save", "NAME is missing: `dev-snapshot save NAME`"),
        ("list nightly", "`dev-snapshot list` takes no name"),
        ("put x", "expected `save` or `restore` or `list` or `remove`, got `put`"),
        ("save ../x", "a name is made of at most 64 letters, digits, `.`, `_` and `-`"),
        ("save .x", "begins with none of `.` and `-`, got `.x`"),
    ] {
        xtask(&fakes, &format!("dev-snapshot {line}")).expect(2).says(&[says]);
    }
    fakes.tell("all-volumes", "somebody_loki-data\n");
    xtask(&fakes, "dev-snapshot save one").expect(3).says(&["there is no data yet"]);
    expect_starts(&fakes, &[]);
}

#[test]
fn nothing_is_replaced_or_removed_unasked_and_what_has_no_manifest_is_no_snapshot() {
    let fakes = started();
    snapshot(&fakes, "one", |_| {});
    fs::create_dir_all(folder(&fakes, "half")).unwrap();
    fs::create_dir_all(folder(&fakes, ".partial")).unwrap();
    xtask(&fakes, "dev-snapshot save one").expect(5).says(&["this replaces the snapshot `one`, saved 2026-01-31"]);
    xtask(&fakes, "dev-snapshot remove one").expect(5).says(&["this removes the snapshot `one`, saved 2026-01-31"]);
    expect_starts(&fakes, &[]);
    let listed = xtask(&fakes, "dev-snapshot list --json").expect(0).json();
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), 1, "{listed}");
    xtask(&fakes, "dev-snapshot remove one --yes").expect(0);
    assert!(!folder(&fakes, "one").exists());
    xtask(&fakes, "dev-snapshot list").expect(0).says(&["there are no snapshots"]);
}

#[test]
fn aurora_dsql_has_no_snapshots_and_neither_has_a_stack_that_never_was() {
    let fakes = Fakes::new();
    xtask(&fakes, "dev-snapshot save one").expect(3).says(&["no stack was started here yet"]);
    fs::write(fakes.checkout.root.join("dev/.rendered/mode.json"), r#"{"local":false,"portOffset":0}"#).unwrap();
    for line in ["save one", "restore one --yes"] {
        let says = ["in Aurora DSQL, which snapshots do not reach", "`--local`"];
        xtask(&fakes, &format!("dev-snapshot {line}")).expect(3).says(&says);
    }
    expect_starts(&fakes, &[]);
}

#[test]
fn a_failure_in_the_middle_leaves_the_older_snapshot_and_starts_the_stack_again() {
    let fakes = started();
    snapshot(&fakes, "one", |_| {});
    fakes.tell("fail", "*/.snapshot:ro*\n");
    let says = ["the snapshot `one` was not saved", "the fake fails as it was told to (exit status: 7)"];
    xtask(&fakes, "dev-snapshot save one --yes").expect(1).says(&says);
    assert_eq!(fakes.calls().last().unwrap(), "docker start PROJECT-loki-1");
    assert_eq!(fs::read(folder(&fakes, "one/volumes.tar.gz")).unwrap(), b"abc");
    assert_eq!(fs::read_dir(folder(&fakes, "")).unwrap().count(), 1);

    fakes.tell("fail", "*-xpzf*\n");
    let says = ["the snapshot `one` was not restored; the data is as it was"];
    xtask(&fakes, "dev-snapshot restore one --yes").expect(1).says(&says);
    let calls = fakes.calls();
    assert!(calls[calls.len() - 2].ends_with("-c 'rm -rf /v/*/.snapshot'"), "{calls:#?}");
    assert_eq!(calls.last().unwrap(), "docker start PROJECT-loki-1");
}

#[test]
fn dev_up_first_completes_a_swap_that_was_interrupted_and_takes_anything_earlier_back() {
    let fakes = started();
    let project = fakes.checkout.project.clone();
    let unfinished = |phase: &str| {
        let volumes = json!({"loki-data": format!("{project}_loki-data"), "gone": format!("{project}_gone")});
        let node =
            json!({"phase": phase, "name": "one", "project": project, "image": "postgres:17.11", "volumes": volumes});
        fs::create_dir_all(folder(&fakes, ".partial")).unwrap();
        fs::create_dir_all(folder(&fakes, ".replaced")).unwrap();
        fs::write(folder(&fakes, ".unfinished"), node.to_string()).unwrap();
        xtask(&fakes, "dev-status")
            .says(&["the snapshot `one` was interrupted", "`cargo xtask dev-up` ends that first"]);
        let told = xtask(&fakes, "dev-status --json").json();
        assert!(told["unfinishedSnapshot"].as_str().unwrap().contains("the snapshot `one` was interrupted"), "{told}");
        fakes.forget();
        let said = dev_up(&fakes, "loki --local").expect(0);
        assert!(folder(&fakes, "one").exists() && fs::read_dir(folder(&fakes, "")).unwrap().count() == 1);
        fs::remove_dir(folder(&fakes, "one")).unwrap();
        said
    };
    let mount = ["loki-data:/v/loki-data"];
    unfinished("swap").says(&["interrupted in the middle: it is complete now"]);
    expect_starts(&fakes, &[work(&mount, "set -e; for v in /v/*; do if [ -d $v/.snapshot ]")]);
    unfinished("stage").says(&["nothing was changed: what it left is removed"]);
    expect_starts(&fakes, &[work(&mount, "rm -rf /v/*/.snapshot")]);
    unfinished("save").says(&["nothing was changed: what it left is removed"]);
    expect_starts(&fakes, &[]);
}

#[test]
fn a_second_command_is_refused_while_one_is_at_work() {
    let fakes = started();
    fakes.tell("hang", "*/.snapshot:ro*\n");
    let mut save = fakes.command();
    let mut save = save.args(["dev-snapshot", "save", "one"]).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fakes.calls().iter().any(|it| it.contains("/.snapshot:ro")) {
        assert!(Instant::now() < deadline, "it does not come so far");
        thread::sleep(Duration::from_millis(20));
    }
    xtask(&fakes, "dev-snapshot save two").expect(1).says(&["`cargo xtask dev-snapshot save (process ", "is at work"]);
    Command::new("kill").args(["-TERM", &save.id().to_string()]).status().unwrap();
    assert_eq!(save.wait().unwrap().code(), Some(143));
    fakes.tell("hang", "\n");
    xtask(&fakes, "dev-snapshot save two").expect(0).says(&["what it left is removed"]);
}
