//! What is in the repository and beside it: variables, template, mounted files, checkouts.

use xshell::Shell;

use super::{Check, Status};
use crate::cli::flags::Cluster;
use crate::machine::files;
use crate::machine::finding::{At, Finding};
use crate::preflight;
use crate::settings::checkouts::{COPILOT, TEMPORAL};
use crate::settings::{ENV_FILE, Origin, Settings, audit, needs, template, variables};
use crate::stack::Stack;

pub(super) fn check(sh: &Shell, settings: &Settings, stack: Result<&Stack, &Finding>) -> Vec<Check> {
    let mut checks = vec![env(sh, settings), rendering(sh, settings)];
    let mounted = |it: &Stack| [preflight::mounts(sh, &it.services), preflight::readable::findings(sh, &it.services)];
    let mut found = stack.map_or_else(|it| vec![it.clone()], |it| mounted(it).concat());
    found.extend(preflight::readable::moved(sh, settings));
    found.extend(files::denied(&sh.current_dir().join("dev/.rendered")));
    checks.push(Check::of("files", Status::Fail, found, "compose files and all that they mount are there"));
    for checkout in [TEMPORAL, COPILOT] {
        checks.push(match checkout.find(sh, settings, None) {
            Ok(it) => {
                let elsewhere = checkout.elsewhere(sh, &it).into_iter().collect();
                Check::of(checkout.name, Status::Warn, elsewhere, it.display().to_string())
            }
            Err(it) => Check::from(checkout.name, Err(it)),
        });
    }
    checks
}

/// What `dev-up` refuses fails; what only `env-check` finds is a warning.
fn env(sh: &Shell, settings: &Settings) -> Check {
    let refused = needs::findings(sh, settings, "dev-up", true);
    let status = if refused.is_empty() { Status::Warn } else { Status::Fail };
    let mut findings = refused;
    // Where there is no file, to name each variable that it would hold adds nothing.
    if sh.path_exists(ENV_FILE) || findings.iter().all(|it| it.at != At::Unsaid) {
        findings = audit::look(sh, settings).0;
    }
    findings.iter_mut().filter(|it| it.fix.is_empty()).for_each(|it| it.fix = remedy(&it.at));
    let set = variables::ALL.iter().filter(|it| matches!(settings.origin(it.name), Some(Origin::File(_)))).count();
    let ok = if sh.path_exists(ENV_FILE) {
        format!("{ENV_FILE} is valid and sets {set} of {} variables", variables::ALL.len())
    } else {
        format!("there is no {ENV_FILE}, and nothing in it is needed")
    };
    Check::of("env", status, findings, ok)
}

/// The command that mends a variable's value, wherever it stands.
fn remedy(at: &At) -> String {
    let by_hand = format!("${{EDITOR:-vi}} {ENV_FILE}");
    match at {
        At::Variable(it) if variables::fills(it) => format!("cargo xtask env-sync  # or by hand: {by_hand}"),
        _ => by_hand,
    }
}

fn rendering(sh: &Shell, settings: &Settings) -> Check {
    let found = template::render(sh, settings, Cluster::ALL).err().unwrap_or_default();
    let fix = format!("git checkout -- {}", template::TEMPLATE);
    let findings = found.into_iter().map(|it| Finding { fix: fix.clone(), ..it }).collect();
    Check::of("rendering", Status::Fail, findings, "the persistence template renders for both clusters")
}
