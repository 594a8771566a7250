//! Has the knowledge base read its bucket, and waits until it has.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use xshell::Shell;

use crate::aws::awscli;
use crate::aws::kb::{self, Place, documents};
use crate::machine::exit::{PREREQUISITE, code, exit};
use crate::machine::{interrupt, table, term};

const DEFAULT_TIMEOUT: u64 = 900;
/// How many looks in a row may fail.
const POLLS: u32 = 3;
const GOES_ON: &str = "`cargo xtask kb-status` shows it, `cargo xtask kb-ingest` waits for it again";

/// How the job came about that was waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Ours,
    /// It ran already.
    Joined,
}

/// Starts a job, or joins the running one, and waits at most `timeout` seconds until it has ended well.
pub(crate) fn ingest(sh: &Shell, place: &Place, timeout: Option<u64>) -> Result<Start> {
    let (id, start) = start(sh, place)?;
    let how = if start == Start::Ours { "started" } else { "runs already: waiting for it" };
    term::say(&format!("ingestion job {id} {how}"));
    interrupt::on_interrupt("the ingestion goes on: `cargo xtask kb-status` shows it");
    let job = wait(sh, place, &id, Duration::from_secs(timeout.unwrap_or(DEFAULT_TIMEOUT)))?;
    term::out(&statistics(&job));
    verdict(&job)?;
    Ok(start)
}

pub(crate) fn print(sh: &Shell, place: &Place) -> Result<()> {
    documents::print(sh, place, &place.bedrock("start-ingestion-job", &[]))?;
    documents::print(sh, place, &place.bedrock("get-ingestion-job", &["--ingestion-job-id", "JOB"]))
}

fn start(sh: &Shell, place: &Place) -> Result<(String, Start)> {
    let args = place.bedrock("start-ingestion-job", &[]);
    match awscli::ask(sh, &place.region, &args, awscli::PATIENCE)? {
        Ok(answer) => {
            let id = answer["ingestionJob"]["ingestionJobId"].as_str();
            Ok((id.context("AWS started a job without an id")?.to_owned(), Start::Ours))
        }
        Err(stderr) if stderr.contains("ConflictException") => {
            // A conflict has other causes too, such as a change of the data source; then no job runs.
            let running = kb::jobs(sh, place, 10)?.into_iter().find(|it| is_running(kb::text(it, "status")));
            match running {
                Some(it) => Ok((kb::text(&it, "ingestionJobId").to_owned(), Start::Joined)),
                None => Err(awscli::failure(sh, &args, &stderr)?),
            }
        }
        Err(stderr) => Err(awscli::failure(sh, &args, &stderr)?),
    }
}

/// Stops a job that runs, and waits until it has ended. Where AWS does not tell, whatever follows will.
pub(crate) fn stop(sh: &Shell, place: &Place) -> Result<()> {
    let jobs = kb::jobs(sh, place, 10).unwrap_or_default();
    for job in jobs.iter().filter(|it| is_running(kb::text(it, "status"))) {
        let id = kb::text(job, "ingestionJobId");
        term::say(&format!("ingestion job {id} runs, and is stopped first"));
        let args = place.bedrock("stop-ingestion-job", &["--ingestion-job-id", id]);
        awscli::json(sh, &place.region, &args, awscli::PATIENCE)?;
        wait(sh, place, id, Duration::from_secs(DEFAULT_TIMEOUT))?;
    }
    Ok(())
}

fn is_running(status: &str) -> bool {
    matches!(status, "STARTING" | "IN_PROGRESS" | "STOPPING")
}

fn wait(sh: &Shell, place: &Place, id: &str, timeout: Duration) -> Result<Value> {
    let began = Instant::now();
    let (mut shown, mut pause, mut failures) = (String::new(), Duration::from_secs(1), 0);
    loop {
        let rest = timeout.saturating_sub(began.elapsed()).max(Duration::from_secs(1));
        match kb::job(sh, place, id, rest.min(awscli::PATIENCE)) {
            Ok(job) => {
                failures = 0;
                let now = progress(&job);
                if now != shown {
                    term::say(&format!("  {:>4} s  {now}", began.elapsed().as_secs()));
                    shown = now;
                }
                if !is_running(kb::text(&job, "status")) {
                    return Ok(job);
                }
            }
            Err(_) if began.elapsed() >= timeout => return Err(goes_on(id, timeout)),
            // The job does not care whether anybody looks.
            Err(e) if failures == POLLS || code(&e) == PREREQUISITE => {
                return Err(exit(code(&e), format!("{e:#}\ningestion job {id} goes on: {GOES_ON}")));
            }
            Err(_) => failures += 1,
        }
        if began.elapsed() + pause > timeout {
            return Err(goes_on(id, timeout));
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_secs(10));
    }
}

fn goes_on(id: &str, timeout: Duration) -> anyhow::Error {
    anyhow!("ingestion job {id} has not ended after {} s and goes on: {GOES_ON}", timeout.as_secs())
}

fn progress(job: &Value) -> String {
    let counts = kb::STATISTICS.map(|(name, _)| (name, kb::count(job, name))).into_iter();
    let counts: Vec<String> =
        counts.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let separator = if counts.is_empty() { "" } else { ": " };
    format!("{}{separator}{}", kb::text(job, "status"), counts.join(", "))
}

pub(crate) fn statistics(job: &Value) -> String {
    let rows = kb::STATISTICS.map(|(name, _)| [name.to_owned(), kb::count(job, name).to_string()]);
    table::titled(["DOCUMENTS", "COUNT"], &rows)
}

/// Whether a job that has ended has ended well.
fn verdict(job: &Value) -> Result<()> {
    let id = kb::text(job, "ingestionJobId");
    let reasons: String = kb::reasons(job).iter().map(|it| format!("\n  - {it}")).collect();
    let why = if reasons.is_empty() { "; AWS gives no reason".to_owned() } else { format!(":{reasons}") };
    match (kb::text(job, "status"), kb::count(job, "failed")) {
        ("COMPLETE", 0) => {
            let changed: u64 = ["new", "modified", "deleted"].iter().map(|it| kb::count(job, it)).sum();
            let nothing = "nothing changed: the knowledge base was up to date";
            term::say(if changed == 0 { nothing } else { "the knowledge base is up to date" });
            Ok(())
        }
        ("COMPLETE", failed) => bail!("ingestion job {id} could not read {failed} documents{why}"),
        ("STOPPED", _) => bail!("ingestion job {id} was stopped by somebody; `cargo xtask kb-ingest` starts another"),
        ("FAILED", _) => bail!("ingestion job {id} failed{why}"),
        (other, _) => bail!("ingestion job {id} ended as `{other}`, which is not known here{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(status: &str, failed: u64) -> Value {
        json!({"ingestionJobId": "J", "status": status, "failureReasons": ["no luck"],
               "statistics": {"numberOfDocumentsScanned": 3, "numberOfDocumentsFailed": failed}})
    }

    #[test]
    fn only_a_complete_job_without_failed_documents_is_a_success() {
        assert!(verdict(&job("COMPLETE", 0)).is_ok());
        for (status, failed) in [("COMPLETE", 1), ("FAILED", 0)] {
            let error = verdict(&job(status, failed)).unwrap_err().to_string();
            assert!(error.contains("no luck"), "{error}");
        }
        for status in ["STOPPED", "SOMETHING_NEW"] {
            assert!(verdict(&job(status, 0)).is_err(), "{status}");
        }
    }

    #[test]
    fn progress_names_the_status_and_what_has_been_counted() {
        assert_eq!(progress(&job("IN_PROGRESS", 1)), "IN_PROGRESS: 3 scanned, 1 failed");
        assert_eq!(progress(&json!({"status": "STARTING"})), "STARTING");
    }
}
