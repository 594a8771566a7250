//! The database, through `psql`: the same address, user and TLS that the real clients use.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::env;

pub(crate) struct Database {
    pub(crate) host: String,
    pub(crate) port: String,
    /// libpq's name for how much TLS there is: disable, require, verify-full, …
    pub(crate) sslmode: String,
}

impl Database {
    /// Runs SQL as `admin` on `postgres` and returns its rows, columns separated by `|`. `variables` are for `:'name'`.
    pub(crate) fn query(&self, sql: &str, variables: &[(&str, &str)]) -> anyhow::Result<String> {
        let Database { host, port, sslmode } = self;
        let target = format!("host='{}' port='{port}' user=admin dbname=postgres sslmode={sslmode}", quoted(host));
        let mut command = Command::new("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]);
        for (name, value) in variables {
            command.arg("-v").arg(format!("{name}={value}"));
        }
        // The real clients send a signed token; whoever trusts does not look at it.
        command.arg(target).env("PGPASSWORD", "stand-in-token").env("PGCONNECT_TIMEOUT", "5");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run psql")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(sql.as_bytes()).ok(); // psql ends without reading when it cannot connect, and says so
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Whether a database without its schema is refused: yes, unless STANDIN_REQUIRE_SCHEMA is 0.
pub(crate) fn requires_schema() -> bool {
    env("STANDIN_REQUIRE_SCHEMA").is_none_or(|value| value != "0")
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}

/// What signing a token takes: a region from one of `regions`, and a key pair for the profile in use.
pub(crate) fn check_credentials(regions: &[&str]) -> anyhow::Result<()> {
    if !regions.iter().any(|name| env(name).is_some()) {
        bail!("no AWS region: none of {} is set", regions.join(", "));
    }
    if env("AWS_ACCESS_KEY_ID").is_some() && env("AWS_SECRET_ACCESS_KEY").is_some() {
        return Ok(());
    }
    let path = env("AWS_CONFIG_FILE").unwrap_or_else(|| format!("{}/.aws/config", env("HOME").unwrap_or_default()));
    let text = std::fs::read_to_string(&path).with_context(|| format!("no AWS credentials: cannot read {path}"))?;
    let profile = env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let process = credential_process(&text, &profile)
        .with_context(|| format!("no AWS credentials: {path} has no credential_process for the profile `{profile}`"))?;
    let said = Command::new("sh").args(["-c", &process]).output().context("no AWS credentials: there is no shell")?;
    let keys: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
    if keys["AccessKeyId"].as_str().is_none_or(str::is_empty)
        || keys["SecretAccessKey"].as_str().is_none_or(str::is_empty)
    {
        bail!("no AWS credentials: `{process}` prints no key pair: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    Ok(())
}

/// The command that prints the keys of a profile, as the file of settings names it.
fn credential_process(config: &str, profile: &str) -> Option<String> {
    let headings = [format!("[{profile}]"), format!("[profile {profile}]")];
    let mut lines =
        config.lines().map(str::trim).skip_while(|it| !headings.iter().any(|heading| heading == it)).skip(1);
    let own = lines.by_ref().take_while(|it| !it.starts_with('['));
    own.filter_map(|it| it.split_once('='))
        .find_map(|(key, value)| (key.trim() == "credential_process").then(|| value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_counts_only_in_its_own_profile() {
        let text = "[a]\nregion = x\n[profile b]\ncredential_process = cat /aws/keys\n[c]\n";
        let of = |profile| credential_process(text, profile);
        assert_eq!((of("a"), of("b").as_deref(), of("c"), of("d")), (None, Some("cat /aws/keys"), None, None));
    }
}
