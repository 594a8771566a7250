//! Which knowledge base is meant, and its ingestion jobs as AWS describes them.

pub(crate) mod documents;
pub(crate) mod ingestion;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xshell::Shell;

use crate::aws::awscli;
use crate::aws::terraform::{self, Outputs};
use crate::cli::flags::Region;
use crate::machine::exit::prerequisites;
use crate::machine::finding::finding;
use crate::machine::json;
use crate::settings::Settings;

/// What the flags say.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub bucket: Option<String>,
    pub kb_id: Option<String>,
    pub ds_id: Option<String>,
    pub region: Option<Region>,
}

/// A part of a [`Place`]: its flag and its Terraform output.
type Part = (&'static str, &'static str);

pub(crate) const BUCKET: Part = ("--bucket", "kb_source_bucket");
pub(crate) const KB_ID: Part = ("--kb-id", "knowledge_base_id");
pub(crate) const DS_ID: Part = ("--ds-id", "data_source_id");

/// Where the documents and the knowledge base are. What a command did not need is empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub bucket: String,
    pub kb_id: String,
    pub ds_id: String,
    pub region: String,
}

/// Finds the parts that a command needs: each as its flag says, else as Terraform's output does.
pub(crate) fn locate(sh: &Shell, given: Given, needed: &[Part]) -> Result<Place> {
    let flag = |part: &Part| match *part {
        BUCKET => given.bucket.as_ref(),
        KB_ID => given.kb_id.as_ref(),
        _ => given.ds_id.as_ref(),
    };
    // Without Terraform the flags can still say it all.
    let known = needed.iter().all(|it| flag(it).is_some()) || terraform::tool().is_err();
    let outputs = if known { Outputs::default() } else { terraform::outputs(sh)? };
    place(given, needed, &outputs, || Settings::load(sh, false).get("AWS_REGION").to_owned())
}

fn place(given: Given, needed: &[Part], outputs: &Outputs, fallback: impl Fn() -> String) -> Result<Place> {
    let mut missing = Vec::new();
    // An id from the command line may belong to another knowledge base than the one that Terraform made.
    let foreign = given.kb_id.as_deref().is_some_and(|it| outputs.get(KB_ID.1).is_some_and(|ours| ours != it));
    let mut part = |part: Part, flag: Option<String>| {
        if !needed.contains(&part) {
            return String::new();
        }
        let output = outputs.get(part.1).filter(|_| !(foreign && part == DS_ID)).map(str::to_owned);
        flag.or(output).unwrap_or_else(|| {
            let what = match &given.kb_id {
                Some(kb) if part == DS_ID => {
                    format!("`{}`: `aws bedrock-agent list-data-sources --knowledge-base-id {kb}` lists them", part.0)
                }
                _ => format!("`{}`: Terraform has no output `{}`", part.0, part.1),
            };
            missing.push(finding(what, ""));
            String::new()
        })
    };
    let bucket = part(BUCKET, given.bucket.map(|it| it.trim_start_matches("s3://").trim_end_matches('/').to_owned()));
    let kb_id = part(KB_ID, given.kb_id.clone());
    let ds_id = part(DS_ID, given.ds_id);
    prerequisites(
        "it is not known which knowledge base is meant; `cargo xtask infra-apply` makes one, or give",
        missing,
    )?;
    let region = given.region.map(|it| it.to_string());
    let region =
        region.or_else(|| outputs.get("region").filter(|_| !foreign).map(str::to_owned)).unwrap_or_else(fallback);
    Ok(Place { bucket, kb_id, ds_id, region })
}

impl Place {
    /// The arguments of a Bedrock command about the data source, followed by `more`.
    pub(crate) fn bedrock<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let place = ["--knowledge-base-id", &self.kb_id, "--data-source-id", &self.ds_id];
        [&["bedrock-agent", command], &place[..], more].concat()
    }
}

/// The newest jobs, at most `limit`, without their failure reasons.
pub(crate) fn jobs(sh: &Shell, place: &Place, limit: u32) -> Result<Vec<Value>> {
    let limit = limit.to_string();
    let newest = ["--sort-by", "attribute=STARTED_AT,order=DESCENDING", "--max-items", &limit];
    let answer = awscli::json(sh, &place.region, &place.bedrock("list-ingestion-jobs", &newest), awscli::PATIENCE)?;
    // The CLI leaves the list out where there was never a job.
    Ok(json::items(&answer["ingestionJobSummaries"]).to_vec())
}

/// One job, whole, if AWS answers in this time.
pub(crate) fn job(sh: &Shell, place: &Place, id: &str, limit: Duration) -> Result<Value> {
    let args = place.bedrock("get-ingestion-job", &["--ingestion-job-id", id]);
    let mut answer = awscli::json(sh, &place.region, &args, limit)?;
    Some(answer["ingestionJob"].take()).filter(Value::is_object).context("AWS describes no ingestion job")
}

/// The statistics that AWS keeps of a job, in the order in which they are shown.
pub(crate) const STATISTICS: [(&str, &str); 5] = [
    ("scanned", "numberOfDocumentsScanned"),
    ("new", "numberOfNewDocumentsIndexed"),
    ("modified", "numberOfModifiedDocumentsIndexed"),
    ("deleted", "numberOfDocumentsDeleted"),
    ("failed", "numberOfDocumentsFailed"),
];

/// One of a job's statistics, by its name in [`STATISTICS`].
pub(crate) fn count(job: &Value, name: &str) -> u64 {
    let field = STATISTICS.iter().find(|(it, _)| *it == name).expect("the name is one of ours").1;
    job["statistics"][field].as_u64().unwrap_or(0)
}

pub(crate) fn json(job: &Value) -> Value {
    let mut statistics = json!({});
    for (name, _) in STATISTICS {
        statistics[name] = count(job, name).into();
    }
    json!({
        "id": job["ingestionJobId"],
        "status": job["status"],
        "startedAt": job["startedAt"],
        "updatedAt": job["updatedAt"],
        "documents": statistics,
        "failureReasons": reasons(job),
    })
}

pub(crate) fn text<'a>(job: &'a Value, field: &str) -> &'a str {
    job[field].as_str().unwrap_or("")
}

/// Why a job, or some of its documents, failed.
pub(crate) fn reasons(job: &Value) -> Vec<String> {
    json::items(&job["failureReasons"]).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> Outputs {
        let all = json!({"kb_source_bucket": {"value": "b"}, "knowledge_base_id": {"value": "KB"},
                         "data_source_id": {"value": "DS"}, "region": {"value": "eu-central-1"}});
        Outputs::from_json(&all).unwrap()
    }

    fn find(given: Given, needed: &[Part], outputs: &Outputs) -> Result<Place> {
        place(given, needed, outputs, || "eu-west-1".to_owned())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_flag_wins_over_an_output_and_the_region_belongs_to_the_outputs() {
        let given = Given { bucket: some("s3://mine/"), ..Given::default() };
        let place = find(given, &[BUCKET, KB_ID, DS_ID], &outputs()).unwrap();
        assert_eq!(
            (&*place.bucket, &*place.kb_id, &*place.ds_id, &*place.region),
            ("mine", "KB", "DS", "eu-central-1")
        );
        let given = Given { bucket: some("b"), region: "eu-west-3".parse().ok(), ..Given::default() };
        assert_eq!(find(given, &[BUCKET], &Outputs::default()).unwrap().region, "eu-west-3");
    }

    #[test]
    fn everything_that_nobody_names_is_reported_at_once() {
        let error = find(Given::default(), &[BUCKET, KB_ID, DS_ID], &Outputs::default()).unwrap_err().to_string();
        for flag in ["--bucket", "--kb-id", "--ds-id", "infra-apply"] {
            assert!(error.contains(flag), "{error}");
        }
        assert_eq!(
            find(Given { bucket: some("b"), ..Given::default() }, &[BUCKET], &Outputs::default()).unwrap().region,
            "eu-west-1"
        );
    }

    #[test]
    fn the_data_source_of_another_knowledge_base_is_not_taken_from_the_outputs() {
        let error = find(Given { kb_id: some("OTHER"), ..Given::default() }, &[KB_ID, DS_ID], &outputs()).unwrap_err();
        assert!(error.to_string().contains("list-data-sources --knowledge-base-id OTHER"), "{error}");
        let given = Given { kb_id: some("OTHER"), ds_id: some("D2"), ..Given::default() };
        assert_eq!(find(given, &[KB_ID, DS_ID], &outputs()).unwrap().region, "eu-west-1");
    }
}
