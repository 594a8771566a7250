//! AWS: its CLI, the credentials and how long they last, Terraform. Only Aurora DSQL needs them.

use std::process::Output;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use xshell::{Shell, cmd};

use super::{Check, Status};
use crate::aws::{awscli, errors, terraform};
use crate::docker::engine::ANSWER;
use crate::machine::beside::beside;
use crate::machine::finding::{Finding, finding};
use crate::machine::{process, time};
use crate::settings::Settings;

/// AWS answers in well under a second; a network that swallows packets would let the CLI wait for minutes.
const PATIENCE: Duration = Duration::from_secs(5);
/// The stack needs a few minutes to sign in everywhere, and the AWS CLI renews by itself what it can renew before this.
const SHORT: Duration = Duration::from_secs(15 * 60);

pub(super) fn check(sh: &Shell, settings: &Settings) -> Vec<Check> {
    let (version, identity, expiry) = thread::scope(|scope| {
        let ask = ["sts", "get-caller-identity", "--output", "json"];
        let identity = beside(scope, sh, move |sh| call(sh, settings, &ask));
        let expiry = beside(scope, sh, |sh| expiry(sh, settings));
        (version(sh), identity(), expiry())
    });
    let credentials = version.is_ok().then(|| credentials(settings, identity, expiry));
    [Check::from("aws", version)].into_iter().chain(credentials).chain([provisioner()]).collect()
}

fn version(sh: &Shell) -> Result<String, Finding> {
    // aws-cli/2.31.0 Python/3.13.7 Linux/6.1
    let printed = process::read_within(&mut cmd!(sh, "aws --version").into(), ANSWER).map_err(|e| {
        let what = format!("{e:#}");
        let fix = if cfg!(target_os = "macos") {
            "brew install awscli"
        } else {
            "curl -fsSL https://awscli.amazonaws.com/awscli-exe-linux-$(uname -m).zip -o /tmp/awscli.zip && \
             unzip -q /tmp/awscli.zip -d /tmp && sudo /tmp/aws/install"
        };
        finding(what.split(';').next().unwrap_or_default(), fix)
    })?;
    Ok(printed.split([' ', '/']).nth(1).unwrap_or_default().trim().to_owned())
}

fn call(sh: &Shell, settings: &Settings, arguments: &[&str]) -> anyhow::Result<Option<Output>> {
    process::capture_within(&mut awscli::command(sh, settings.get("AWS_REGION"), arguments)?, PATIENCE)
}

/// When the credentials end, where something tells. The answer holds secrets: only the time is taken from it.
fn expiry(sh: &Shell, settings: &Settings) -> Option<SystemTime> {
    let output = call(sh, settings, &["configure", "export-credentials", "--format", "process"]).ok()??;
    let parsed: Value = serde_json::from_slice(&output.stdout).ok()?;
    time::parse(parsed["Expiration"].as_str()?)
}

fn credentials(settings: &Settings, identity: anyhow::Result<Option<Output>>, expiry: Option<SystemTime>) -> Check {
    let name = "credentials";
    let output = match identity {
        Ok(Some(it)) => it,
        Ok(None) => {
            let what = format!("AWS has not answered within {} s, so they are unknown", PATIENCE.as_secs());
            let region = settings.get("AWS_REGION");
            let fix = format!("curl -sSI https://sts.{region}.amazonaws.com  # shows whether it can be reached");
            return Check::unwell(name, Status::Warn, what, fix);
        }
        Err(e) => return Check::unwell(name, Status::Fail, format!("{e:#}"), "cargo xtask env-check"),
    };
    if !output.status.success() {
        return Check::from(name, Err(refused(settings, &String::from_utf8_lossy(&output.stderr))));
    }
    let parsed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let who =
        format!("{} in account {}", parsed["Arn"].as_str().unwrap_or("?"), parsed["Account"].as_str().unwrap_or("?"));
    let Some(expiry) = expiry else { return Check::ok(name, who) };
    let left = expiry.duration_since(SystemTime::now()).unwrap_or_default();
    let detail = format!("{who}, for another {}", time::words(left));
    if left >= SHORT {
        return Check::ok(name, detail);
    }
    Check::unwell(name, Status::Warn, detail, format!("aws sso login --profile {}", settings.get("AWS_PROFILE")))
}

fn refused(settings: &Settings, stderr: &str) -> Finding {
    let said = errors::message(stderr);
    let Some(remedy) = errors::remedy(stderr, settings.get("AWS_PROFILE")) else {
        return finding(said, "aws sts get-caller-identity --debug  # says more");
    };
    let command = remedy.split('`').skip(1).step_by(2).find(|it| it.starts_with("aws ")).map(str::to_owned);
    finding(&remedy, command.unwrap_or_else(|| "aws sts get-caller-identity  # says more".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn settings() -> Settings {
        Settings::resolve(false, &[], &|_| None)
    }

    fn answer(code: i32, stdout: &str, stderr: &str) -> anyhow::Result<Option<Output>> {
        Ok(Some(Output { status: ExitStatus::from_raw(code << 8), stdout: stdout.into(), stderr: stderr.into() }))
    }

    const ME: &str = r#"{"UserId":"A","Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/me"}"#;

    #[test]
    fn credentials_that_end_soon_are_a_warning_and_lasting_ones_none() {
        let after = |minutes: u64| Some(SystemTime::now() + Duration::from_secs(minutes * 60 + 30));
        for (expiry, status) in [(None, Status::Ok), (after(60), Status::Ok), (after(10), Status::Warn)] {
            let check = credentials(&settings(), answer(0, ME, ""), expiry);
            assert_eq!(check.status, status, "{}", check.detail);
            assert!(
                check.detail.starts_with("arn:aws:iam::123456789012:user/me in account 123456789012"),
                "{}",
                check.detail
            );
        }
        assert_eq!(credentials(&settings(), answer(0, ME, ""), after(10)).fix, "aws sso login --profile default");
    }

    #[test]
    fn credentials_that_aws_refuses_fail_with_the_command_that_renews_them() {
        for (stderr, fix) in [
            (
                "Unable to locate credentials. You can configure credentials by running",
                "aws configure sso --profile default",
            ),
            (
                "Error when retrieving token from sso: Token has expired and refresh failed",
                "aws sso login --profile default",
            ),
            (
                "An error occurred (Odd) when calling the GetCallerIdentity operation",
                "aws sts get-caller-identity --debug  # says more",
            ),
        ] {
            let check = credentials(&settings(), answer(255, "", stderr), None);
            assert_eq!((check.status, &*check.fix), (Status::Fail, fix), "{stderr}");
        }
    }

    #[test]
    fn an_aws_that_does_not_answer_is_no_reason_to_call_credentials_wrong() {
        let check = credentials(&settings(), Ok(None), None);
        assert_eq!(check.status, Status::Warn);
        assert!(check.fix.contains("sts.eu-west-1.amazonaws.com"), "{}", check.fix);
    }
}
