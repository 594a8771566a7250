use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tests::{checkout::Checkout, engine};

#[test]
#[ignore = "needs a Docker engine"]
fn ctrl_c_stops_an_attached_stack_and_keeps_its_data() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("attached");
    let mut child = start(&checkout, &["mimir", "--attach"]);
    // The log follower is the last thing that it starts.
    wait_for_line(&mut child, " logs --follow");
    assert_eq!(interrupt(child), 130);
    assert_eq!(engine::containers(&checkout.project)["mimir"]["State"]["Running"], false);
    assert!(engine::volumes(&checkout.project).iter().any(|it| it.ends_with("mimir-data")));
}

#[test]
#[ignore = "needs a Docker engine"]
fn ctrl_c_while_waiting_leaves_no_child_and_the_next_run_goes_on() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("interrupted");
    let mut child = start(&checkout, &["loki"]);
    wait_for_line(&mut child, "starting");
    assert_eq!(interrupt(child), 130);
    let left = Command::new("pgrep").args(["--full", &format!("project-name {}", checkout.project)]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "a child is left behind");
    checkout.xtask(&["dev-up", "loki"]).expect(0);
}

fn start(checkout: &Checkout, arguments: &[&str]) -> Child {
    checkout.dev_up_command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads what a child says until a line holds these words.
pub fn wait_for_line(child: &mut Child, words: &str) {
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let mut seen = String::new();
    for line in lines.map_while(Result::ok) {
        if line.contains(words) {
            return;
        }
        seen += &(line + "\n");
    }
    panic!("it ended without a line that holds `{words}`:\n{seen}");
}

fn interrupt(mut child: Child) -> i32 {
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("it does not end");
}
