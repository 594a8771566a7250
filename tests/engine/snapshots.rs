//! Snapshots of real volumes: what was saved comes back, and a command that is killed leaves the old state or the new.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tests::{
    checkout::Checkout,
    engine::{self, docker},
};

const DATABASE: &str = "dsql-monitored";

fn sql(checkout: &Checkout, query: &str) -> String {
    let psql = ["dev-exec", DATABASE, "--", "psql", "-U", "admin", "-d", "postgres", "-XAtqc", query];
    checkout.xtask(&psql).expect(0).out.trim().to_owned()
}

fn in_volume(checkout: &Checkout, key: &str, script: &str) -> String {
    let mount = format!("{}_{key}:/data", checkout.project);
    let run =
        ["run", "--rm", "--user", "0", "--network", "none", "--volume", &mount, engine::POSTGRES, "sh", "-c", script];
    docker(&run).expect(0).out.trim().to_owned()
}

fn elasticsearch(checkout: &Checkout, arguments: &[&str]) -> String {
    let curl = ["dev-exec", "elasticsearch", "--", "curl", "-sf", "-H", "Content-Type: application/json"];
    checkout.xtask(&[&curl, arguments].concat()).expect(0).out
}

#[test]
#[ignore = "needs a Docker engine"]
fn rows_and_documents_come_back_with_their_owners_after_the_volumes_were_removed() {
    let _turn = engine::alone();
    let checkout = Checkout::copy("snapshot");
    let up = || checkout.dev_up(&[DATABASE, "elasticsearch", "--no-schema"]).expect(0);
    up();
    sql(&checkout, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS it");
    elasticsearch(&checkout, &["-X", "PUT", "localhost:9200/kept"]);
    elasticsearch(&checkout, &["-X", "PUT", "localhost:9200/kept/_doc/1?refresh=true", "-d", r#"{"word":"saved"}"#]);
    let owners =
        || in_volume(&checkout, "dsql-monitored-data", "stat -c '%n %u:%g %a' /data /data/base /data/PG_VERSION");
    let before = owners();
    checkout.xtask(&["dev-down"]).expect(0);
    checkout.xtask(&["dev-snapshot", "save", "kept"]).expect(0);

    checkout.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
    assert_eq!(engine::volumes(&checkout.project), [""; 0]);
    checkout.xtask(&["dev-snapshot", "restore", "kept"]).expect(0).says(&["there is no data yet"]);
    assert_eq!(owners(), before);
    let started = up();
    assert!(!started.err.contains("already exists"), "{}", started.err);
    assert_eq!(sql(&checkout, "SELECT count(*), sum(it) FROM kept"), "1000|500500");
    assert!(elasticsearch(&checkout, &["localhost:9200/kept/_doc/1"]).contains("\"saved\""));
    // Compose takes the volumes for its own.
    checkout.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
    assert_eq!(engine::volumes(&checkout.project), [""; 0]);
}

/// What the database and another volume say, which was written together.
fn state(checkout: &Checkout) -> [String; 2] {
    [
        sql(checkout, "SELECT it FROM word"),
        in_volume(checkout, "mimir-data", "cat /data/word; ls -A /data | grep snapshot || true"),
    ]
}

fn write(checkout: &Checkout, word: &str) {
    sql(checkout, &format!("DROP TABLE IF EXISTS word; CREATE TABLE word AS SELECT '{word}' AS it"));
    in_volume(checkout, "mimir-data", &format!("echo {word} > /data/word"));
}

/// Runs a command and kills it so long after it has come to this phase.
fn killed(checkout: &Checkout, command: &[&str], phase: &str, after: u64) {
    let mut child = checkout.command();
    let mut child = child.args(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let unfinished = checkout.root.join("dev/.snapshots/.unfinished");
    let is_there = || fs::read_to_string(&unfinished).is_ok_and(|it| it.contains(&format!("\"phase\": \"{phase}\"")));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_there() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_millis(after));
    Command::new("kill").args(["-KILL", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    assert!(Instant::now() < deadline, "it does not come to `{phase}`");
}

#[test]
#[ignore = "needs a Docker engine"]
fn whenever_a_restore_or_a_save_is_killed_the_stack_comes_up_with_the_old_or_the_new_state_whole() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("killed");
    let up = || checkout.dev_up(&[DATABASE, "mimir", "--no-schema"]).expect(0);
    up();
    write(&checkout, "base");
    checkout.xtask(&["dev-snapshot", "save", "base"]).expect(0);
    assert_eq!(state(&checkout), ["base"; 2]);
    let restore = ["dev-snapshot", "restore", "base", "--yes"];
    for (round, (phase, after)) in [("stage", 0), ("stage", 1500), ("swap", 100)].into_iter().enumerate() {
        let word = format!("round{round}");
        write(&checkout, &word);
        killed(&checkout, &restore, phase, after);
        up();
        let found = state(&checkout);
        let expected = if phase == "swap" { "base" } else { &*word };
        // What a swap has begun is never taken back.
        assert!(found == [expected; 2] || phase == "stage" && found == ["base"; 2], "{phase} + {after} ms: {found:?}");
    }
    write(&checkout, "later");
    killed(&checkout, &["dev-snapshot", "save", "base", "--yes"], "save", 1500);
    up();
    assert_eq!(state(&checkout), ["later"; 2]);
    assert_eq!(fs::read_dir(checkout.root.join("dev/.snapshots")).unwrap().count(), 1);
    checkout.xtask(&restore).expect(0);
    let found = state(&checkout);
    assert!(found == ["base"; 2] || found == ["later"; 2], "{found:?}");
}
