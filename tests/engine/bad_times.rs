//! `dev-fault` on real containers, and what is left of it.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tests::checkout::Checkout;
use tests::engine::{self, docker};

const SERVICE: &str = "dsql-monitored";
/// Its name on the network, which a plain reconnect would lose.
const ALIAS: &str = "monitored-local.dsql.eu-west-1.on.aws";

fn state(checkout: &Checkout) -> String {
    engine::containers(&checkout.project)[SERVICE]["State"]["Status"].as_str().unwrap_or_default().to_owned()
}

/// Whether the names are found and answered from another container of the network.
fn answers(checkout: &Checkout) -> bool {
    let network = format!("{}_temporal-network", checkout.project);
    let ask = |host: &str| {
        let target = format!("host={host} user=admin dbname=postgres sslmode=require connect_timeout=3");
        docker(&["run", "--rm", "--network", &network, engine::POSTGRES, "psql", &target, "-qtAc", "SELECT 1"]).code
    };
    ask(ALIAS) == 0 && ask(SERVICE) == 0
}

fn wait_until(what: &str, is: &dyn Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < deadline, "{what} takes too long");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_fault_is_there_for_its_time_and_everything_is_as_before_afterwards() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("fault");
    let up = [SERVICE, "--no-schema"];
    checkout.dev_up(&up).expect(0);
    let fault = |words: [&str; 2]| {
        let mut command = checkout.command();
        command.args(["dev-fault", words[0], SERVICE, "--for", words[1]]).stderr(Stdio::null()).spawn().unwrap()
    };
    let is_there = |kind: &str| match kind {
        "pause" => state(&checkout) == "paused",
        "kill" => state(&checkout) == "exited",
        _ => !answers(&checkout),
    };
    for kind in ["pause", "kill", "cut"] {
        let mut child = fault([kind, "60s"]);
        wait_until(kind, &|| is_there(kind));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{kind}");
        wait_until("the database", &|| answers(&checkout));
    }
    assert_eq!(fault(["cut", "1s"]).wait().unwrap().code(), Some(0));
    assert!(answers(&checkout), "its names are lost");

    // Nobody is left who could undo these.
    for kind in ["pause", "cut"] {
        let mut child = fault([kind, "60s"]);
        wait_until(kind, &|| is_there(kind));
        child.kill().unwrap();
        child.wait().unwrap();
        checkout.dev_up(&up).expect(0);
        assert!(answers(&checkout), "dev-up does not heal {kind}");
    }
}
