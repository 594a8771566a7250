//! AWS: its CLI, the credentials and how long they last, Terraform. Only Aurora DSQL needs them.

use std::thread;

use xshell::{Shell, cmd};

use super::{Check, Status};
use crate::{
    aws::{
        awscli,
        credentials::{self, Credentials},
        errors, terraform,
    },
    docker::engine::ANSWER,
    machine::{
        finding::{Finding, finding},
        process,
    },
    settings::Settings,
};

pub(super) fn check(sh: &Shell, settings: &Settings) -> Vec<Check> {
    let other = sh.clone();
    let (version, keys) = thread::scope(|scope| {
        let keys = scope.spawn(move || Credentials::get(&other, settings));
        (version(sh, settings), keys.join().expect("a question to AWS does not panic"))
    });
    let mut checks = Vec::new();
    if version.is_ok() {
        checks.push(credentials(settings, keys));
    }
    checks.insert(0, Check::from("aws", version));
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
        Err(it) => return Check::of(name, Status::Fail, vec![it], ""),
    };
    if keys.identity.is_none() {
        let what = format!("AWS has not answered within {} s, so they are unknown", credentials::PATIENCE.as_secs());
        let region = settings.get("AWS_REGION");
        let fix = format!("curl -sSI https://sts.{region}.amazonaws.com  # shows whether it can be reached");
        return Check::of(name, Status::Warn, vec![finding(what, fix)], "");
    }
    let (detail, soon) = keys.describe();
    let soon = soon.then(|| finding(&detail, credentials::renewal(settings)));
    Check::of(name, Status::Warn, soon.into_iter().collect(), &detail)
}

fn provisioner() -> Check {
    match terraform::tool() {
        Ok(it) => Check::ok("terraform", format!("`{it}` is on PATH")),
        Err(_) => {
            let fix = if cfg!(target_os = "macos") {
                "brew install opentofu"
            } else {
                "curl -fsSL https://get.opentofu.org/install-opentofu.sh -o /tmp/install-opentofu.sh && \
                 sh /tmp/install-opentofu.sh --install-method standalone"
            };
            let what = "neither `terraform` nor `tofu` is on PATH: `infra-apply` and its like need one";
            Check::of("terraform", Status::Warn, vec![finding(what, fix)], "")
        }
    }
}
