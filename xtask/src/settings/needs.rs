//! What a command needs of the variables.

use xshell::Shell;

use crate::machine::finding::{Finding, finding};
use crate::settings::{ENV_FILE, Settings};

const HOSTS: [&str; 2] = ["TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST"];

/// Everything that is missing or wrong with the variables that `command` needs, with the databases' hosts or without.
pub(crate) fn findings(sh: &Shell, settings: &Settings, command: &str, hosts: bool) -> Vec<Finding> {
    let mut problems: Vec<_> = settings.problems.iter().collect();
    let mut findings = Vec::new();
    let unknown = !sh.path_exists(ENV_FILE) && HOSTS.iter().all(|it| settings.origin(it).is_none());
    if unknown || !hosts {
        problems.retain(|it| !HOSTS.iter().any(|host| it.concerns(host)));
    }
    if unknown && hosts {
        let local = format!("cargo xtask {command} --local  # needs no AWS");
        let init = format!("cargo xtask env-init  # makes {ENV_FILE}; then fill in the endpoints of your two clusters");
        let what = format!("there is no {ENV_FILE}, so no Aurora DSQL cluster is known");
        findings.push(finding(what, format!("{local}\n{init}")));
    }
    findings.extend(problems.into_iter().cloned());
    findings
}
