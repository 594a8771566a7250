//! The files that are compared, read and parsed once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use serde_yaml::Value as Yaml;
use walkdir::WalkDir;

use crate::Finding;
use xtask::{machine::files, settings::template, stack::merged};

/// A file with what it was parsed to.
pub(crate) struct Document<V> {
    /// From the workspace root.
    pub file: String,
    pub text: String,
    pub value: V,
}

/// The whole of what is compared.
pub(crate) struct Repo {
    pub root: PathBuf,
    pub base: Document<Yaml>,
    pub local: Document<Yaml>,
    pub amd64: Document<Yaml>,
    pub template: Document<Yaml>,
    pub mimir: Document<Yaml>,
    pub loki: Document<Yaml>,
    pub sources: Document<Yaml>,
    pub providers: Document<Yaml>,
    pub dynamic: Document<Yaml>,
    pub alloy: Document<()>,
    pub example: Document<()>,
    pub metrics: Document<()>,
    pub dashboards: Vec<Document<Json>>,
    /// What people read, in Markdown; those that are there.
    pub docs: Vec<Document<()>>,
    pub justfile: Option<Document<()>>,
    /// What else names commands: scripts, configurations, and xtask's own messages.
    pub sources_of_text: Vec<Document<()>>,
}

/// Where [`Repo`] finds the dashboards, a folder for each group of them.
pub(crate) const DASHBOARDS: &str = "grafana";
/// The dynamic configuration of both clusters.
pub(crate) const DYNAMIC: &str = "dev/dynamicconfig/development-dsql.yaml";
const DOCS: &[&str] = &["README.md", "dev/README.md", "AGENTS.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const TEXTS: &[(&str, &[&str])] = &[
    ("dev", &["yml", "yaml", "alloy", "sh", "py", "example", "Dockerfile"]),
    ("terraform/dev", &["tf"]),
    ("xtask/src", &["rs"]),
];

impl Repo {
    /// Reads everything.
    ///
    /// # Errors
    /// Each file that is missing or cannot be parsed.
    pub(crate) fn read(root: &Path) -> Result<Repo, Vec<Finding>> {
        let mut reader = Reader { root, findings: Vec::new() };
        let repo = Repo {
            root: root.to_owned(),
            base: reader.yaml("dev/docker-compose.yml"),
            local: reader.yaml("dev/docker-compose.local.yml"),
            amd64: reader.yaml("dev/docker-compose.amd64.yml"),
            template: reader.yaml(template::TEMPLATE),
            mimir: reader.yaml("dev/config/mimir.yaml"),
            loki: reader.yaml("dev/config/loki.yaml"),
            sources: reader.yaml("dev/config/grafana-datasources.yaml"),
            providers: reader.yaml("dev/config/grafana-dashboards.yaml"),
            dynamic: reader.yaml(DYNAMIC),
            alloy: reader.text("dev/config/alloy.alloy"),
            example: reader.text("dev/.env.example"),
            metrics: reader.text("grafana/metrics.tsv"),
            dashboards: reader.dashboards(),
            docs: DOCS.iter().filter_map(|it| reader.optional(it)).collect(),
            justfile: reader.optional("Justfile"),
            sources_of_text: reader.texts(),
        };
        if reader.findings.is_empty() { Ok(repo) } else { Err(reader.findings) }
    }

    /// The compose files that declare services, with all their services.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&Document<Yaml>, &str, &Yaml)> {
        [&self.base, &self.local]
            .into_iter()
            .flat_map(|file| file.services().map(move |(name, node)| (file, name, node)))
    }

    /// Every service by its name; where the local file adds to one of the base file, that one.
    pub(crate) fn by_name(&self) -> BTreeMap<&str, &Yaml> {
        let mut all = BTreeMap::new();
        for (_, name, node) in self.services() {
            all.entry(name).or_insert(node);
        }
        all
    }
}

impl<V> Document<V> {
    /// Something wrong in this file.
    pub(crate) fn finding(&self, line: Option<usize>, text: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { file: self.file.clone(), line, text: text.into(), remedy: remedy.into() }
    }

    /// The first line that holds this text.
    pub(crate) fn line_of(&self, needle: &str) -> Option<usize> {
        self.text.lines().position(|it| it.contains(needle)).map(|it| it + 1)
    }
}

impl Document<Yaml> {
    /// The services of a compose file.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Yaml)> {
        let mapping = self.value.get("services").and_then(Yaml::as_mapping);
        mapping.into_iter().flatten().filter_map(|(name, node)| Some((name.as_str()?, node)))
    }

    /// The line of a service that holds this text. What a service takes from an anchor stands there instead, and what
    /// is nowhere is told of the service's own line.
    pub(crate) fn line_in(&self, service: &str, needle: &str) -> Option<usize> {
        let lines: Vec<&str> = self.text.lines().collect();
        let head = format!("  {service}:");
        let start = lines.iter().position(|it| it.strip_prefix(&head).is_some_and(|it| !it.starts_with('/')));
        let Some(start) = start.filter(|_| !needle.is_empty()) else { return start.map(|it| it + 1) };
        let ends = |it: &&str| !it.trim().is_empty() && !it.starts_with("   ");
        let end = lines[start + 1..].iter().position(ends).map_or(lines.len(), |it| start + 1 + it);
        let own = lines[start..end].iter().position(|it| it.contains(needle)).map(|it| start + it + 1);
        own.or_else(|| self.line_of(needle)).or(Some(start + 1))
    }
}

/// The items of a list of texts; a number in it as its text.
pub(crate) fn texts(node: &Yaml, key: &str) -> Vec<String> {
    node.get(key).and_then(Yaml::as_sequence).into_iter().flatten().filter_map(text).collect()
}

/// A scalar as text.
pub(crate) fn text(node: &Yaml) -> Option<String> {
    match node {
        Yaml::String(it) => Some(it.clone()),
        Yaml::Number(it) => Some(it.to_string()),
        Yaml::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}

/// Every scalar of a document, and every key.
pub(crate) fn scalars(node: &Yaml, out: &mut Vec<String>) {
    match node {
        Yaml::Mapping(pairs) => pairs.iter().for_each(|(key, value)| {
            out.extend(text(key));
            scalars(value, out);
        }),
        Yaml::Sequence(items) => items.iter().for_each(|it| scalars(it, out)),
        scalar => out.extend(text(scalar)),
    }
}

struct Reader<'a> {
    root: &'a Path,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn refuse(&mut self, file: &str, line: Option<usize>, text: String, remedy: String) {
        self.findings.push(Finding { file: file.to_owned(), line, text, remedy });
    }

    fn optional(&mut self, file: &str) -> Option<Document<()>> {
        match files::read(&self.root.join(file)) {
            Ok(text) => text.map(|text| Document { file: file.to_owned(), text, value: () }),
            Err(e) => {
                self.refuse(file, None, format!("{e:#}"), "make it a readable file of UTF-8 text".to_owned());
                None
            }
        }
    }

    fn text(&mut self, file: &str) -> Document<()> {
        let before = self.findings.len();
        self.optional(file).unwrap_or_else(|| {
            if self.findings.len() == before {
                self.refuse(file, None, "it is missing".to_owned(), format!("`git checkout -- {file}` brings it back"));
            }
            Document { file: file.to_owned(), text: String::new(), value: () }
        })
    }

    fn yaml(&mut self, file: &str) -> Document<Yaml> {
        let Document { file, text, .. } = self.text(file);
        let mut value = Yaml::Null;
        if !text.is_empty() {
            match serde_yaml::from_str(&text).and_then(merged) {
                Ok(it) => value = it,
                Err(e) => {
                    let line = e.location().map(|it| it.line());
                    self.refuse(&file, line, format!("it is not YAML: {e}"), "mend its syntax".to_owned());
                }
            }
        }
        Document { file, text, value }
    }

    fn dashboards(&mut self) -> Vec<Document<Json>> {
        let mut all = Vec::new();
        for file in self.walk(DASHBOARDS, &["json"]) {
            let Document { file, text, .. } = self.text(&file);
            match serde_json::from_str(&text) {
                Ok(value) => all.push(Document { file, text, value }),
                Err(e) => self.refuse(
                    &file,
                    Some(e.line()).filter(|it| *it > 0),
                    format!("it is not JSON: {e}"),
                    "export it from Grafana again, or mend its syntax".to_owned(),
                ),
            }
        }
        all
    }

    fn texts(&mut self) -> Vec<Document<()>> {
        let mut files: Vec<String> = TEXTS.iter().flat_map(|(folder, ends)| self.walk(folder, ends)).collect();
        files.push(".ci/run".to_owned());
        files.iter().filter_map(|it| self.optional(it)).collect()
    }

    /// The files of a folder with these endings, but for what is generated.
    fn walk(&self, folder: &str, ends: &[&str]) -> Vec<String> {
        let generated = |name: &str| matches!(name, ".rendered" | ".terraform" | "__pycache__");
        WalkDir::new(self.root.join(folder))
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|it| !generated(&it.file_name().to_string_lossy()))
            .flatten()
            .filter(|it| it.file_type().is_file())
            .filter_map(|it| Some(it.path().strip_prefix(self.root).ok()?.to_str()?.to_owned()))
            .filter(|it| ends.iter().any(|end| it.ends_with(end)))
            .collect()
    }
}
