use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{dev_up, xtask};
use tests::fakes::Fakes;

fn started() -> Fakes {
    let fakes = Fakes::new();
    dev_up(&fakes, "loki --local").expect(0);
    fakes.forget();
    fakes
}

/// A fault of a minute, once it is there.
fn faulty(fakes: &Fakes, fault: &str, last: &str) -> Child {
    let mut command = fakes.command();
    let child = command.args(["dev-fault", fault, "loki", "--for", "60s"]).stderr(Stdio::null()).spawn().unwrap();
    in_time(&|| fakes.calls().iter().any(|it| it == last));
    child
}

/// What holds as soon as the command that is at work has come so far.
fn in_time(is: &dyn Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < deadline, "it does not come so far");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn dev_fault_makes_a_fault_waits_and_undoes_it() {
    for (fault, calls) in [
        ("pause", ["docker pause loki", "docker unpause loki"]),
        ("kill", ["docker kill loki", "docker start loki"]),
        ("cut", ["docker network disconnect net loki", "docker network connect --alias loki --alias also net loki"]),
    ] {
        let fakes = started();
        let began = Instant::now();
        xtask(&fakes, &format!("dev-fault {fault} loki --for 2s")).expect(0).says(&["for 2 s", "loki runs again"]);
        assert!(began.elapsed() >= Duration::from_secs(2));
        assert_eq!(fakes.calls(), calls);
    }
}

#[test]
fn ctrl_c_undoes_a_fault_in_every_network_and_other_commands_can_run_meanwhile() {
    let fakes = started();
    fakes.tell("joined", "{\"a\":{\"Aliases\":[\"loki\"]},\"b\":{\"Aliases\":null}}\n");
    let mut child = faulty(&fakes, "cut", "docker network disconnect b loki");
    in_time(&|| dev_up(&fakes, "loki --local").code == 0);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let calls = fakes.calls();
    let (_, last) = calls.split_at(calls.len() - 2);
    assert_eq!(last, ["docker network connect --alias loki a loki", "docker network connect b loki"]);
}

#[test]
fn what_dev_up_has_healed_meanwhile_is_no_failure() {
    let fakes = started();
    fakes.tell("fail", "*unpause*\n");
    xtask(&fakes, "dev-fault pause loki --for 1s").expect(0).says(&["loki runs again"]);
    fakes.forget();
    let mut child = faulty(&fakes, "pause", "docker pause loki");
    in_time(&|| xtask(&fakes, "dev-down").code == 0);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn dev_fault_refuses_what_is_not_of_this_stack_or_not_well() {
    let fakes = started();
    xtask(&fakes, "dev-fault pause lokki --for 1s").expect(2).says(&["lokki", "loki"]);
    xtask(&fakes, "dev-fault pause grafana --for 1s").expect(3).says(&["cargo xtask dev-up grafana"]);
    xtask(&fakes, "dev-fault drop loki --for 1s").expect(2).says(&["`pause` or `kill` or `cut`"]);
    xtask(&fakes, "dev-fault pause loki").expect(2).says(&["--FOR is missing"]);
    fakes.tell("paused", "loki\n");
    xtask(&fakes, "dev-fault cut loki --for 1s").expect(3).says(&["loki does not run as it should"]);
    fakes.tell("paused", "");
    fakes.tell("working-dir", "/\n");
    xtask(&fakes, "dev-fault kill loki --for 1s").expect(3).says(&["another checkout"]);
    assert_eq!(fakes.calls(), [""; 0]);
}
