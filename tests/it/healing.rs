//! What `dev-up` gets well again without being told how.

use tests::fakes::Fakes;

/// The calls that changed something, without what every call of Compose begins with.
fn calls(fakes: &Fakes) -> Vec<String> {
    let end = |it: &String| it.rsplit_once(".override.yml ").map_or(it.clone(), |(_, it)| it.to_owned());
    fakes.calls().iter().map(end).collect()
}

/// What brings Loki back after this.
fn made_anew(first: &str) -> [&str; 3] {
    [first, "up --no-start --remove-orphans loki", "docker start PROJECT-loki-1"]
}

#[test]
fn what_runs_and_is_unhealthy_is_stopped_so_that_it_starts_anew() {
    let fakes = Fakes::new();
    fakes.up_local("loki mimir").expect(0);
    fakes.forget();
    fakes.tell("unhealthy", "loki\n");
    fakes.up_local("loki mimir").expect(0);
    assert_eq!(calls(&fakes), made_anew("stop loki"));
}

#[test]
fn a_stopped_container_whose_network_is_gone_is_made_anew() {
    let fakes = Fakes::new();
    fakes.up_local("loki mimir").expect(0);
    fakes.forget();
    fakes.tell("exited", "loki\n");
    fakes.tell("networks", "{\"Networks\":{\"it\":{\"NetworkID\":\"gone\"}}}\n");
    fakes.up_local("loki mimir").expect(0);
    assert_eq!(calls(&fakes), made_anew("rm --force --stop loki"));
}

#[test]
fn a_running_container_that_was_taken_from_its_network_is_made_anew() {
    let fakes = Fakes::new();
    fakes.up_local("loki").expect(0);
    fakes.forget();
    fakes.tell("networks", "{\"Networks\":{}}\n");
    fakes.xtask(&["dev-status"]).says(&["cut off from its network"]);
    fakes.up_local("loki").expect(0);
    assert_eq!(calls(&fakes), made_anew("rm --force --stop loki"));
}

#[test]
fn what_ran_on_a_database_that_had_to_be_made_anew_is_started_again() {
    let fakes = Fakes::with_checkouts();
    fakes.tell("running", "elasticsearch\nelasticsearch-setup\ntemporal-history\n");
    fakes.up_local("temporal-history").expect(0);
    let changes: Vec<String> = calls(&fakes).into_iter().filter(|it| !it.contains(" psql ")).collect();
    let expected = [
        "up --no-start --remove-orphans dsql-monitored",
        "docker start PROJECT-dsql-monitored-1",
        "stop temporal-history",
        "docker start PROJECT-temporal-history-1",
    ];
    assert_eq!(changes, expected);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_system_without_locks_is_said_in_one_line_and_everything_goes_on() {
    use std::{fs, process::Command};
    use tests::checkout::run;
    let fakes = Fakes::new();
    let (source, library) = (fakes.checkout.home().join("flock.c"), fakes.checkout.home().join("flock.so"));
    fs::write(&source, "#include <errno.h>\nint flock(int a, int b) { errno = ENOLCK; return -1; }\n").unwrap();
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source)).expect(0);
    let up = format!("dev-up --local loki --port-offset {}", fakes.checkout.offset);
    for words in [&up[..], "dev-restart loki", "dev-down"] {
        let mut command = fakes.command();
        let done = run(command.args(words.split(' ')).env("LD_PRELOAD", &library)).expect(0);
        assert_eq!(done.err.matches("cannot be locked").count(), 1, "{}", done.err);
    }
}
