//! The persistence template, rendered for each cluster. A template is data: placeholders are replaced inside parsed
//! scalars, so no value can change the document's structure.

use std::path::Path;

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags::Cluster;
use crate::cli::help;
use crate::machine::files;
use crate::machine::finding::{At, Finding, finding};
use crate::machine::yaml::{self, Yaml};
use crate::settings::{Settings, variables};

/// The template, from the workspace root.
pub const TEMPLATE: &str = "dev/docker/persistence-dsql-elasticsearch.template.yaml";

/// What the copilot cluster takes from elsewhere: the template's name, the variable that it stands for there.
const COPILOT: &[(&str, &str)] = &[
    ("TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST"),
    ("TEMPORAL_SQL_DATABASE", "COPILOT_DSQL_DATABASE"),
    ("TEMPORAL_SQL_MAX_CONNS", "COPILOT_SQL_MAX_CONNS"),
    ("TEMPORAL_SQL_MAX_IDLE_CONNS", "COPILOT_SQL_MAX_CONNS"),
    ("TEMPORAL_HISTORY_SHARDS", "COPILOT_HISTORY_SHARDS"),
    ("TEMPORAL_ELASTICSEARCH_INDEX", "COPILOT_ELASTICSEARCH_INDEX"),
];

/// How far the copilot cluster's ports are from the monitored one's.
const PORT_DISTANCE: u64 = 1000;

/// Where a cluster's rendering goes, from the workspace root.
pub fn path(cluster: Cluster) -> String {
    format!("dev/.rendered/persistence-{}.yaml", cluster.as_str())
}

/// Writes a cluster's rendering; returns whether it changed.
pub(crate) fn write(sh: &Shell, cluster: Cluster, text: &str) -> Result<bool> {
    files::replace(&sh.current_dir().join(path(cluster)), text, 0o644)
}

/// Renders the template for these clusters. Values that [`Settings::problems`] names are left out of the result's
/// findings: they have been reported. An error holds every placeholder that stands for no variable.
pub(crate) fn render(
    sh: &Shell,
    settings: &Settings,
    clusters: &[Cluster],
) -> Result<Vec<(Cluster, String)>, Vec<Finding>> {
    let template = read_template(&sh.current_dir()).map_err(|e| vec![finding(format!("{e:#}"), "")])?;
    let mut problems = Vec::new();
    let mut rendered = Vec::new();
    for &cluster in clusters {
        let lookup =
            |name: &str| variables::find(source(cluster, name)).map(|it| it.kind.to_yaml(settings.get(it.name)));
        match substitute(&template, &lookup) {
            Ok(mut document) => {
                if cluster == Cluster::Copilot {
                    move_ports(&mut document);
                }
                let body = yaml::write(&document);
                let text = format!("# Written by `cargo xtask render` from {TEMPLATE}; edits are lost.\n{body}");
                rendered.push((cluster, text));
            }
            Err(unknown) => problems.extend(unknown.iter().map(|it| unknown_placeholder(it))),
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(rendered) } else { Err(problems) }
}

/// Moves up the ports on which the members of a cluster find each other; clients use those of the frontend.
///
/// Both clusters are on one network, and the address of a container that was replaced goes to the next one, maybe of the
/// other cluster. A member that still knows the old address would take it for its own: seen live, the two became one
/// for good, and each looked for its namespaces in the other's database.
fn move_ports(document: &mut Yaml) {
    let Some(Yaml::Mapping(services)) = document.get_mut("services") else { return };
    for (name, service) in services {
        let keys = if name == "frontend" { &["membershipPort"][..] } else { &["membershipPort", "grpcPort"] };
        for key in keys {
            if let Some(port) = service.get_mut("rpc").and_then(|it| it.get_mut(key))
                && let Some(number) = port.as_u64()
            {
                *port = Yaml::Plain(number.saturating_add(PORT_DISTANCE).to_string());
            }
        }
    }
}

fn read_template(root: &Path) -> Result<Yaml> {
    Ok(yaml::read(TEMPLATE, &files::committed(root, TEMPLATE)?)?)
}

fn unknown_placeholder(name: &str) -> Finding {
    let known = variables::ALL.iter().map(|it| it.name);
    let hint = help::suggest(name, known).map_or(String::new(), |it| format!("; did you mean `${it}`?"));
    finding(format!("`${name}` in {TEMPLATE} is not a variable{hint}"), "")
}

/// The variable that a template's placeholder stands for in this cluster.
pub fn source(cluster: Cluster, placeholder: &str) -> &str {
    let own = COPILOT.iter().find(|(name, _)| cluster == Cluster::Copilot && *name == placeholder);
    own.map_or(placeholder, |(_, source)| source)
}

/// The problems that concern these clusters.
pub(crate) fn problems_of(settings: &Settings, clusters: &[Cluster]) -> Vec<Finding> {
    let concerns = |it: &Finding| {
        let At::Variable(name) = it.at else { return true };
        let of = COPILOT.iter().find_map(|(monitored, copilot)| match name {
            it if it == *monitored => Some(Cluster::Monitored),
            it if it == *copilot => Some(Cluster::Copilot),
            _ => None,
        });
        of.is_none_or(|it| clusters.contains(&it))
    };
    settings.problems.iter().filter(|it| concerns(it)).cloned().collect()
}

/// Replaces `$NAME` and `${NAME}` in every scalar. A scalar that is one placeholder takes the value with its type;
/// within a longer text the value is inserted as text. Values are not scanned again. An error holds the names that
/// `lookup` does not know, each once, in the order in which they appear.
pub fn substitute(template: &Yaml, lookup: &dyn Fn(&str) -> Option<Yaml>) -> Result<Yaml, Vec<String>> {
    let mut unknown = Vec::new();
    let document = walk(template, lookup, &mut unknown);
    if unknown.is_empty() { Ok(document) } else { Err(unknown) }
}

fn walk(node: &Yaml, lookup: &dyn Fn(&str) -> Option<Yaml>, unknown: &mut Vec<String>) -> Yaml {
    match node {
        Yaml::Text(text) => scalar(text, lookup, unknown),
        Yaml::Sequence(items) => Yaml::Sequence(items.iter().map(|it| walk(it, lookup, unknown)).collect()),
        Yaml::Mapping(pairs) => {
            Yaml::Mapping(pairs.iter().map(|(key, value)| (key.clone(), walk(value, lookup, unknown))).collect())
        }
        Yaml::Null | Yaml::Plain(_) => node.clone(),
    }
}

fn scalar(text: &str, lookup: &dyn Fn(&str) -> Option<Yaml>, unknown: &mut Vec<String>) -> Yaml {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let Some((name, length)) = placeholder(&rest[at..]) else {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        };
        let value = lookup(name);
        match value {
            Some(value) if length == text.len() => return value,
            Some(value) => {
                out.push_str(&rest[..at]);
                out.push_str(value.text().unwrap_or_default());
            }
            None if unknown.iter().any(|it| it == name) => {}
            None => unknown.push(name.to_owned()),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Yaml::Text(out)
}

/// The name of the placeholder at the start of `text`, and the length of the whole.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let (body, braces) = match text.strip_prefix("${") {
        Some(body) => (body, true),
        None => (text.strip_prefix('$')?, false),
    };
    let end = body.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(body.len());
    let name = &body[..end];
    let closed = !braces || body[end..].starts_with('}');
    let valid = closed && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    valid.then_some((name, if braces { end + 3 } else { end + 1 }))
}

#[cfg(test)]
mod tests;
