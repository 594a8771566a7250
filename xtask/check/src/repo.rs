//! The files that are compared, read and parsed once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use walkdir::WalkDir;
use xtask::machine::files;
use xtask::machine::finding::{At, Finding, finding};
use xtask::machine::yaml::{self, Yaml};

pub(crate) const BASE: &str = "dev/docker-compose.yml";
pub(crate) const LOCAL: &str = "dev/docker-compose.local.yml";
pub(crate) const TEMPLATE: &str = xtask::settings::template::TEMPLATE;
pub(crate) const EXAMPLE: &str = "dev/.env.example";
pub(crate) const DYNAMIC: &str = "dev/dynamicconfig/development-dsql.yaml";
pub(crate) const MIMIR: &str = "dev/config/mimir.yaml";
pub(crate) const LOKI: &str = "dev/config/loki.yaml";
pub(crate) const ALLOY: &str = "dev/config/alloy.alloy";
pub(crate) const SOURCES: &str = "dev/config/grafana-datasources.yaml";
pub(crate) const GUIDE: &str = "dev/README.md";
pub(crate) const PICTURES: &str = "dev/pictures/drawn-from";
pub(crate) const JUSTFILE: &str = "Justfile";

/// What there has to be; [`Repo::get`] finds it.
#[rustfmt::skip]
const FILES: &[&str] = &[
    BASE, LOCAL, TEMPLATE, EXAMPLE, DYNAMIC, MIMIR, LOKI, ALLOY, SOURCES, GUIDE, JUSTFILE, PICTURES,
    "README.md", "AGENTS.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run",
];
/// What there is beside: dashboards, and all that names commands.
const FOLDERS: &[(&str, &[&str])] = &[
    ("grafana", &["json"]),
    ("dev", &["yml", "yaml", "alloy", "sh", "py", "example", "Dockerfile"]),
    ("terraform/dev", &["tf"]),
    ("xtask/src", &["rs"]),
    ("xtask/check/src", &["rs"]),
];
/// Where the server registers its settings.
const SETTINGS: &[&str] = &["common/dynamicconfig", "chasm/lib", "components"];

/// The whole of what is compared.
pub(crate) struct Repo {
    pub(crate) root: PathBuf,
    pub(crate) all: Vec<Document>,
    /// The texts in which the server registers its settings; none where there is no checkout of it.
    pub(crate) settings: Vec<String>,
}

/// A file with what it was parsed to.
pub(crate) struct Document {
    /// From the workspace root.
    pub(crate) file: String,
    pub(crate) text: String,
    /// Null where it is no YAML.
    pub(crate) value: Yaml,
    /// Null where it is no JSON.
    pub(crate) json: Value,
}

/// A service of one of the compose files.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) file: &'a Document,
    pub(crate) name: &'a str,
    pub(crate) node: &'a Yaml,
}

impl Repo {
    /// Reads everything.
    pub(crate) fn read(root: &Path, server: &Path) -> Result<Repo, Vec<Finding>> {
        let mut names: Vec<String> = FOLDERS.iter().flat_map(|(folder, ends)| walk(root, folder, ends)).collect();
        names.extend(FILES.iter().map(|it| (*it).to_owned()));
        names.sort();
        names.dedup();
        let (mut all, mut unreadable) = (Vec::new(), Vec::new());
        for name in names {
            match Document::read(root, name) {
                Ok(it) => all.push(it),
                Err(it) => unreadable.push(it),
            }
        }
        let settings = SETTINGS.iter().flat_map(|it| walk(server, it, &["constants.go", "config.go"]));
        let settings = settings.filter_map(|it| fs::read_to_string(server.join(it)).ok()).collect();
        if unreadable.is_empty() { Ok(Repo { root: root.to_owned(), all, settings }) } else { Err(unreadable) }
    }

    /// One of [`FILES`].
    pub(crate) fn get(&self, file: &str) -> &Document {
        self.all.iter().find(|it| it.file == file).expect("it was read")
    }

    pub(crate) fn ending_in(&self, end: &str) -> impl Iterator<Item = &Document> {
        self.all.iter().filter(move |it| it.file.ends_with(end))
    }

    /// The services of the compose files.
    pub(crate) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        [BASE, LOCAL].into_iter().flat_map(|it| self.get(it).services())
    }

    /// Every service by its name; where the local file adds to one of the base file, that one.
    pub(crate) fn by_name(&self) -> BTreeMap<&str, Service<'_>> {
        let mut all = BTreeMap::new();
        for service in self.services() {
            all.entry(service.name).or_insert(service);
        }
        all
    }

    /// The volumes that the services mount.
    pub(crate) fn named_volumes(&self) -> impl Iterator<Item = String> {
        let all = self.services().flat_map(|it| it.words("volumes"));
        all.filter(|it| !it.starts_with(['.', '/', '~', '$'])).filter_map(|it| Some(it.split_once(':')?.0.to_owned()))
    }
}

impl Document {
    fn read(root: &Path, file: String) -> Result<Document, Finding> {
        let refused = |line, what: String, fix: &str| finding(what, fix).at(At::File(file.clone(), line));
        let back = format!("`git checkout -- {file}` brings it back");
        let text = files::read(&root.join(&file))
            .map_err(|e| refused(None, format!("{e:#}"), "make it a readable file of UTF-8 text"))?
            .ok_or_else(|| refused(None, "it is missing".to_owned(), &back))?;
        let (mut value, mut json) = (Yaml::Null, Value::Null);
        match file.rsplit_once('.').map(|it| it.1) {
            Some("yml" | "yaml") => value = yaml::read(&file, &text)?,
            Some("json") => {
                json = serde_json::from_str(&text)
                    .map_err(|e| refused(Some(e.line()), format!("it is not JSON: {e}"), "mend its syntax"))?;
            }
            _ => {}
        }
        Ok(Document { file, text, value, json })
    }

    /// Something wrong in this file.
    pub(crate) fn finding(&self, line: impl Into<Option<usize>>, what: String, fix: impl Into<String>) -> Finding {
        finding(what, fix).at(At::File(self.file.clone(), line.into()))
    }

    /// Something wrong in the first line that holds this text.
    pub(crate) fn at(&self, needle: &str, what: String, fix: impl Into<String>) -> Finding {
        self.finding(self.line_of(needle), what, fix)
    }

    /// The lines with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, it)| (i + 1, it))
    }

    fn line_of(&self, needle: &str) -> Option<usize> {
        self.lines().find(|(_, it)| it.contains(needle)).map(|(line, _)| line)
    }

    /// The services of a compose file.
    pub(crate) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        self.value["services"].pairs().iter().map(|(name, node)| Service { file: self, name, node })
    }
}

impl<'a> Service<'a> {
    /// Something wrong in the line of this service that holds a text. What a service takes from an anchor stands there
    /// instead, and what is nowhere is told of the service's own line.
    pub(crate) fn finding(&self, needle: &str, what: String, fix: impl Into<String>) -> Finding {
        let head = format!("  {}:", self.name);
        let mut lines = self.file.lines().skip_while(|(_, it)| !it.starts_with(&head)).peekable();
        let first = lines.peek().map(|it| it.0);
        let within = |it: &(usize, &str)| Some(it.0) == first || it.1.trim().is_empty() || it.1.starts_with("   ");
        let own = lines.take_while(within).find(|it| it.1.contains(needle)).map(|it| it.0);
        self.file.finding(own.or_else(|| self.file.line_of(needle)).or(first), what, fix)
    }

    /// A text of this service; empty where there is none.
    pub(crate) fn str(&self, key: &str) -> &'a str {
        self.node[key].as_str().unwrap_or_default()
    }

    /// The words of a list.
    pub(crate) fn words(&self, key: &str) -> Vec<String> {
        texts(&self.node[key])
    }

    /// Whether it runs Temporal.
    pub(crate) fn is_server(&self) -> bool {
        self.node["command"].items().first().and_then(Yaml::as_str) == Some("temporal-server")
    }
}

/// The items of a list that are texts or numbers, as texts.
pub(crate) fn texts(node: &Yaml) -> Vec<String> {
    node.items().iter().filter_map(|it| it.text().map(str::to_owned)).collect()
}

/// The files of a folder with these endings, from the root, but for what is generated.
fn walk(root: &Path, folder: &str, ends: &[&str]) -> Vec<String> {
    let generated = |name: &str| matches!(name, ".rendered" | ".terraform" | "__pycache__");
    WalkDir::new(root.join(folder))
        .into_iter()
        .filter_entry(|it| !generated(&it.file_name().to_string_lossy()))
        .flatten()
        .filter(|it| it.file_type().is_file())
        .filter_map(|it| Some(it.path().strip_prefix(root).ok()?.to_str()?.to_owned()))
        .filter(|it| ends.iter().any(|end| it.ends_with(end)))
        .collect()
}
