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
    let path = env("AWS_SHARED_CREDENTIALS_FILE")
        .unwrap_or_else(|| format!("{}/.aws/credentials", env("HOME").unwrap_or_default()));
    let text = std::fs::read_to_string(&path).with_context(|| format!("no AWS credentials: cannot read {path}"))?;
    let profile = env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    if !has_keys(&text, &profile) {
        bail!("no AWS credentials: {path} has no key pair for the profile `{profile}`");
    }
    Ok(())
}

fn has_keys(credentials: &str, profile: &str) -> bool {
    let mut inside = false;
    let (mut id, mut secret) = (false, false);
    for line in credentials.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            id |= key.trim() == "aws_access_key_id" && !value.trim().is_empty();
            secret |= key.trim() == "aws_secret_access_key" && !value.trim().is_empty();
        }
    }
    id && secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_pair_counts_only_in_its_own_profile() {
        let text = "[a]\naws_access_key_id = x\n[b]\naws_secret_access_key=y\n[c]\naws_access_key_id=x\naws_secret_access_key=y\n";
        assert!(!has_keys(text, "a"));
        assert!(!has_keys(text, "b"));
        assert!(has_keys(text, "c"));
    }
}
