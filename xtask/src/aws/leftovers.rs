//! What exists in AWS under the project's tag and is in no state: the provider may be interrupted before it has noted what
//! it made.

use anyhow::Result;
use xshell::Shell;

use crate::aws::project::Project;
use crate::aws::{awscli, terraform};
use crate::machine::json;
use crate::machine::{process, term};

/// Says what is left, each with the command that removes it; or that this is not known.
pub(crate) fn say(sh: &Shell, project: &Project) {
    match find(sh, project) {
        Ok(found) if found.is_empty() => {}
        Ok(found) => {
            let region = project.region.to_string();
            let line = |arn: &String| format!("\n  {arn}\n    {}", removal(arn, &region));
            let list: String = found.iter().map(line).collect();
            let name = &project.name;
            term::say(&format!("these carry the tag Project={name}, are in no state, and cost until they go:{list}"));
        }
        Err(e) => term::say(&format!(
            "note: whether AWS holds anything of `{}` that Terraform does not know of could not be asked: {e:#}",
            project.name
        )),
    }
}

fn find(sh: &Shell, project: &Project) -> Result<Vec<String>> {
    let (name, region) = (project.name.to_string(), project.region.to_string());
    let ask = |args: &[&str]| awscli::json(sh, &region, args, awscli::PATIENCE);
    let (project, manager) = (format!("Key=Project,Values={name}"), "Key=ManagedBy,Values=terraform");
    let tagged = ask(&["resourcegroupstaggingapi", "get-resources", "--tag-filters", &project, manager])?;
    let tagged = json::items(&tagged["ResourceTagMappingList"]).iter();
    let mut found: Vec<String> = tagged.filter_map(|it| it["ResourceARN"].as_str()).map(str::to_owned).collect();
    // The list above may leave a cluster out that is still being made.
    for cluster in json::items(&ask(&["dsql", "list-clusters"])?["clusters"]) {
        let arn = cluster["arn"].as_str().unwrap_or_default();
        if !found.iter().any(|it| it == arn) {
            let tags = ask(&["dsql", "list-tags-for-resource", "--resource-arn", arn])?;
            if tags["tags"]["Project"] == *name {
                found.push(arn.to_owned());
            }
        }
    }
    let state = terraform::state(sh)?;
    found.retain(|it| !state.contains(&format!("\"{it}\"")));
    Ok(found)
}

/// The command that removes a thing of this ARN, `arn:aws:SERVICE:REGION:ACCOUNT:KIND/ID`.
fn removal(arn: &str, region: &str) -> String {
    let service = arn.split(':').nth(2).unwrap_or_default();
    let id = process::quote(arn.rsplit(['/', ':']).next().unwrap_or_default());
    let command = match service {
        "dsql" => format!("aws dsql delete-cluster --identifier {id}"),
        "bedrock" => format!("aws bedrock-agent delete-knowledge-base --knowledge-base-id {id}"),
        "s3" => format!("aws s3 rb s3://{id} --force"),
        "s3vectors" if arn.contains("/index/") => {
            format!("aws s3vectors delete-index --index-arn {}", process::quote(arn))
        }
        "s3vectors" => format!("aws s3vectors delete-vector-bucket --vector-bucket-arn {}", process::quote(arn)),
        other => format!("aws {other} help  # names the command that deletes it"),
    };
    format!("{command} --region {region}")
}
