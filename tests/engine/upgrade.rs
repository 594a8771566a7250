//! A stack that an older version of this repository started, and today's commands on it.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use tests::{
    checkout::{Checkout, Outcome, run},
    engine::{self, docker},
    repo_root,
};

/// The version before containers were labelled with their mode, and TLS came from a script of the first start.
const OLD: &str = "14546d7";

#[test]
#[ignore = "needs a Docker engine"]
fn a_stack_of_an_older_version_keeps_its_data_and_is_stopped_by_today_s_commands() {
    let _turn = engine::alone();
    let Some(old_xtask) = build_old() else {
        tests::left_out(&format!("{OLD} is not in the history of this clone: `git fetch --unshallow`"));
        return;
    };
    let checkout = Checkout::copy("upgrade");
    let root = checkout.root.display();
    let git = |script: &str| {
        let identity = "-c user.name=test -c user.email=test@localhost -c init.defaultBranch=main -c gc.auto=0";
        let script = format!("set -eu; git() {{ command git {identity} -C '{root}' \"$@\"; }}; {script}");
        run(Command::new("sh").args(["-c", &script]).current_dir(repo_root())).expect(0);
    };
    git("git init --quiet && git add --all && git commit --quiet --message today");
    git(&format!("git rm -r --quiet . && command git archive {OLD} | tar -x -C '{root}'"));
    checkout.use_stand_ins();
    git("git add --all && git commit --quiet --message old");
    let old = |arguments: &[&str]| {
        let today = checkout.command();
        let mut command = Command::new(&old_xtask);
        command.args(arguments).current_dir(&checkout.root).stdin(Stdio::null());
        for (name, value) in today.get_envs() {
            match value {
                Some(it) => command.env(name, it),
                None => command.env_remove(name),
            };
        }
        run(&mut command)
    };

    // What was started by the one is stopped by the other.
    let offset = checkout.offset.to_string();
    let up = ["dev-up", "--local", "--port-offset", &offset];
    old(&[&up[..], &["loki", "--no-schema"]].concat()).expect(0);
    git("git checkout --quiet HEAD~1");
    checkout.xtask(&["dev-down"]).expect(0);
    assert!(engine::containers(&checkout.project).is_empty());
    git("git checkout --quiet -");

    // The others take their AWS keys in today's form only, where they are stand-ins.
    let stores = ["elasticsearch-setup", "dsql-monitored", "dsql-copilot", "grafana"];
    old(&[&up[..], &stores].concat()).expect(0);
    old(&["schema", "--local"]).expect(0);
    for service in ["dsql-monitored", "dsql-copilot"] {
        sql(&checkout, service, "CREATE TABLE kept AS SELECT 7 AS it").expect(0);
    }
    let document = "localhost:9200/kept/_doc/1";
    let json = "Content-Type: application/json";
    curl(&checkout, &["-X", "PUT", "localhost:9200/kept"]).expect(0);
    curl(&checkout, &["-X", "PUT", "-H", json, "-d", r#"{"it":7}"#, &format!("{document}?refresh=true")]).expect(0);
    let volumes = engine::volumes(&checkout.project);

    git("git checkout --quiet HEAD~1");
    checkout.xtask(&["dev-status"]).expect(4).says(&["dev/docker/dsql-stand-in.sh changed"]);
    checkout.xtask(&["dev-up"]).expect(0);
    let is_kept = || {
        for service in ["dsql-monitored", "dsql-copilot"] {
            assert_eq!(sql(&checkout, service, "SELECT it FROM kept").expect(0).out.trim(), "7", "{service}");
        }
        curl(&checkout, &[document]).expect(0).says(&[r#""_source":{"it":7}"#]);
    };
    is_kept();
    let status = checkout.xtask(&["dev-status", "--json"]).expect(0).json();
    let services = status["services"].as_array().unwrap();
    let unready: Vec<_> = services.iter().filter(|it| it["ready"] != true || !it["drift"].is_null()).collect();
    assert!(unready.is_empty(), "{unready:#?}");

    let before = engine::lives(&checkout.project);
    checkout.xtask(&["dev-up"]).expect(0);
    assert_eq!(engine::changed(&before, &engine::lives(&checkout.project)), [""; 0]);

    checkout.xtask(&["dev-down"]).expect(0);
    assert!(engine::containers(&checkout.project).is_empty());
    assert_eq!(engine::networks(&checkout.project), [""; 0]);
    let left = engine::volumes(&checkout.project);
    assert!(volumes.iter().all(|it| left.contains(it)), "of {volumes:?} are left {left:?}");
    checkout.dev_up(&["elasticsearch", "dsql-monitored", "dsql-copilot", "--no-schema"]).expect(0);
    is_kept();
}

fn id(checkout: &Checkout, service: &str) -> String {
    engine::containers(&checkout.project)[service]["Id"].as_str().unwrap_or_default().to_owned()
}

fn sql(checkout: &Checkout, service: &str, query: &str) -> Outcome {
    docker(&["exec", &id(checkout, service), "psql", "-U", "admin", "-d", "postgres", "-qtAc", query])
}

fn curl(checkout: &Checkout, arguments: &[&str]) -> Outcome {
    docker(
        &[&["exec", &id(checkout, "elasticsearch"), "curl", "--silent", "--show-error", "--fail-with-body"], arguments]
            .concat(),
    )
}

/// The older version's own xtask, built once for each target folder; none where the clone is too shallow.
fn build_old() -> Option<PathBuf> {
    let kind = run(Command::new("git").args(["cat-file", "-t", OLD]).current_dir(repo_root()));
    if kind.code != 0 {
        return None;
    }
    let test = env::current_exe().expect("a test has a binary");
    let folder = test.ancestors().nth(3).expect("a test's binary is in target/PROFILE/deps").join(OLD);
    let binary = folder.join("target/debug/xtask");
    if !binary.exists() {
        let source = folder.join("source");
        fs::create_dir_all(&source).unwrap();
        let archive = format!("git archive {OLD} | tar -x -C '{}'", source.display());
        run(Command::new("sh").args(["-c", &archive]).current_dir(repo_root())).expect(0);
        let mut build = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        build.args(["build", "--quiet", "--package", "xtask", "--target-dir", "../target"]).current_dir(source);
        run(build.env_remove("CARGO_TARGET_DIR")).expect(0);
    }
    Some(binary)
}
