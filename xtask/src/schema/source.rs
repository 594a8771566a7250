//! The schemas as the checkouts hold them.

use std::{cmp::Ordering, fs, path::Path};

use anyhow::{Context, Result, bail};

use super::dialect::{Dialect, Source, Statement, translate};
use crate::machine::files;

/// A schema, oldest version first. The Copilot's has one version without a number.
#[derive(Debug)]
pub(crate) struct Schema {
    pub versions: Vec<Version>,
}

/// The statements that lead from the version before to this one.
#[derive(Debug)]
pub(crate) struct Version {
    /// What is recorded once it is applied; `None` where nothing is.
    pub manifest: Option<Manifest>,
    pub statements: Vec<Statement>,
}

/// A version's `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub version: String,
    pub min_compatible: String,
    pub description: String,
    /// Of the file, in hexadecimal, as Temporal's tool records it.
    pub md5: String,
}

impl Schema {
    /// All of it, to tell one schema from another.
    pub(crate) fn text(&self) -> String {
        self.versions.iter().flat_map(|it| &it.statements).map(|it| format!("{};", it.sql)).collect()
    }

    /// How much there is of it.
    pub(crate) fn summary(&self) -> String {
        let statements: usize = self.versions.iter().map(|it| it.statements.len()).sum();
        let newest = self.versions.last().and_then(|it| it.manifest.as_ref());
        let version = newest.map_or(String::new(), |it| format!(" up to version {}", it.version));
        format!("{statements} statements{version}")
    }
}

/// Temporal's schema, from `schema/dsql/temporal/versioned/` of the checkout.
///
/// # Errors
/// A manifest or a file is missing or cannot be read, or a statement cannot be repeated.
pub(crate) fn temporal(checkout: &Path, dialect: Dialect) -> Result<Schema> {
    let folder = checkout.join("schema/dsql/temporal/versioned");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut versions = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("manifest.json").is_file() {
            versions.push(version(&path, dialect)?);
        }
    }
    let number = |it: &Version| it.manifest.as_ref().map(|it| it.version.clone()).unwrap_or_default();
    versions.sort_by(|a, b| compare(&number(a), &number(b)));
    if versions.is_empty() {
        bail!("{} holds no folder with a manifest.json", folder.display());
    }
    Ok(Schema { versions })
}

/// The Copilot's schema, from its checkout.
///
/// # Errors
/// As [`temporal`].
pub(crate) fn copilot(checkout: &Path, dialect: Dialect) -> Result<Schema> {
    let statements = read(&checkout.join("packages/copilot/src/copilot/db/schema.sql"), dialect)?;
    Ok(Schema { versions: vec![Version { manifest: None, statements }] })
}

/// Compares versions such as `1.10` and `v1.9` by their numbers.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let numbers =
        |it: &str| -> Vec<u64> { it.trim_start_matches('v').split('.').map(|it| it.parse().unwrap_or(0)).collect() };
    let (a, b) = (numbers(a), numbers(b));
    let padded = |it: &[u64], i: usize| it.get(i).copied().unwrap_or(0);
    (0..a.len().max(b.len()))
        .map(|i| padded(&a, i).cmp(&padded(&b, i)))
        .find(|it| it.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn version(folder: &Path, dialect: Dialect) -> Result<Version> {
    let path = folder.join("manifest.json");
    let text = files::read(&path)?.with_context(|| format!("{} is missing", path.display()))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let field = |name: &str| {
        json[name].as_str().map(str::to_owned).with_context(|| format!("{} has no {name}", path.display()))
    };
    let manifest = Manifest {
        version: field("CurrVersion")?,
        min_compatible: field("MinCompatibleVersion")?,
        description: field("Description")?,
        md5: format!("{:x}", md5::compute(&text)),
    };
    let names = json["SchemaUpdateCqlFiles"]
        .as_array()
        .with_context(|| format!("{} has no SchemaUpdateCqlFiles", path.display()))?;
    let mut statements = Vec::new();
    for name in names {
        let name = name.as_str().with_context(|| format!("{}: a file's name is no text", path.display()))?;
        statements.extend(read(&folder.join(name), dialect)?);
    }
    Ok(Version { manifest: Some(manifest), statements })
}

fn read(path: &Path, dialect: Dialect) -> Result<Vec<Statement>> {
    let sql = files::read(path)?.with_context(|| format!("{} is missing", path.display()))?;
    let source = Source { name: path.display().to_string(), sql };
    translate(dialect, &source).map_err(|all| {
        let list: Vec<String> = all.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("nothing was sent, because this cannot be repeated:\n{}", list.join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::Shell;

    #[test]
    fn versions_are_ordered_by_number_and_not_by_letter() {
        assert_eq!(compare("1.10", "1.9"), Ordering::Greater);
        assert_eq!(compare("v1.1", "1.1.0"), Ordering::Equal);
        assert_eq!(compare("0", "1.0"), Ordering::Less);
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
