//! The schemas as the checkouts hold them.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::dialect::{Dialect, Statement, translate};
use super::sql::Fault;
use crate::machine::files;

/// A schema, oldest version first. The Copilot's has one version without a number.
#[derive(Debug)]
pub(super) struct Schema {
    pub versions: Vec<Version>,
}

/// The statements that lead from the version before to this one.
#[derive(Debug)]
pub(super) struct Version {
    /// What is recorded once it is applied; `None` where nothing is.
    pub manifest: Option<Manifest>,
    pub statements: Vec<Statement>,
}

/// A version's `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub version: String,
    pub min_compatible: String,
    pub description: String,
    /// Of the file, in hexadecimal, as Temporal's tool records it.
    pub md5: String,
}

impl Schema {
    pub(super) fn newest(&self) -> Option<&Manifest> {
        self.versions.last().and_then(|it| it.manifest.as_ref())
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.versions.iter().flat_map(|it| &it.statements)
    }

    /// All of it, to tell one schema from another.
    pub(super) fn text(&self) -> String {
        self.statements().map(|it| format!("{};", it.sql)).collect()
    }

    pub(super) fn summary(&self) -> String {
        let version = self.newest().map_or(String::new(), |it| format!(" up to version {}", it.version));
        format!("{} statements{version}", self.statements().count())
    }
}

/// Temporal's schema, from `schema/dsql/temporal/versioned/` of the checkout.
pub(super) fn temporal(checkout: &Path, dialect: Dialect) -> Result<Schema> {
    let folder = checkout.join("schema/dsql/temporal/versioned");
    let mut versions = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let manifest = entry?.path().join("manifest.json");
        if manifest.is_file() {
            versions.push(version(&manifest, dialect)?);
        }
    }
    versions.sort_by_key(|it| it.manifest.as_ref().map(|it| number(&it.version)));
    if versions.is_empty() {
        bail!("{} holds no folder with a manifest.json", folder.display());
    }
    Ok(Schema { versions })
}

pub(super) fn copilot(checkout: &Path, dialect: Dialect) -> Result<Schema> {
    let statements = read(&checkout.join("packages/copilot/src/copilot/db/schema.sql"), dialect)?;
    Ok(Schema { versions: vec![Version { manifest: None, statements }] })
}

/// A version such as `1.10` or `v1.9` as something that can be compared: its numbers, without zeros at the end.
pub(super) fn number(version: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = version.trim_start_matches('v').split('.').map(|it| it.parse().unwrap_or(0)).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

fn version(manifest: &Path, dialect: Dialect) -> Result<Version> {
    let (path, text) = (manifest.display(), read_text(manifest)?);
    let json: Value = serde_json::from_str(&text).with_context(|| format!("{path} is not JSON"))?;
    let field = |name: &str| json[name].as_str().map(str::to_owned).with_context(|| format!("{path} has no {name}"));
    let record = Manifest {
        version: field("CurrVersion")?,
        min_compatible: field("MinCompatibleVersion")?,
        description: field("Description")?,
        md5: format!("{:x}", md5::compute(text.as_bytes())),
    };
    let names = json["SchemaUpdateCqlFiles"].as_array();
    let mut statements = Vec::new();
    for name in names.with_context(|| format!("{path} has no SchemaUpdateCqlFiles"))? {
        let name = name.as_str().with_context(|| format!("{path}: a file's name is no text"))?;
        statements.extend(read(&manifest.with_file_name(name), dialect)?);
    }
    Ok(Version { manifest: Some(record), statements })
}

fn read(path: &Path, dialect: Dialect) -> Result<Vec<Statement>> {
    translate(dialect, &read_text(path)?).map_err(|all| {
        let line = |it: &Fault| format!("{}:{}: {}: {}", path.display(), it.line, it.found, it.remedy);
        let lines: Vec<String> = all.iter().map(line).collect();
        anyhow!("nothing was sent, because this cannot be repeated:\n{}", lines.join("\n"))
    })
}

fn read_text(path: &Path) -> Result<String> {
    files::read(path)?.with_context(|| format!("{} is missing", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::Shell;

    #[test]
    fn versions_are_ordered_by_number_and_not_by_letter() {
        assert!(number("1.10") > number("1.9"));
        assert_eq!(number("v1.1"), number("1.1.0"));
        assert!(number("0") < number("1.0"));
    }

    #[test]
    fn files_are_read_in_the_manifest_s_order_and_versions_in_their_own() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let put = |version: &str, files: &str, names: &[&str]| {
            let at = folder.path().join("schema/dsql/temporal/versioned").join(format!("v{version}"));
            let manifest = format!(
                "{{\"CurrVersion\":\"{version}\",\"MinCompatibleVersion\":\"1.0\",\"Description\":\"d\",\"SchemaUpdateCqlFiles\":{files}}}"
            );
            sh.write_file(at.join("manifest.json"), manifest).unwrap();
            names.iter().for_each(|it| {
                sh.write_file(at.join(it), format!("CREATE TABLE {}(a int);", it.replace('.', "_"))).unwrap();
            });
        };
        sh.write_file(folder.path().join("schema/dsql/temporal/versioned/README.md"), "").unwrap();
        put("1.10", r#"["x.sql"]"#, &["x.sql"]);
        put("1.9", r#"["b.sql","a.sql"]"#, &["a.sql", "b.sql"]);
        let schema = temporal(folder.path(), Dialect::Postgres).unwrap();
        let sql: Vec<&str> = schema.versions.iter().flat_map(|it| &it.statements).map(|it| it.sql.as_str()).collect();
        let expected = ["b_sql", "a_sql", "x_sql"].map(|it| format!("CREATE TABLE IF NOT EXISTS {it}(a int)"));
        assert_eq!(sql, expected);
        assert_eq!(schema.summary(), "3 statements up to version 1.10");
    }

    #[test]
    fn what_cannot_be_repeated_is_named_with_its_file_and_line() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let path = "packages/copilot/src/copilot/db/schema.sql";
        sh.write_file(folder.path().join(path), "CREATE TABLE a(b int);\nALTER TABLE a ADD c int;\n").unwrap();
        let error = format!("{:#}", copilot(folder.path(), Dialect::Dsql).unwrap_err());
        assert!(error.contains("schema.sql:2"), "{error}");
    }
}
