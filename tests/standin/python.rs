//! `python` in the Copilot's image: starts the worker, or understands a health check by what it mentions.

use std::io::Read;

use anyhow::{Context, bail, ensure};

use crate::{env, health, http, ports, worker};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--version" | "-V"] => {
            println!("Python 3.14.0 (stand-in)");
            Ok(())
        }
        ["-m", "copilot.worker"] => worker::run(),
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
