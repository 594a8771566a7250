//! A real Prometheus that answers for Mimir, and the dashboards' PromQL asked of it.

use super::{dashboards, known, page, queries};
use crate::support::{PROMETHEUS, are_there};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A running Prometheus that ends with its value.
pub(super) struct Engine {
    process: Child,
    port: u16,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Puts the page into a new Prometheus under `dir`. Needs `prometheus` and `promtool` on PATH.
pub(super) fn start(dir: &Path, page: &str) -> Engine {
    let (metrics, data, config) = (dir.join("page.txt"), dir.join("data"), dir.join("prometheus.yml"));
    std::fs::write(&metrics, page).expect("page");
    std::fs::write(&config, "global: {}\n").expect("configuration");
    let import = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .args([&metrics, &data])
        .output()
        .expect("promtool: install Debian's package `prometheus`");
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));

    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let process = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg("--storage.tsdb.retention.time=100y")
        .arg(format!("--web.listen-address={free}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus: install Debian's package `prometheus`");
    let engine = Engine { process, port: free.port() };
    let deadline = Instant::now() + Duration::from_secs(60);
    while get(engine.port, "/-/ready").is_none_or(|a| !a.starts_with("HTTP/1.0 200")) {
        assert!(Instant::now() < deadline, "prometheus does not become ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    engine
}

/// The whole answer to a GET.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The series that a query answers with.
fn results(engine: &Engine, kind: &str, expr: &str, times: &str) -> Result<Vec<Value>, String> {
    let query: String = expr.bytes().map(|b| format!("%{b:02X}")).collect();
    let answer = get(engine.port, &format!("/api/v1/{kind}?{times}&query={query}")).ok_or("no answer")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
    let json: Value = serde_json::from_str(body).map_err(|e| format!("{e}: {answer}"))?;
    if json["status"] != "success" {
        return Err(json["error"].to_string());
    }
    Ok(json["data"]["result"].as_array().cloned().unwrap_or_default())
}

/// The numbers that a query answers with at the time `at`, NaN included.
pub(super) fn ask(engine: &Engine, expr: &str, at: u64) -> Result<Vec<f64>, String> {
    let results = results(engine, "query", expr, &format!("time={at}"))?;
    Ok(results.iter().filter_map(|r| r["value"][1].as_str()?.parse().ok()).collect())
}

/// One series drawn: its labels, and a number at each step that has one.
pub(super) type Curve = (Value, Vec<(u64, f64)>);

/// The curves that a query draws.
pub(super) fn ask_range(engine: &Engine, expr: &str, from: u64, to: u64, step: u64) -> Result<Vec<Curve>, String> {
    let results = results(engine, "query_range", expr, &format!("start={from}&end={to}&step={step}"))?;
    let point = |p: &Value| Some((p[0].as_f64()? as u64, p[1].as_str()?.parse().ok()?));
    let curve = |r: &Value| r["values"].as_array().into_iter().flatten().filter_map(point).collect();
    Ok(results.iter().map(|r| (r["metric"].clone(), curve(r))).collect())
}

#[test]
#[ignore = "needs Debian's package `prometheus`: cargo test -p tests --test it -- --ignored answer"]
fn every_query_has_an_answer_from_a_real_prometheus() {
    if !are_there(&[PROMETHEUS]) {
        return;
    }
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    // promtool makes blocks of two hours, and now and then fails on a page that reaches into two of them.
    let now = if clock % 7200 <= 600 { clock - clock % 7200 - 1 } else { clock };
    let dir = tempfile::tempdir().expect("a folder");
    let engine = start(dir.path(), &page::openmetrics(&known::metrics(), now - 600, now));

    let (mut asked, mut mute) = (0, Vec::new());
    for (file, dashboard) in dashboards() {
        for (place, expr) in queries::promql(&dashboard) {
            asked += 1;
            match ask(&engine, &queries::filled(&expr), now) {
                Ok(numbers) if !numbers.iter().any(|n| n.is_finite()) => {
                    mute.push(format!("{file}: {place}: no data: {expr}"));
                }
                Ok(_) => {}
                Err(e) => mute.push(format!("{file}: {place}: {e}: {expr}")),
            }
        }
    }
    let unknown = ask(&engine, "sum(rate(no_such_metric_total[1m]))", now);
    drop(engine);
    println!("{asked} queries asked, {} without an answer", mute.len());
    assert_eq!(unknown, Ok(Vec::new()), "a query without data must be noticed");
    assert!(mute.is_empty(), "{}", mute.join("\n"));
}
