//! `cargo xtask check`: this repository passes, and each way of breaking it is found and named.

mod mutations;

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use mutations::{ALL, Mutation};
use tests::checkout::{Checkout, Outcome, run, xtask};

const COMPOSE: &str = "dev/docker-compose.yml";

/// One finding of `check`, as it is printed.
#[derive(Debug)]
struct Finding {
    file: String,
    line: Option<usize>,
    text: String,
    remedy: String,
}

/// Two lines are a finding: `FILE:LINE: TEXT`, and indented below it the remedy.
fn findings(outcome: &Outcome) -> Vec<Finding> {
    let lines: Vec<&str> = outcome.out.lines().collect();
    assert!(lines.len().is_multiple_of(2), "{}", outcome.out);
    let finding = |pair: &[&str]| {
        let (place, text) = pair[0].split_once(": ").unwrap_or_else(|| panic!("no place: {}", pair[0]));
        let (file, line) = place.split_once(':').map_or((place, None), |(file, line)| (file, Some(line)));
        Finding {
            file: file.to_owned(),
            line: line.map(|it| it.parse().expect("a line is a number")),
            text: text.to_owned(),
            remedy: pair[1].strip_prefix("    ").expect("a remedy is indented").to_owned(),
        }
    };
    lines.chunks(2).map(finding).collect()
}

/// Breaks a copy, checks it, and mends it; returns what is not as it should be.
fn try_out(checkout: &Checkout, mutation: &Mutation) -> Result<(), String> {
    let Mutation { file, from, to, found_in, at, says, remedy } = mutation;
    let path = checkout.root.join(file);
    let text = fs::read_to_string(&path).map_err(|e| e.to_string())?;
    if !text.contains(from) {
        return Err("what should be replaced is not there".to_owned());
    }
    fs::write(&path, text.replacen(from, to, 1)).map_err(|e| e.to_string())?;
    let outcome = checkout.xtask(&["check"]);
    let place = fs::read_to_string(checkout.root.join(found_in)).unwrap_or_default();
    fs::write(&path, text).map_err(|e| e.to_string())?;

    if outcome.code != 1 || !outcome.err.contains("finding") {
        return Err(format!("exit code {}: {}{}", outcome.code, outcome.out, outcome.err));
    }
    let all = findings(&outcome);
    if all.iter().any(|it| it.remedy.trim().is_empty()) {
        return Err(format!("a finding without a remedy: {all:#?}"));
    }
    let named = |it: &&Finding| it.file == *found_in && it.text.contains(says) && it.remedy.contains(remedy);
    let finding = all.iter().find(named).ok_or_else(|| format!("not found in {all:#?}"))?;
    let line = finding.line.and_then(|it| place.lines().nth(it - 1)).unwrap_or_default();
    if line.contains(at) && at.is_empty() == line.is_empty() {
        Ok(())
    } else {
        Err(format!("the wrong place, `{line}`: {finding:?}"))
    }
}

#[test]
fn this_repository_agrees_with_itself_in_less_than_a_second_and_says_so_in_one_line() {
    let checkout = Checkout::without_engine("check");
    let outcome = checkout.xtask(&["check"]).expect(0);
    assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("The repository agrees with itself.\n", ""));
    // Processor time, of the shell's children: the clock on the wall counts the other tests too.
    let mut shell = Command::new("bash");
    shell.args(["-c", "TIMEFORMAT=%U; time \"$0\" check >/dev/null"]).arg(xtask());
    let seconds = run(shell.env("CARGO_MANIFEST_DIR", checkout.root.join("xtask"))).expect(0).err;
    assert!(seconds.trim().parse::<f64>().is_ok_and(|it| it < 1.0), "{seconds}");
}

#[test]
fn every_way_of_breaking_the_repository_is_found_with_its_place_and_a_remedy() {
    let next = AtomicUsize::new(0);
    let work = || {
        let checkout = Checkout::without_engine("check");
        let mut failed = Vec::new();
        while let Some(mutation) = ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(e) = try_out(&checkout, mutation) {
                failed.push(format!("{}: `{}` → `{}`: {e}", mutation.file, mutation.from, mutation.to));
            }
        }
        failed
    };
    let failed: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|it| it.join().expect("a worker panicked")).collect()
    });
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), ALL.len(), failed.join("\n"));
}

#[test]
fn no_two_mutations_are_the_same_and_there_are_enough() {
    let distinct: BTreeSet<_> = ALL.iter().map(|it| (it.file, it.from, it.to)).collect();
    assert_eq!(distinct.len(), ALL.len());
    assert!(ALL.len() >= 25);
}

#[test]
fn every_port_that_loses_its_address_is_found_in_one_run() {
    let checkout = Checkout::without_engine("check");
    let path = checkout.root.join(COMPOSE);
    let text = fs::read_to_string(&path).unwrap();
    let opened: String = text.lines().map(|it| it.replacen("127.0.0.1:", "", 1) + "\n").collect();
    fs::write(&path, &opened).unwrap();
    let all = findings(&checkout.xtask(&["check"]).expect(1));
    let services: BTreeSet<&str> = all
        .iter()
        .filter(|it| it.text.ends_with("beyond this machine") && it.remedy.starts_with("write \"127.0.0.1:"))
        .filter_map(|it| it.text.split(' ').next())
        .collect();
    let publishing = text.lines().filter(|it| it.trim_start().starts_with("ports:")).count();
    assert_eq!(services.len(), publishing, "{all:#?}");
    assert!(all.iter().all(|it| it.file == COMPOSE), "nothing else follows from it: {all:#?}");
}

#[test]
fn a_missing_file_is_named_and_nothing_that_would_follow_from_it() {
    let checkout = Checkout::without_engine("check");
    fs::remove_file(checkout.root.join("dev/config/loki.yaml")).unwrap();
    let all = findings(&checkout.xtask(&["check"]).expect(1));
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].file.as_str(), all[0].line), ("dev/config/loki.yaml", None));
    assert!(all[0].remedy.contains("git checkout -- dev/config/loki.yaml"));
}

#[test]
fn fix_writes_the_table_of_panels_and_nothing_else() {
    let checkout = Checkout::without_engine("check");
    let guide = checkout.root.join("dev/README.md");
    let before = fs::read_to_string(&guide).unwrap();
    // A picture is drawn by hand.
    fs::write(checkout.root.join("dev/pictures/drawn-from"), "").unwrap();
    checkout.edit("grafana/server/server.json", "\"title\": \"Servers scraped\"", "\"title\": \"Servers seen\"");
    let fixed = checkout.xtask(&["check", "--fix"]).expect(0);
    assert_eq!(fixed.err, "dev/README.md written\n");
    assert_eq!(fs::read_to_string(&guide).unwrap(), before.replace("Servers scraped", "Servers seen"));
    assert_eq!(checkout.xtask(&["check", "--fix"]).expect(0).err, "");
}

#[test]
fn fix_corrects_what_a_table_is_made_from_and_keeps_what_people_wrote_in_it() {
    let checkout = Checkout::without_engine("check");
    let guide = checkout.root.join("dev/README.md");
    let before = fs::read_to_string(&guide).unwrap();
    checkout.edit("dev/README.md", "| grafana | 3000 |", "| grafana | 3001 |");
    checkout.edit("dev/README.md", "`TEMPORAL_SQL_PORT` † | 5432", "`TEMPORAL_SQL_PORT` | 5433");
    assert_eq!(checkout.xtask(&["check", "--fix"]).expect(0).err, "dev/README.md written\n");
    assert_eq!(fs::read_to_string(&guide).unwrap(), before);
    let line = before.lines().find(|it| it.starts_with("| loki |")).unwrap();
    checkout.edit("dev/README.md", &format!("{line}\n"), "");
    let all = findings(&checkout.xtask(&["check", "--fix"]).expect(1));
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0].text, "nothing is said in the last cell of `| loki | 3100 | … |`");
}

#[test]
fn a_program_that_cargo_cannot_build_is_a_missing_prerequisite() {
    let checkout = Checkout::without_engine("check");
    let cargo = checkout.home().join("cargo");
    tests::write_program(&cargo, "#!/bin/sh\necho \"$*\" >&2\nexit 101\n");
    let outcome = run(checkout.command().env("CARGO", &cargo).args(["check", "--fix"])).expect(3);
    let root = checkout.root.display();
    let expected = format!("-- {root} {root}/tests/fixtures/temporal-dsql --fix\nerror: `check` was not built");
    outcome.says(&["run --quiet --manifest-path ", &expected]);
}
