//! Which AWS environment is this checkout's: a project name and a region, given once and remembered.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use xshell::Shell;

use crate::aws::terraform::{self, Outputs};
use crate::aws::{awscli, credentials};
use crate::cli::flags::{ProjectName, Region};
use crate::machine::exit::{REFUSED, USAGE, exit};
use crate::machine::files;
use crate::machine::finding::finding;
use crate::settings::variables;

/// Terraform reads this file by itself, so that it can also be run by hand. Git-ignored.
const PATH: &str = "terraform/dev/dev.auto.tfvars.json";

const DEFAULT_REGION: &str = variables::COPILOT_REGION;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Project {
    pub name: ProjectName,
    pub region: Region,
}

impl Project {
    /// The environment that exists, as Terraform's state names it, else the one that was last asked for.
    pub(crate) fn known(sh: &Shell) -> Result<Option<Project>> {
        let outputs = terraform::outputs(sh)?;
        let name = outputs.get("project_name").and_then(|it| it.parse().ok());
        let region = outputs.get("region").and_then(|it| it.parse().ok());
        match name.zip(region) {
            Some((name, region)) => Ok(Some(Project { name, region })),
            None => Project::remembered(sh),
        }
    }

    fn remembered(sh: &Shell) -> Result<Option<Project>> {
        let variables = read(sh)?;
        let field = |key: &str| variables.get(key).and_then(Value::as_str);
        let Some(name) = field("project_name") else { return Ok(None) };
        let name = name.parse().map_err(|e| damaged(&format!("project_name: {e}")))?;
        let region = field("region").unwrap_or(DEFAULT_REGION).parse().map_err(|e| damaged(&format!("region: {e}")))?;
        Ok(Some(Project { name, region }))
    }

    /// What the flags say, else what is known. Refused where something exists under another name or region.
    pub(crate) fn resolve(sh: &Shell, name: Option<ProjectName>, region: Option<Region>) -> Result<Project> {
        let known = Project::known(sh)?;
        let (known_name, known_region) = known.clone().map(|it| (it.name, it.region)).unzip();
        let name = name.or(known_name).ok_or_else(|| unnamed(sh))?;
        let region = region.or(known_region).unwrap_or_else(|| DEFAULT_REGION.parse().expect("a region"));
        let project = Project { name, region };
        match known {
            Some(old) if old != project && !terraform::resources(sh)?.is_empty() => {
                let text = format!(
                    "this checkout's AWS environment is `{}` in {}: under another name or region Terraform would \
                     destroy its databases and make new ones. If you mean that, `cargo xtask infra-destroy` comes \
                     first, without these flags",
                    old.name, old.region
                );
                Err(exit(REFUSED, text))
            }
            _ => Ok(project),
        }
    }

    /// That the AWS account at hand is the one in which the environment was made, where both can be known.
    ///
    /// # Errors
    /// Exit code 3: it is another.
    pub(crate) fn check_account(&self, sh: &Shell, outputs: &Outputs) -> Result<()> {
        let middle = outputs
            .get("kb_source_bucket")
            .and_then(|it| it.strip_prefix(&format!("{}-kb-", self.name))?.strip_suffix(&format!("-{}", self.region)));
        let asked = ["sts", "get-caller-identity"];
        let (Some(theirs), Ok(Ok(me))) =
            (middle, awscli::ask(sh, &self.region.to_string(), &asked, credentials::PATIENCE))
        else {
            return Ok(());
        };
        match me["Account"].as_str() {
            Some(ours) if ours != theirs => Err(finding(
                format!("`{}` was made in the AWS account {theirs}, and these credentials are for {ours}", self.name),
                "aws configure list-profiles  # then name that account's as AWS_PROFILE in dev/.env",
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// Remembers the environment; variables that the file sets besides are kept.
    pub(crate) fn remember(&self, sh: &Shell) -> Result<()> {
        let mut variables = read(sh)?;
        variables.insert("project_name".to_owned(), json!(self.name.to_string()));
        variables.insert("region".to_owned(), json!(self.region.to_string()));
        let text = format!("{:#}\n", Value::Object(variables));
        files::replace(&sh.current_dir().join(PATH), &text, 0o644)?;
        Ok(())
    }

    /// Why the Copilot will not work with this region, where it will not.
    pub(crate) fn remark(&self) -> Option<String> {
        variables::check_copilot_region(&self.region.to_string()).err()
    }

    pub(crate) fn vars(&self) -> [String; 4] {
        ["-var".to_owned(), format!("project_name={}", self.name), "-var".to_owned(), format!("region={}", self.region)]
    }
}

fn read(sh: &Shell) -> Result<Map<String, Value>> {
    let Some(text) = files::read(&sh.current_dir().join(PATH))? else { return Ok(Map::new()) };
    match serde_json::from_str(&text).context("it is not JSON").map_err(|e| damaged(&format!("{e:#}")))? {
        Value::Object(map) => Ok(map),
        _ => Err(damaged("it is not an object of variables")),
    }
}

fn damaged(why: &str) -> anyhow::Error {
    anyhow::anyhow!("{PATH} is damaged ({why}): delete it, and give `--project-name` and `--region` once more")
}

fn unnamed(sh: &Shell) -> anyhow::Error {
    let folder = sh.current_dir();
    let suggestion = suggest(&folder.file_name().unwrap_or_default().to_string_lossy());
    let what = format!(
        "the environment needs a name, once: give `--project-name {suggestion}`, or another one that nobody else in \
         your AWS account uses. It starts the name of everything made there, and is remembered"
    );
    exit(USAGE, what)
}

fn suggest(folder: &str) -> String {
    let lower = folder.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let name: String = words.join("-").chars().take(32).collect();
    let name = name.trim_end_matches('-');
    if name.parse::<ProjectName>().is_ok() { name.to_owned() } else { "sre-copilot-dev".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_aws_would_refuse_are_refused_here() {
        for good in ["a", "sre-copilot-dev", "0", "xn", "sthreex", &"a".repeat(32)] {
            assert!(good.parse::<ProjectName>().is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a--b", "a.b", "a b", "é", "xn--a", "sthree", "sthree-a"] {
            assert!(bad.parse::<ProjectName>().is_err(), "{bad}");
        }
        for bad in ["amzn-s3-demo", "amzn-s3-demo-bucket", &"a".repeat(33)] {
            assert!(bad.parse::<ProjectName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_outside_the_commercial_partition_are_refused() {
        for good in ["eu-west-1", "ap-southeast-2", "me-central-1"] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in ["", "eu", "eu-west", "cn-north-1", "us-gov-east-1", "eu-west-1a", "eu-west-0", "EU-west-1"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_remembered_comes_back_and_other_variables_stay() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        sh.change_dir(folder.path());
        assert_eq!(Project::remembered(&sh).unwrap(), None);
        sh.write_file(PATH, "{\"fail\": true}").unwrap();
        let project = Project { name: "a-b".parse().unwrap(), region: "eu-west-2".parse().unwrap() };
        project.remember(&sh).unwrap();
        assert_eq!(Project::remembered(&sh).unwrap(), Some(project));
        assert_eq!(read(&sh).unwrap()["fail"], true);
        for damage in ["", "[]", "{\"project_name\": \"A B\"}"] {
            sh.write_file(PATH, damage).unwrap();
            let error = Project::remembered(&sh).unwrap_err().to_string();
            assert!(error.contains("delete it"), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_suggested_name_is_valid_whatever_the_folder_is_called(folder in "\\PC{0,60}|(sthree|xn--|[a-z-]){1,12}") {
            prop_assert!(suggest(&folder).parse::<ProjectName>().is_ok());
        }
    }
}
