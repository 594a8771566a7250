//! What each command runs, word for word.

mod builds;
mod faults;
mod lifecycle;
mod loads;
mod registry;
mod schemas;
mod snapshots;
mod starts;
mod watches;

use tests::{checkout::Outcome, fakes::Fakes};

/// How `docker compose` begins before anything has been written.
const BARE: &str = "docker compose --project-name PROJECT --file dev/docker-compose.yml";
/// How `docker compose` begins for what is there already.
const PROJECT: &str = "docker compose --project-name PROJECT";
/// How it begins against Aurora DSQL.
const DSQL: &str = "docker compose --project-name PROJECT --env-file dev/.rendered/compose.env \
                    --file dev/docker-compose.yml --file dev/.rendered/docker-compose.override.yml";
/// How it begins with `--local`.
const LOCAL: &str = "docker compose --project-name PROJECT --env-file dev/.rendered/compose.env \
                     --file dev/docker-compose.yml --file dev/docker-compose.local.yml \
                     --file dev/.rendered/docker-compose.override.yml";
/// How it begins with `--local` on an amd64 engine.
const LOCAL_AMD64: &str = "docker compose --project-name PROJECT --env-file dev/.rendered/compose.env \
                           --file dev/docker-compose.yml --file dev/docker-compose.local.yml \
                           --file dev/docker-compose.amd64.yml --file dev/.rendered/docker-compose.override.yml";
/// How `psql` goes on, wherever it runs.
const PSQL: &str = "--username admin --dbname postgres --no-psqlrc --quiet --no-align --tuples-only \
                    --set ON_ERROR_STOP=1 --set VERBOSITY=verbose --file -";

/// Runs a command line against a stack that runs at the checkout's own ports.
fn xtask(fakes: &Fakes, line: &str) -> Outcome {
    fakes.line(line)
}

fn dev_up(fakes: &Fakes, line: &str) -> Outcome {
    xtask(fakes, &format!("dev-up {line}"))
}

/// Checks the calls that may change something, then forgets all calls. What one `docker start` names is started side by
/// side, by a call each, in any order.
#[track_caller]
fn expect_calls(fakes: &Fakes, expected: &[String]) {
    assert_eq!(as_expected(fakes.calls(), expected), expected);
    fakes.forget();
}

/// These calls, with those of a batch of starts as the one that is expected there.
fn as_expected(calls: Vec<String>, expected: &[String]) -> Vec<String> {
    let mut calls = calls.into_iter().peekable();
    let mut out = Vec::new();
    for it in expected {
        let mut left: Vec<&str> = it.strip_prefix("docker start ").into_iter().flat_map(|it| it.split(' ')).collect();
        let batch = left.len();
        let mut is_of = |call: &String| {
            let name = call.strip_prefix("docker start ").and_then(|name| left.iter().position(|it| *it == name));
            name.map(|at| left.swap_remove(at)).is_some()
        };
        let met = std::iter::from_fn(|| calls.next_if(&mut is_of)).count();
        out.extend(if batch > 0 && met == batch { Some(it.clone()) } else { calls.next() });
    }
    out.extend(calls);
    out
}

/// The commit that `dev/sources.lock` names.
fn commit(name: &str) -> String {
    let text = std::fs::read_to_string(tests::repo_root().join("dev/sources.lock")).unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).to_owned()
}

/// Checks that what was echoed or printed shows exactly these calls, as they were made.
#[track_caller]
fn expect_shown(fakes: &Fakes, shown: &str, expected: &[String]) {
    let project = &fakes.checkout.project;
    let root = fakes.checkout.root.display().to_string();
    let is_call = |it: &&str| ["docker ", "aws ", "cargo "].iter().any(|program| it.starts_with(program));
    let lines = shown.lines().map(|it| it.trim_start_matches("$ ")).filter(is_call);
    let lines: Vec<String> = lines.map(|it| it.replace(&root, "ROOT").replace(project, "PROJECT")).collect();
    assert_eq!(lines, expected);
}
