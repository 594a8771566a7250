//! AWS: its CLI, the credentials and how long they last, Terraform. Only Aurora DSQL needs them.

use std::thread;

use xshell::{Shell, cmd};

use super::{Check, Status};
use crate::aws::credentials::{self, Credentials};
use crate::aws::{awscli, errors, terraform};
use crate::docker::engine::ANSWER;
use crate::machine::beside::beside;
use crate::machine::finding::{Finding, finding};
use crate::machine::process;
use crate::settings::Settings;

pub(super) fn check(sh: &Shell, settings: &Settings) -> Vec<Check> {
    let (version, keys) = thread::scope(|scope| {
        let keys = beside(scope, sh, |sh| Credentials::get(sh, settings));
        (version(sh, settings), keys())
    });
    let keys = version.is_ok().then(|| credentials(settings, keys));
    let mut checks = vec![Check::from("aws", version)];
    checks.extend(keys);
    checks.push(provisioner());
    checks
}

fn version(sh: &Shell, settings: &Settings) -> Result<String, Finding> {
    // aws-cli/2.31.0 Python/3.13.7 Linux/6.1
    let printed = process::read_within(&mut cmd!(sh, "aws --version").into(), ANSWER).map_err(|e| {
        let what = format!("{e:#}");
        finding(what.split(';').next().unwrap_or_default(), errors::INSTALL)
    })?;
    // The newest command that is needed; asked like this it wants neither keys nor a network.
    let newest = ["dsql", "list-clusters", "--generate-cli-skeleton"];
    let known = awscli::ask(sh, settings.get("AWS_REGION"), &newest, ANSWER);
    if let Ok(Err(stderr)) = known
        && let Some(it) = errors::explain(&stderr, &newest, settings.get("AWS_PROFILE"))
    {
        return Err(it);
    }
    let version = printed.split([' ', '/']).nth(1).unwrap_or_default();
    Ok(version.trim().to_owned())
}

fn credentials(settings: &Settings, keys: Result<Credentials, Finding>) -> Check {
    let name = "credentials";
    let keys = match keys {
        Ok(it) => it,
        Err(it) => return Check::unwell(name, Status::Fail, it.what, it.fix),
    };
    if keys.identity.is_none() {
        let what = format!("AWS has not answered within {} s, so they are unknown", credentials::PATIENCE.as_secs());
        let region = settings.get("AWS_REGION");
        let fix = format!("curl -sSI https://sts.{region}.amazonaws.com  # shows whether it can be reached");
        return Check::unwell(name, Status::Warn, what, fix);
    }
    let (detail, soon) = keys.describe();
    if soon {
        Check::unwell(name, Status::Warn, detail, credentials::renewal(settings))
    } else {
        Check::ok(name, detail)
    }
}

fn provisioner() -> Check {
    if let Ok(it) = terraform::tool() {
        return Check::ok("terraform", format!("`{it}` is on PATH"));
    }
    let what = "neither `terraform` nor `tofu` is on PATH: `infra-apply` and its like need one";
    let fix = if cfg!(target_os = "macos") {
        "brew install opentofu"
    } else {
        "curl -fsSL https://get.opentofu.org/install-opentofu.sh -o /tmp/install-opentofu.sh && \
         sh /tmp/install-opentofu.sh --install-method standalone"
    };
    Check::unwell("terraform", Status::Warn, what, fix)
}
