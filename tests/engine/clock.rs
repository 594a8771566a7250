//! The wall clock jumps while a command runs, as after a laptop's sleep: deadlines and findings stay as they are.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tests::{
    checkout::{Checkout, run},
    engine,
};

use crate::signals::wait_for_line;

/// The library that changes the time that a program reads; `None`, with a word about it, where it is not installed. On
/// CI that is a failure.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|it| it.path().join("faketime/libfaketime.so.1")).find(|it| it.exists());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "libfaketime is not there");
    if found.is_none() {
        tests::left_out("there is no libfaketime (Debian's package is called faketime)");
    }
    found
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_clock_that_jumps_by_a_day_neither_ends_dev_up_early_nor_late_nor_changes_what_is_found() {
    let _turn = engine::beside_others();
    let Some(library) = library() else { return };
    let checkout = Checkout::copy("clock");
    let clock = checkout.home().join("clock");
    let set = |to: &str| fs::write(&clock, to).unwrap();
    let shifted = |mut command: Command| {
        // The monotonic clock goes on, as it does where somebody sets the other one.
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    };
    let year = || {
        let mut date = shifted(Command::new("date"));
        run(date.arg("+%Y")).expect(0).out.trim().parse::<u32>().unwrap()
    };
    set("+0");
    let now = year();
    set("+400d");
    assert!(year() > now, "the library does not change the time");

    for jump in ["+1d", "-1d"] {
        set("+0");
        let mut command = shifted(checkout.dev_up_command(&["loki"]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_line(&mut child, "starting");
        set(jump);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{jump}: {}", String::from_utf8_lossy(&output.stderr));

        let mut status = shifted(checkout.command());
        let status = run(status.args(["dev-status", "--json"])).json();
        let loki = status["services"].as_array().unwrap().iter().find(|it| it["name"] == "loki").unwrap();
        assert_eq!((loki["state"].as_str(), loki["drift"].as_str()), (Some("ready"), None), "{jump}: {loki}");
        checkout.xtask(&["dev-down"]).expect(0);
    }

    // One that never becomes ready is given up in its time, with its last words.
    checkout.edit(
        "dev/docker-compose.yml",
        "[CMD, /usr/bin/loki, -health]",
        "[CMD, /usr/bin/loki, -health, -health.url=http://localhost:1/]",
    );
    for jump in ["+1d", "-1d"] {
        set("+0");
        let began = Instant::now();
        let mut command = shifted(checkout.dev_up_command(&["loki", "--timeout", "5"]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_line(&mut child, "starting");
        set(jump);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{jump}: {said}");
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(15), "{jump}: {took:?}");
        assert!(said.contains("log lines") && said.contains("the deadline has passed"), "{jump}: {said}");
    }
}
