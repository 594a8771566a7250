//! What is in the repository and beside it: variables, template, mounted files, checkouts.

use xshell::Shell;

use super::{Check, Status};
use crate::{
    checkouts::{COPILOT, TEMPORAL},
    finding::{Finding, finding},
    flags::Cluster,
    preflight, render,
    settings::{ENV_FILE, Origin, Settings},
    stack::Stack,
    variables,
};

pub(super) fn check(sh: &Shell, settings: &Settings, stack: Option<&Stack>, broken: Option<&Finding>) -> Vec<Check> {
    let mut checks = vec![env(sh, settings), rendering(sh, settings)];
    let mut files: Vec<Finding> = broken.into_iter().cloned().collect();
    files.extend(stack.into_iter().flat_map(|it| preflight::mounts(sh, settings, &it.services)));
    checks.push(Check::of("files", Status::Fail, files, "compose files and all that they mount are there"));
    for checkout in [TEMPORAL, COPILOT] {
        let found = checkout.find(sh, settings, None).map(|it| it.display().to_string());
        checks.push(Check::from(checkout.name, found));
    }
    checks
}

fn env(sh: &Shell, settings: &Settings) -> Check {
    let mut findings = preflight::variables(sh, settings, "dev-up", true);
    for it in findings.iter_mut().filter(|it| it.fix.is_empty()) {
        let problem = settings.problems.iter().find(|problem| problem.text == it.what);
        let name = problem.and_then(|it| it.name);
        it.fix = match name.and_then(|it| settings.origin(it)) {
            Some(Origin::Environment) => format!("unset {}", name.unwrap_or_default()),
            _ => format!("${{EDITOR:-vi}} {ENV_FILE}"),
        };
    }
    let set = variables::ALL.iter().filter(|it| matches!(settings.origin(it.name), Some(Origin::File(_)))).count();
    let ok = if sh.path_exists(ENV_FILE) {
        format!("{ENV_FILE} is valid and sets {set} of {} variables", variables::ALL.len())
    } else {
        format!("there is no {ENV_FILE}, and nothing in it is needed")
    };
    Check::of("env", Status::Fail, findings, ok)
}

fn rendering(sh: &Shell, settings: &Settings) -> Check {
    let found = render::render(sh, settings, Cluster::ALL).err().unwrap_or_default();
    let fix = format!("git checkout -- {}", render::TEMPLATE);
    let findings = found.into_iter().map(|it| finding(it, &fix)).collect();
    Check::of("rendering", Status::Fail, findings, "the persistence template renders for both clusters")
}
