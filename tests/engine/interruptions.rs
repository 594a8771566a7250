//! `dev-up` ended at many moments by each signal: the next plain run ends ready, and no data is lost.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use tests::{checkout::Checkout, engine};

const SERVICES: [&str; 2] = ["dsql-monitored", "mimir"];

fn sql(checkout: &Checkout, query: &str) -> String {
    let psql = ["dev-exec", "dsql-monitored", "--", "psql", "-U", "admin", "-d", "postgres", "-XAtqc", query];
    checkout.xtask(&psql).expect(0).out.trim().to_owned()
}

#[test]
#[ignore = "needs a Docker engine"]
fn whenever_dev_up_is_ended_the_next_one_ends_ready_with_the_data_of_before() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("ended");
    let plain = [&["--no-schema"][..], &SERVICES].concat();
    checkout.dev_up(&plain).expect(0);
    sql(&checkout, "CREATE TABLE kept (round int)");
    for round in 0..21_u64 {
        let signal = ["INT", "TERM", "KILL"][usize::try_from(round % 3).unwrap()];
        // The containers go, the volumes stay, so that there is everything to do.
        let ids = engine::containers(&checkout.project);
        let ids: Vec<&str> = ids.values().filter_map(|it| it["Id"].as_str()).collect();
        engine::docker(&[&["rm", "--force"], &ids[..]].concat()).expect(0);

        let mut child = checkout.dev_up_command(&plain).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(30 + 110 * round));
        _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        let status = child.wait().unwrap();
        let ended = [Some(0), Some(130), Some(143), None];
        assert!(ended.contains(&status.code()), "round {round}, {signal}: {status}");

        checkout.dev_up(&plain).expect(0);
        sql(&checkout, &format!("INSERT INTO kept VALUES ({round})"));
        assert_eq!(sql(&checkout, "SELECT count(*) FROM kept"), (round + 1).to_string(), "round {round}, {signal}");
    }
}
