use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;

use super::{LOCAL, dev_up, xtask};
use tests::fakes::Fakes;

const LINES: &str = r#"{"second":10,"phase":"load","started":80,"done":50,"failed":20,"missed":0,"running":10,"perSecond":7,"p95Ms":180}
{"second":11,"phase":"load","started":88,"done":55,"failed":22,"missed":0,"running":11,"perSecond":7,"p95Ms":null}
{"final":true,"run":"r","interrupted":false,"seconds":12.0,"offered":96,"started":96,"done":67,"failed":29,"missed":0,"ended":0,"perSecond":8.0,"p95Ms":190}
"#;

fn started() -> Fakes {
    let fakes = Fakes::with_checkouts();
    dev_up(&fakes, "--local").expect(0);
    fakes.forget();
    fakes
}

/// The calls, with the run's id as `RUN`.
fn calls(fakes: &Fakes) -> Vec<String> {
    let run = Regex::new(r"(--run |load-(?:worker|starter)-)[0-9a-f]{9,}").unwrap();
    fakes.calls().iter().map(|it| run.replace_all(it, "${1}RUN").into_owned()).collect()
}

fn expected(options: &str) -> Vec<String> {
    let run = |name: &str, options: &str| {
        format!(
            "{LOCAL} --file dev/docker-compose.load.yml run --detach --rm --no-deps --name PROJECT-{name}-RUN {name} \
             --scenario errors --run RUN{options}"
        )
    };
    vec![
        run("load-worker", ""),
        run("load-starter", options),
        "docker logs --follow PROJECT-load-starter-RUN".to_owned(),
        "docker stop PROJECT-load-worker-RUN".to_owned(),
    ]
}

/// Answers on the port of the Copilot's API as it does.
fn answer(fakes: &Fakes) {
    let listener = TcpListener::bind(("127.0.0.1", fakes.checkout.port(8081))).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap_or(0);
            let body = if String::from_utf8_lossy(&request[..length]).contains("/status/timeline") {
                r#"{"timeline":[{"timestamp":"2099-01-01T00:00:09+00:00","health_state":"happy"},
                    {"timestamp":"2099-01-01T00:00:01+00:00","health_state":"stressed"},
                    {"timestamp":"2001-01-01T00:00:01+00:00","health_state":"critical"}]}"#
            } else {
                r#"{"summary":"All is well."}"#
            };
            _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n{body}");
        }
    });
}

#[test]
fn dev_load_runs_a_worker_and_a_starter_shows_how_it_goes_and_what_the_copilot_says() {
    let fakes = started();
    fakes.tell("load", LINES);
    answer(&fakes);
    let line = "dev-load errors --rate 8 --duration 2m --fail-percent 30 --mode timeout --expect stressed";
    let outcome = xtask(&fakes, line).expect(0);
    assert_eq!(calls(&fakes), expected(" --rate 8 --seconds 120 --fail-percent 30 --mode timeout"));
    assert!(outcome.err.contains("  10 s  load   80 started, 50 done, 20 failed, 7 a second, p95 180 ms\n"));
    assert!(!outcome.err.contains("88 started"), "every tenth second is enough for a file: {}", outcome.err);
    let (stressed, happy) = (outcome.out.find("stressed"), outcome.out.find("happy"));
    assert!(stressed.is_some() && stressed < happy && !outcome.out.contains("critical"), "{}", outcome.out);
    outcome.says(&["SECONDS", "96", "67", "29", "190", "All is well."]);

    let json = xtask(&fakes, "dev-load errors --json --expect happy").expect(0).json();
    assert_eq!(
        (&json["schemaVersion"], &json["load"]["failed"], &json["asExpected"]),
        (&1.into(), &29.into(), &true.into())
    );
    let states: Vec<&Value> = json["states"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["stressed", "happy"]);
}

#[test]
fn ctrl_c_ends_the_load_and_both_containers() {
    let fakes = started();
    fakes.tell("hang", "docker logs*\n");
    let mut child = fakes.command().args(["dev-load", "errors"]).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fakes.log().iter().any(|it| it.starts_with("docker logs")) {
        assert!(Instant::now() < deadline, "it does not follow the starter");
        thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(calls(&fakes).last().unwrap(), "docker stop PROJECT-load-starter-RUN PROJECT-load-worker-RUN");
}

#[test]
fn a_load_that_ends_early_leaves_nothing_and_says_why() {
    let fakes = started();
    xtask(&fakes, "dev-load errors").expect(1).says(&["the load ended early"]);
    assert_eq!(calls(&fakes).last().unwrap(), "docker stop PROJECT-load-starter-RUN PROJECT-load-worker-RUN");
    fakes.forget();
    fakes.tell("fail", "*run*load-starter*\n");
    xtask(&fakes, "dev-load errors").expect(1).says(&["the fake fails as it was told to"]);
    assert_eq!(calls(&fakes).last().unwrap(), "docker stop PROJECT-load-starter-RUN PROJECT-load-worker-RUN");
}

#[test]
fn dev_up_leaves_a_load_alone() {
    let fakes = started();
    fakes.tell("loads", "PROJECT-load-worker-1\n");
    fakes.tell("changed", "loki\n");
    dev_up(&fakes, "--local").expect(0);
    let ups: Vec<String> = fakes.calls().into_iter().filter(|it| it.contains("--remove-orphans")).collect();
    assert!(!ups.is_empty());
    for it in ups {
        assert!(it.contains(" --file dev/docker-compose.load.yml up --no-start "), "{it}");
    }
}

#[test]
fn dev_load_without_a_stack_or_without_consent_starts_nothing() {
    let fakes = Fakes::new();
    xtask(&fakes, "dev-load steady").expect(3).says(&["temporal-frontend is not up; `cargo xtask dev-up` starts it"]);
    xtask(&fakes, "dev-load stedy").expect(2).says(&["expected `steady` or `spike`"]);
    xtask(&fakes, "dev-load steady --duration 90").expect(2).says(&["`90s` or `10m`"]);
    assert_eq!(fakes.calls(), [""; 0]);
    fakes.tell("running", "temporal-frontend\n");
    xtask(&fakes, "dev-load steady").expect(5).says(&["Aurora DSQL", "`--yes` confirms it"]);
    assert_eq!(fakes.calls(), [""; 0]);
}

#[test]
fn dev_status_names_a_load_and_dev_down_ends_it_before_its_cluster() {
    let fakes = started();
    fakes.tell("loads", "PROJECT-load-worker-1\nPROJECT-load-starter-1\n");
    xtask(&fakes, "dev-status").says(&["a load runs: PROJECT-load-worker-1, PROJECT-load-starter-1"]);
    xtask(&fakes, "dev-down").expect(0);
    let calls = fakes.calls();
    assert_eq!(calls[0], "docker stop PROJECT-load-worker-1 PROJECT-load-starter-1");
    assert!(calls[1].ends_with(" down --remove-orphans") && calls.len() == 2, "{calls:?}");
}
