//! A database that `psql` reaches: inside the stand-in's container, or on Aurora DSQL from a throw-away container.

use std::{
    fmt::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use super::{
    Outcome,
    plan::{Catalogue, objects, plan},
    source::{Manifest, Schema},
};
use crate::{
    aws::awscli,
    docker::engine::ANSWER,
    machine::{files, process, term},
    settings::Settings,
    stack::Stack,
};

/// The image that holds `psql` where there is no container to run it in.
pub(crate) const POSTGRES: &str = "postgres:17.11";
/// Where the certificates to check Aurora DSQL's with are kept, from the workspace root.
const CA_FILE: &str = "dev/.rendered/ca-certificates.crt";
/// How often statements are sent again when Aurora DSQL says that another transaction was faster.
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
const VERSION_TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS schema_version(version_partition INT NOT NULL, db_name VARCHAR(255) NOT NULL, \
     creation_time TIMESTAMP, curr_version VARCHAR(64), min_compatible_version VARCHAR(64), \
     PRIMARY KEY (version_partition, db_name))",
    "CREATE TABLE IF NOT EXISTS schema_update_history(version_partition INT NOT NULL, year INT NOT NULL, \
     month INT NOT NULL, update_time TIMESTAMP NOT NULL, description VARCHAR(255), manifest_md5 VARCHAR(64), \
     new_version VARCHAR(64), old_version VARCHAR(64), PRIMARY KEY (version_partition, year, month, update_time))",
];

/// One database of the stack.
pub(crate) struct Database<'a> {
    pub stack: &'a Stack,
    pub settings: &'a Settings,
    /// The stand-in's service.
    pub service: &'static str,
    /// Aurora DSQL's endpoint.
    pub host: &'a str,
    /// When to give up.
    pub deadline: Instant,
}

impl Database<'_> {
    fn is_local(&self) -> bool {
        self.stack.mode.local
    }

    /// `psql`, reading a script from stdin. The token goes by environment: a command line can be seen by everybody.
    pub(crate) fn psql(&self, sh: &Shell, token: Option<&str>) -> Command {
        let mut command = if self.is_local() {
            let mut exec = self.stack.compose(sh);
            exec.args(["exec", "--no-TTY", self.service, "psql", "--single-transaction"]);
            exec
        } else {
            let (host, port) = (self.host, self.settings.get("TEMPORAL_SQL_PORT"));
            let certificates = format!("{}:/ca.crt:ro", sh.current_dir().join(CA_FILE).display());
            let run = cmd!(
                sh,
                "docker run --rm --interactive --env PGPASSWORD --env PGSSLMODE=verify-full --env PGSSLROOTCERT=/ca.crt --env PGCONNECT_TIMEOUT=15 --volume {certificates} {POSTGRES} psql --host {host} --port {port}"
            );
            Command::from(run)
        };
        command.args([
            "--username",
            "admin",
            "--dbname",
            "postgres",
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
        ]);
        command.args(["--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=verbose", "--file", "-"]);
        if let Some(token) = token {
            command.env("PGPASSWORD", token);
        }
        command
    }

    /// Sends a script and returns what it printed.
    fn send(&self, sh: &Shell, script: &str) -> Result<String> {
        let token = if self.is_local() { None } else { Some(self.token(sh)?) };
        // A loaded Docker Engine 20.10 was seen to lose the end of stdin, and psql to wait for it without end.
        let script = format!("{script}\\q\n");
        let rest = self.deadline.saturating_duration_since(Instant::now());
        let output = process::capture_with_input_within(&mut self.psql(sh, token.as_deref()), &script, rest)?;
        let Some(output) = output else {
            let who = if self.is_local() { self.service } else { self.host };
            bail!("{who} has not answered in time\n{}", self.remedy(""));
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{complaint}\n{}", self.remedy(&complaint))
    }

    /// A password for Aurora DSQL, valid for 15 minutes; signed on this machine.
    fn token(&self, sh: &Shell) -> Result<String> {
        let (host, region) = (self.host, self.settings.get("TEMPORAL_SQL_AWS_REGION"));
        awscli::text(
            sh,
            region,
            &["dsql", "generate-db-connect-admin-auth-token", "--hostname", host],
            awscli::PATIENCE,
        )
        .context("cannot sign in to Aurora DSQL")
    }

    fn remedy(&self, complaint: &str) -> String {
        let service = self.service;
        if complaint.contains("is not running") || complaint.contains("no such service") {
            format!("`cargo xtask dev-up --local {service}` starts it")
        } else if complaint.contains("access denied") || complaint.contains("password authentication failed") {
            "the AWS identity may not connect: `aws sts get-caller-identity` shows it, it needs dsql:DbConnectAdmin"
                .to_owned()
        } else if complaint.contains("could not translate host name")
            || complaint.contains("timeout expired")
            || complaint.contains("could not connect")
        {
            format!(
                "check the endpoint `{}` in dev/.env, and that its cluster exists: `aws dsql list-clusters`",
                self.host
            )
        } else if self.is_local() {
            format!("`cargo xtask dev-logs {service}` shows its side")
        } else {
            "mend the cause, then `cargo xtask schema` goes on from here".to_owned()
        }
    }

    fn catalogue(&self, sh: &Shell) -> Result<Catalogue> {
        let mut have = Catalogue::default();
        for line in self.send(sh, CATALOGUE)?.lines() {
            match line.split_once('|') {
                Some(("object", name)) => _ = have.objects.insert(name.to_owned()),
                Some(("version", number)) => have.version = Some(number.to_owned()),
                _ => {}
            }
        }
        Ok(have)
    }
}

/// Brings a database to the whole schema.
///
/// # Errors
/// The database cannot be reached, refuses a statement, or holds a newer schema.
pub(crate) fn apply(sh: &Shell, database: &Database<'_>, schema: &Schema, overwrite: bool) -> Result<Outcome> {
    if !database.is_local() {
        write_certificates(sh, database.settings)?;
    }
    if overwrite {
        send_retrying(sh, database, &drops(schema))?;
    }
    let have = database.catalogue(sh)?;
    let plan = plan(schema, &have).map_err(anyhow::Error::msg)?;
    if plan.outcome == Outcome::AlreadyThere {
        return Ok(plan.outcome);
    }
    let statements: String = plan.statements.iter().map(|it| format!("{};\n", it.sql)).collect();
    let first = have.version.is_none();
    if database.is_local() {
        database.send(sh, &(statements + &records(&plan.record, first)))?;
    } else {
        send_retrying(sh, database, &statements)?;
        wait_for_indexes(sh, database, schema)?;
        send_retrying(sh, database, &records(&plan.record, first))?;
    }
    Ok(plan.outcome)
}

/// The records of newly applied versions, in the form of Temporal's tool.
fn records(versions: &[(String, &Manifest)], first: bool) -> String {
    let mut out = String::new();
    let Some((_, newest)) = versions.last() else { return out };
    VERSION_TABLES.iter().for_each(|it| _ = writeln!(out, "{it};"));
    // Each row's time is a part of its key, so the rows of one run lie a microsecond apart.
    let history = |out: &mut String, i: usize, old: &str, new: &str, md5: &str, description: &str| {
        let at = format!("(now() AT TIME ZONE 'UTC') + interval '{i} microseconds'");
        let [old, new, md5, description] = [old, new, md5, description].map(literal);
        _ = writeln!(
            out,
            "INSERT INTO schema_update_history(version_partition, year, month, update_time, old_version, new_version, manifest_md5, description) \
             VALUES (0, extract(year FROM {at})::int, extract(month FROM {at})::int, {at}, {old}, {new}, {md5}, {description});"
        );
    };
    if first {
        history(&mut out, 0, "0", "0.0", "", "initial version");
    }
    for (i, (before, it)) in versions.iter().enumerate() {
        history(&mut out, i + 1, before, &it.version, &it.md5, &it.description);
    }
    let [version, compatible] = [&newest.version, &newest.min_compatible].map(|it| literal(it));
    _ = writeln!(
        out,
        "INSERT INTO schema_version(version_partition, db_name, creation_time, curr_version, min_compatible_version) \
         VALUES (0, 'postgres', now() AT TIME ZONE 'UTC', {version}, {compatible}) ON CONFLICT (version_partition, db_name) DO UPDATE \
         SET creation_time = excluded.creation_time, curr_version = excluded.curr_version, min_compatible_version = excluded.min_compatible_version;"
    );
    out
}

/// Drops the schema's own tables, with their indexes, and no others.
fn drops(schema: &Schema) -> String {
    let is_table = |sql: &str| sql.split_whitespace().nth(1).is_some_and(|it| it.eq_ignore_ascii_case("TABLE"));
    let tables = objects(schema).filter(|(_, it)| is_table(&it.sql)).map(|(name, _)| name);
    let versioned = schema.versions.iter().any(|it| it.manifest.is_some());
    let own = ["schema_version", "schema_update_history"].iter().filter(|_| versioned).map(|it| (*it).to_owned());
    tables.chain(own).map(|it| format!("DROP TABLE IF EXISTS \"{}\";\n", it.replace('"', "\"\""))).collect()
}

/// Sends statements that can be repeated, again and again while Aurora DSQL answers that another transaction was faster.
fn send_retrying(sh: &Shell, database: &Database<'_>, script: &str) -> Result<()> {
    // Each time is a container and a token: not for a schema without versions, of which nothing is recorded.
    if script.is_empty() {
        return Ok(());
    }
    for attempt in 1.. {
        match database.send(sh, script) {
            Err(e) if attempt < CONFLICT_TRIES && is_conflict(&e.to_string()) => {
                thread::sleep(Duration::from_millis(200 * u64::from(attempt)));
            }
            result => return result.map(|_| ()),
        }
    }
    unreachable!("the last attempt returns")
}

fn is_conflict(complaint: &str) -> bool {
    ["OC000", "OC001", "40001"].iter().any(|it| complaint.contains(it))
}

/// Aurora DSQL builds indexes after the statement has returned.
fn wait_for_indexes(sh: &Shell, database: &Database<'_>, schema: &Schema) -> Result<()> {
    let mut shown = String::new();
    loop {
        let jobs = database.send(sh, "SELECT count(*) FROM sys.jobs WHERE status IN ('submitted', 'processing');\n")?;
        if jobs.trim() == "0" {
            break;
        }
        if shown != jobs {
            term::say(&format!("    {} index builds under way", jobs.trim()));
            shown = jobs;
        }
        if Instant::now() >= database.deadline {
            bail!("index builds are still under way at the deadline; `cargo xtask schema` waits for them again");
        }
        thread::sleep(Duration::from_secs(2));
    }
    let have = database.catalogue(sh)?;
    let missing: Vec<String> = objects(schema).map(|(name, _)| name).filter(|it| !have.objects.contains(it)).collect();
    if !missing.is_empty() {
        bail!("these were not built: {}\n`SELECT * FROM sys.jobs` on the cluster says why", missing.join(", "));
    }
    Ok(())
}

/// The Temporal image has certificates to trust; the PostgreSQL image has none.
fn write_certificates(sh: &Shell, settings: &Settings) -> Result<()> {
    let image = settings.get("TEMPORAL_IMAGE");
    let certificates = process::read_within(
        &mut cmd!(sh, "docker run --rm {image} cat /etc/ssl/certs/ca-certificates.crt").into(),
        ANSWER,
    )
    .with_context(|| format!("cannot read the certificates in {image}\n`cargo xtask dev-build temporal` builds it"))?;
    files::replace(&sh.current_dir().join(CA_FILE), &certificates, 0o644)?;
    Ok(())
}

fn literal(text: &str) -> String {
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
