//! A database that `psql` reaches: inside the stand-in's container, or on Aurora DSQL from a throw-away container.

use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use super::plan::{Catalogue, plan};
use super::source::{Manifest, Schema};
use super::{Context, Outcome};
use crate::aws::awscli;
use crate::docker::engine::ANSWER;
use crate::machine::{files, process, term};
use crate::stack::postgres_image;

/// Reads a script from stdin.
const PSQL: &str = "--username admin --dbname postgres --no-psqlrc --quiet --no-align --tuples-only \
                    --set ON_ERROR_STOP=1 --set VERBOSITY=verbose --file -";
/// Where the certificates to check Aurora DSQL's with are kept, from the workspace root.
const CA_FILE: &str = "dev/.rendered/ca-certificates.crt";
/// The password of the moment, for as long as a `psql` runs, from the workspace root.
const TOKEN_FILE: &str = "dev/.rendered/pgpass";
/// How often a script is sent when Aurora DSQL says that another transaction was faster.
const CONFLICT_TRIES: u32 = 10;

/// Lists what is there as `object|NAME`, and the version as `version|X.Y` where one was recorded.
const CATALOGUE: &str = r"
SELECT 'object', c.relname FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
  WHERE n.nspname = 'public' AND (c.relkind = 'r' OR (c.relkind = 'i' AND i.indisvalid));
SELECT count(*) > 0 AS versioned FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relname = 'schema_version' \gset
\if :versioned
SELECT 'version', curr_version FROM schema_version WHERE version_partition = 0 AND db_name = 'postgres';
\endif
";

/// The two tables in which Temporal's tool keeps its records, as that tool makes them.
const VERSION_TABLES: &str = "\
CREATE TABLE IF NOT EXISTS schema_version(version_partition INT NOT NULL, db_name VARCHAR(255) NOT NULL,
  creation_time TIMESTAMP, curr_version VARCHAR(64), min_compatible_version VARCHAR(64),
  PRIMARY KEY (version_partition, db_name));
CREATE TABLE IF NOT EXISTS schema_update_history(version_partition INT NOT NULL, year INT NOT NULL,
  month INT NOT NULL, update_time TIMESTAMP NOT NULL, description VARCHAR(255), manifest_md5 VARCHAR(64),
  new_version VARCHAR(64), old_version VARCHAR(64), PRIMARY KEY (version_partition, year, month, update_time));
";

pub(super) struct Database<'a> {
    pub context: &'a Context<'a>,
    /// The name under which the services know it.
    pub host: &'a str,
}

impl Database<'_> {
    fn is_local(&self) -> bool {
        self.context.stack.mode.local
    }

    /// The stand-in: the service that answers to the host's name.
    pub(super) fn service(&self) -> &str {
        let answers = self.context.stack.services.iter().find(|it| it.aliases.iter().any(|it| it == self.host));
        answers.map_or(self.host, |it| &it.name)
    }

    /// `psql`, reading a script from stdin. The token is in a file: arguments can be seen by everybody, and the
    /// environment of a container by everybody who may ask the engine.
    pub(super) fn psql(&self) -> Result<Command> {
        let sh = self.context.sh;
        let mut command = if self.is_local() {
            let mut exec = self.context.stack.compose(sh);
            exec.args(["exec", "--no-TTY", self.service(), "psql", "--single-transaction"]);
            exec
        } else {
            let image = postgres_image(sh)?;
            let (host, port) = (self.host, self.context.settings.get("TEMPORAL_SQL_PORT"));
            let mount = |file: &str, at: &str| format!("{}:{at}:ro", sh.current_dir().join(file).display());
            let (certificates, token) = (mount(CA_FILE, "/ca.crt"), mount(TOKEN_FILE, "/pgpass"));
            let environment = &self.context.stack.environment;
            let user = format!("{}:{}", environment["HOST_UID"], environment["HOST_GID"]);
            let run = cmd!(
                sh,
                "docker run --rm --interactive --user {user} --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 64 --env PGPASSFILE=/pgpass --env PGSSLMODE=verify-full --env PGSSLROOTCERT=/ca.crt --env PGCONNECT_TIMEOUT=15 --volume {certificates} --volume {token} {image} psql --host {host} --port {port}"
            );
            run.into()
        };
        command.args(PSQL.split(' '));
        Ok(command)
    }

    /// Sends a script that can be repeated, and does so while Aurora DSQL answers that another transaction was faster.
    pub(super) fn send(&self, script: &str) -> Result<String> {
        // Each time is a container and a token: not for nothing.
        if script.is_empty() {
            return Ok(String::new());
        }
        // A loaded Docker Engine 20.10 was seen to lose the end of stdin, and psql to wait for it without end.
        let script = format!("{script}\\q\n");
        let mut attempt = 1;
        loop {
            let token = self.context.sh.current_dir().join(TOKEN_FILE);
            if !self.is_local() {
                let word = self.token()?.replace('\\', "\\\\").replace(':', "\\:");
                files::replace(&token, &format!("*:*:*:*:{word}\n"), 0o600)?;
            }
            let rest = self.context.deadline.saturating_duration_since(Instant::now());
            let output = process::capture_with_input_within(&mut self.psql()?, &script, rest);
            _ = fs::remove_file(token);
            let output = output?;
            let Some(output) = output else {
                let who = if self.is_local() { self.service() } else { self.host };
                bail!("{who} has not answered in time\n{}", self.remedy(""));
            };
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if self.is_local() || attempt == CONFLICT_TRIES || !is_conflict(&complaint) {
                bail!("{complaint}\n{}", self.remedy(&complaint));
            }
            thread::sleep(Duration::from_millis(200 * u64::from(attempt)));
            attempt += 1;
        }
    }

    /// A password for Aurora DSQL, valid for 15 minutes; signed on this machine.
    fn token(&self) -> Result<String> {
        let region = self.context.settings.get("TEMPORAL_SQL_AWS_REGION");
        let words = ["dsql", "generate-db-connect-admin-auth-token", "--hostname", self.host];
        awscli::text(self.context.sh, region, &words, awscli::PATIENCE).context("cannot sign in to Aurora DSQL")
    }

    fn remedy(&self, complaint: &str) -> String {
        let says = |words: &[&str]| words.iter().any(|it| complaint.contains(it));
        let (host, service) = (self.host, self.service());
        if says(&["is not running", "no such service"]) {
            format!("`cargo xtask dev-up --local {service}` starts it")
        } else if says(&["access denied", "password authentication failed"]) {
            "the AWS identity may not connect: `aws sts get-caller-identity` shows it, it needs dsql:DbConnectAdmin"
                .to_owned()
        } else if says(&["could not translate host name", "timeout expired", "could not connect"]) {
            format!("check the endpoint `{host}` in dev/.env, and that its cluster exists: `aws dsql list-clusters`")
        } else if self.is_local() {
            format!("`cargo xtask dev-logs {service}` shows its side")
        } else {
            "mend the cause, then `cargo xtask schema` goes on from here".to_owned()
        }
    }

    fn catalogue(&self) -> Result<Catalogue> {
        let mut have = Catalogue::default();
        for line in self.send(CATALOGUE)?.lines() {
            match line.split_once('|') {
                Some(("object", name)) => have.objects.push(name.to_owned()),
                Some(("version", number)) => have.version = Some(number.to_owned()),
                _ => {}
            }
        }
        Ok(have)
    }

    /// Aurora DSQL builds indexes after the statement has returned. Ours only are waited for.
    fn wait_for_indexes(&self, schema: &Schema) -> Result<()> {
        let mut shown = 0;
        loop {
            let jobs = self.send("SELECT count(*) FROM sys.jobs WHERE status IN ('submitted', 'processing');\n")?;
            let have = self.catalogue()?;
            let created = schema.statements().filter_map(|it| it.creates.as_deref());
            let missing: Vec<&str> = created.filter(|it| have.objects.iter().all(|object| object != it)).collect();
            if missing.is_empty() {
                return Ok(());
            }
            if jobs.trim() == "0" {
                let missing = missing.join(", ");
                bail!("these were not built: {missing}\n`SELECT * FROM sys.jobs` on the cluster says why");
            }
            if Instant::now() >= self.context.deadline {
                bail!("index builds are still under way at the deadline; `cargo xtask schema` waits for them again");
            }
            if shown != missing.len() {
                shown = missing.len();
                term::say(&format!("    {shown} indexes are being built"));
            }
            thread::sleep(Duration::from_secs(2));
        }
    }

    /// The Temporal image has certificates to trust; the PostgreSQL image has none.
    fn write_certificates(&self) -> Result<()> {
        let (sh, image) = (self.context.sh, self.context.settings.get("TEMPORAL_IMAGE"));
        let cat = cmd!(sh, "docker run --rm {image} cat /etc/ssl/certs/ca-certificates.crt");
        let certificates = process::read_within(&mut cat.into(), ANSWER).with_context(|| {
            format!("cannot read the certificates in {image}\n`cargo xtask dev-build temporal` builds it")
        })?;
        files::replace(&sh.current_dir().join(CA_FILE), &certificates, 0o644)?;
        Ok(())
    }
}

pub(super) fn apply(database: &Database<'_>, schema: &Schema, overwrite: bool) -> Result<Outcome> {
    if !database.is_local() {
        database.write_certificates()?;
    }
    if overwrite {
        database.send(&drops(schema))?;
    }
    let have = database.catalogue()?;
    let plan = plan(schema, &have).map_err(anyhow::Error::msg)?;
    let statements: String = plan.statements.iter().map(|it| format!("{};\n", it.sql)).collect();
    let records = records(&plan.record, have.version.is_none());
    if plan.outcome == Outcome::AlreadyThere {
        return Ok(plan.outcome);
    }
    if database.is_local() {
        database.send(&(statements + &records))?;
    } else {
        database.send(&statements)?;
        database.wait_for_indexes(schema)?;
        database.send(&records)?;
    }
    Ok(plan.outcome)
}

/// The records of newly applied versions, in the form of Temporal's tool.
fn records(versions: &[(String, &Manifest)], first: bool) -> String {
    let Some((_, newest)) = versions.last() else { return String::new() };
    let mut rows = Vec::from_iter(first.then_some(["0", "0.0", "", "initial version"]));
    rows.extend(versions.iter().map(|(before, it)| [before.as_str(), &it.version, &it.md5, &it.description]));
    let mut out = VERSION_TABLES.to_owned();
    for (i, row) in rows.into_iter().enumerate() {
        // Each row's time is a part of its key, so the rows of one run lie a microsecond apart.
        let at = format!("(now() AT TIME ZONE 'UTC') + interval '{i} microseconds'");
        let values = row.map(literal).join(", ");
        _ = writeln!(
            out,
            "INSERT INTO schema_update_history(version_partition, year, month, update_time, old_version, new_version, manifest_md5, description) \
             VALUES (0, extract(year FROM {at})::int, extract(month FROM {at})::int, {at}, {values});"
        );
    }
    let values = [&newest.version, &newest.min_compatible].map(|it| literal(it)).join(", ");
    _ = writeln!(
        out,
        "INSERT INTO schema_version(version_partition, db_name, creation_time, curr_version, min_compatible_version) \
         VALUES (0, 'postgres', now() AT TIME ZONE 'UTC', {values}) ON CONFLICT (version_partition, db_name) DO UPDATE \
         SET creation_time = excluded.creation_time, curr_version = excluded.curr_version, min_compatible_version = excluded.min_compatible_version;"
    );
    out
}

/// Drops the schema's own tables, with their indexes, and no others.
fn drops(schema: &Schema) -> String {
    let tables = schema.statements().filter(|it| it.sql.starts_with("CREATE TABLE"));
    let records = schema.newest().map_or(&[][..], |_| &["schema_version", "schema_update_history"]);
    let names = tables.filter_map(|it| it.creates.as_deref()).chain(records.iter().copied());
    names.map(|it| format!("DROP TABLE IF EXISTS \"{}\";\n", it.replace('"', "\"\""))).collect()
}

fn is_conflict(complaint: &str) -> bool {
    ["OC000", "OC001", "40001"].iter().any(|it| complaint.contains(it))
}

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_told_from_an_error() {
        assert!(is_conflict("ERROR:  OC001: schema has been updated by another transaction, (OC001)"));
        assert!(!is_conflict("ERROR:  42601: syntax error"));
    }

    #[test]
    fn nothing_is_recorded_where_no_version_is_new() {
        assert_eq!(records(&[], true), "");
    }

    #[test]
    fn the_record_names_the_database_that_temporal_looks_for_and_quotes_what_the_manifest_says() {
        let manifest = Manifest {
            version: "1.1".into(),
            min_compatible: "1.0".into(),
            description: "it's".into(),
            md5: "ab".into(),
        };
        let sql = records(&[("1.0".to_owned(), &manifest)], false);
        assert!(sql.contains("'1.0', '1.1', 'ab', 'it''s'"), "{sql}");
        assert!(sql.contains("VALUES (0, 'postgres',") && !sql.contains("initial version"), "{sql}");
    }
}
