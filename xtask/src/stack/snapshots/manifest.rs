//! What a snapshot says about itself, and what the stack at hand would say.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::machine::json;
use crate::machine::time;
use crate::stack::mode::Mode;
use crate::stack::snapshots::volumes::DataVolume;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// As [`time::text`] has it.
    pub created: String,
    /// The flags of `dev-up`.
    pub mode: String,
    pub architecture: String,
    /// The archive's length.
    pub bytes: u64,
    /// For each volume the program that wrote it, and its major version: `postgres 17`.
    pub volumes: BTreeMap<String, String>,
    /// By the step of its schema.
    pub databases: Vec<(String, Database)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Database {
    /// `None` where none was applied.
    pub schema: Option<String>,
    /// `None` before the cluster's first start.
    pub shards: Option<u64>,
}

impl Manifest {
    /// What the stack at hand says; of an archive and of databases nothing yet.
    pub(crate) fn of(mode: Mode, architecture: &str, volumes: &[DataVolume]) -> Manifest {
        Manifest {
            created: time::text(SystemTime::now()),
            mode: if mode.stand_ins { "--local --stand-ins" } else { "--local" }.to_owned(),
            architecture: architecture.to_owned(),
            bytes: 0,
            volumes: few::map(volumes.iter().map(|it| (it.key.clone(), series(&it.image)))),
            databases: Vec::new(),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Manifest> {
        let node: Value = serde_json::from_str(text).ok().filter(|it: &Value| it["manifestVersion"] == 1)?;
        let word = |it: &Value| it.as_str().map(str::to_owned);
        let mut databases = Vec::new();
        for (step, it) in node["databases"].as_object()? {
            let database = Database { schema: word(&it["schema"]), shards: it["shards"].as_u64() };
            databases.push((step.clone(), database));
        }
        Some(Manifest {
            created: word(&node["created"])?,
            mode: word(&node["mode"])?,
            architecture: word(&node["architecture"])?,
            bytes: node["bytes"].as_u64()?,
            volumes: json::texts(&node["volumes"])?,
            databases,
        })
    }

    pub(crate) fn json(&self) -> Value {
        let mut databases = json!({});
        for (step, it) in &self.databases {
            databases[step] = json!({ "schema": it.schema, "shards": it.shards });
        }
        json!({
            "manifestVersion": 1,
            "created": self.created,
            "mode": self.mode,
            "architecture": self.architecture,
            "bytes": self.bytes,
            "volumes": self.volumes,
            "databases": databases,
        })
    }

    pub(super) fn text(&self) -> String {
        format!("{:#}\n", self.json())
    }

    /// When it was saved, and how long that is ago.
    pub(crate) fn age(&self) -> String {
        let date = self.created.get(..16).unwrap_or(&self.created).replace('T', " ");
        let ago = time::parse(&self.created).and_then(|it| SystemTime::now().duration_since(it).ok());
        ago.map_or(format!("{date} UTC"), |it| format!("{date} UTC, {} ago", time::words(it)))
    }

    /// Why it cannot take the place of what this stack has. What is in the databases is not looked at.
    pub(crate) fn misfits(&self, now: &Manifest) -> Vec<Finding> {
        let mut all = Vec::new();
        if self.mode != now.mode {
            let what = format!("it was saved from `dev-up {}`, and this is the stack of `{}`", self.mode, now.mode);
            all.push(finding(what, format!("cargo xtask dev-up {}  # another stack, with data of its own", self.mode)));
        }
        if self.architecture != now.architecture {
            let what = format!("it was saved on {}, and this engine is {}", self.architecture, now.architecture);
            all.push(finding(what, ""));
        }
        for (volume, wrote) in &self.volumes {
            match now.volumes.get(volume) {
                None => all.push(finding(format!("it holds the volume {volume}, which this stack does not have"), "")),
                Some(it) if it != wrote => {
                    all.push(finding(format!("{volume} was written by {wrote}, and this stack has {it}"), ""));
                }
                Some(_) => {}
            }
        }
        all
    }
}

/// The program of an image, and its major version.
fn series(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let (program, tag) = name.rsplit('/').next().and_then(|it| it.split_once(':')).unwrap_or((name, ""));
    format!("{program} {}", tag.split('.').next().unwrap_or_default()).trim_end().to_owned()
}

/// A number of bytes as people read it.
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
pub(crate) fn size(bytes: u64) -> String {
    let mega = bytes as f64 / 1_048_576.0;
    if mega >= 1024.0 { format!("{:.1} GiB", mega / 1024.0) } else { format!("{mega:.1} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let volume = |key: &str, image: &str| DataVolume {
            key: key.to_owned(),
            name: format!("p_{key}"),
            image: image.to_owned(),
            services: Vec::new(),
        };
        let mode = Mode { local: true, ..Mode::default() };
        let mut it = Manifest::of(mode, "arm64", &[volume("db", "postgres:17.11"), volume("search", "r:5/e:8.19.11")]);
        let (step, schema) = ("temporal-monitored".to_owned(), Some("1.13".to_owned()));
        it.databases.push((step, Database { schema, shards: Some(4) }));
        it
    }

    #[test]
    fn a_manifest_is_read_back_as_it_was_written_and_a_damaged_one_is_none() {
        let it = Manifest { bytes: 5, ..manifest() };
        assert_eq!(Manifest::parse(&it.text()), Some(it.clone()));
        assert!(it.age().ends_with(" ago"), "{}", it.age());
        let newer = it.text().replace("\"manifestVersion\": 1", "\"manifestVersion\": 2");
        for damaged in [String::new(), "{}".to_owned(), newer, it.text().replace("\"bytes\": 5", "\"bytes\": null")] {
            assert_eq!(Manifest::parse(&damaged), None, "{damaged}");
        }
    }

    #[test]
    fn what_fits_has_no_finding_and_each_difference_has_its_own() {
        let now = manifest();
        assert_eq!(now.misfits(&now), []);
        let mut other =
            Manifest { mode: "--local --stand-ins".to_owned(), architecture: "amd64".to_owned(), ..manifest() };
        other.volumes.insert("db".to_owned(), "postgres 16".to_owned());
        other.volumes.insert("more".to_owned(), "it 1".to_owned());
        let found: Vec<String> = other.misfits(&now).into_iter().map(|it| it.what).collect();
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[2].contains("written by postgres 16, and this stack has postgres 17"), "{found:#?}");
        // What it does not hold is emptied.
        other.volumes.clear();
        assert_eq!(other.misfits(&now).len(), 2);
    }

    #[test]
    fn an_image_names_a_program_and_a_major_version() {
        for (image, expected) in [
            ("postgres:17.11", "postgres 17"),
            ("standin/elasticsearch:8.19.11", "elasticsearch 8"),
            ("mirror:5000/grafana/alloy:v1.18.1", "alloy v1"),
            ("postgres:17.11@sha256:0", "postgres 17"),
            ("local", "local"),
        ] {
            assert_eq!(series(image), expected, "{image}");
        }
    }
}
