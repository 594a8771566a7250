//! `python` in the Copilot's image: starts the worker, or understands a health check by what it mentions.

use std::io::Read;

use anyhow::{Context, bail, ensure};

use crate::{
    env, flag, health,
    http::{self, Response},
    ports, serve_for_ever, worker,
};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--version" | "-V"] => {
            println!("Python 3.14.0 (stand-in)");
            Ok(())
        }
        ["-m", "copilot.worker"] => worker::run(),
        ["/model/server.py", ..] => model(&words),
        ["-m", module, ..] => bail!("the stand-in has no module `{module}`"),
        ["-c", script, ..] => check(script),
        ["-", ..] | [] => {
            let mut script = String::new();
            std::io::stdin().read_to_string(&mut script)?;
            check(&script)
        }
        [file, ..] => check(&std::fs::read_to_string(file).with_context(|| format!("can't open file '{file}'"))?),
    }
}

/// The model: its file has to be there and to be the server; nobody asks it anything but whether it is well.
fn model(words: &[&str]) -> anyhow::Result<()> {
    let script = std::fs::read_to_string(words[0]).with_context(|| format!("can't open file '{}'", words[0]))?;
    ensure!(script.contains("/health"), "{} serves no /health", words[0]);
    // Read at each question of the real one.
    let key = env("COPILOT_MODEL_KEY_FILE").context("COPILOT_MODEL_KEY_FILE is not set")?;
    std::fs::read_to_string(&key).with_context(|| format!("cannot read {key}"))?;
    let arguments: Vec<String> = words[1..].iter().map(|it| (*it).to_owned()).collect();
    let of = |name| flag(&arguments, name).with_context(|| format!("--{name} is missing"));
    http::serve(&format!("{}:{}", of("host")?, of("port")?), |request| match request.path.as_str() {
        "/health" => Response::text(200, "{\"status\": \"ok (stand-in)\"}\n"),
        _ => Response::not_found(),
    })?;
    serve_for_ever();
}

fn check(script: &str) -> anyhow::Result<()> {
    if script.contains("describe_task_queue") {
        return check_poller();
    }
    let url = first_url(script).context("the stand-in finds neither a task queue nor a URL in the script")?;
    let (status, body) = http::request("GET", url, "")?;
    ensure!(status < 400, "{url} answers {status}: {body}");
    println!("{url} answers {status} (stand-in)");
    Ok(())
}

/// Whether this container's worker polls its task queue, as its cluster sees it.
fn check_poller() -> anyhow::Result<()> {
    let (address, queue) = (worker::temporal_address(), worker::task_queue());
    let identity = format!("1@{}", env("HOSTNAME").unwrap_or_else(ports::hostname));
    let pollers = health::ask(&address, &format!("pollers {queue}"))?;
    ensure!(
        pollers.split(' ').any(|poller| poller == identity),
        "{identity} does not poll {queue}; these do: {pollers}"
    );
    println!("{identity} polls {queue} (stand-in)");
    Ok(())
}

fn first_url(script: &str) -> Option<&str> {
    let rest = &script[script.find("http://")?..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"'`)>".contains(c)).unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_script_ends_with_its_quote() {
        let script = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/status/summary', timeout=4)";
        assert_eq!(first_url(script), Some("http://127.0.0.1:8080/status/summary"));
        assert_eq!(first_url("print(1)"), None);
    }
}
