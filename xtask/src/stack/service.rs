//! The services, as the compose files describe them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_yaml::Value;

use crate::{cli::flags::Step, machine::files, settings::dotenv};

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub name: String,
    /// The image, with its variables resolved.
    pub image: String,
    /// The variable that names the image; empty where none does.
    pub image_variable: String,
    /// Whether the files say which platform it is for.
    pub has_platform: bool,
    /// How much it may take, as the compose file writes it.
    pub memory: Option<String>,
    /// Its limit of processors, in thousandths.
    pub millicores: Option<u32>,
    /// Done once it has exited with 0.
    pub one_shot: bool,
    pub ports: Vec<Port>,
    /// What it mounts from the repository, from the workspace root.
    pub mounts: Vec<PathBuf>,
    /// Folders among those, of which it notices by itself what changes.
    pub rereads: Vec<PathBuf>,
    /// The module that it runs of the Copilot's packages, where `dev-watch` can have it run from there.
    pub live: Option<String>,
    /// What it mounts from elsewhere on the engine's machine.
    pub binds: Vec<String>,
    /// The user and the group that it runs as, where the compose file names both by number.
    pub user: Option<(u32, u32)>,
    pub has_health_check: bool,
    /// A container port and a path that answer 200 once the service is ready; asked on the host.
    pub ready: Option<(u16, String)>,
    pub depends_on: Vec<String>,
    /// What of that need not be ready, once it has been started.
    pub only_started: Vec<String>,
    /// The names beside its own by which the other services reach it.
    pub aliases: Vec<String>,
    /// The step of `cargo xtask schema` without which it does not become ready.
    pub schema: Option<Step>,
    pub url: Option<Url>,
    /// The namespace that is registered in it once it serves.
    pub namespace: Option<String>,
}

/// `x-url` of a service: a row of the table that ends `dev-up`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub title: String,
    /// In the container.
    pub port: u16,
    /// `None` where it does not speak HTTP.
    pub path: Option<String>,
    /// May refer to variables.
    pub note: String,
}

/// A published port, on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// On the host, with the offset.
    pub host: u16,
    pub container: u16,
}

/// How the name of every image that is made from this repository begins.
const STAND_IN: &str = "standin/";

impl Service {
    /// Whether it starts only once this other service is ready.
    pub(crate) fn waits_for(&self, other: &str) -> bool {
        let is = |it: &String| it == other;
        self.depends_on.iter().any(is) && !self.only_started.iter().any(is)
    }

    /// Adds what a further file says that it depends on; of the same dependency that file has the last word.
    pub(super) fn depend_on(&mut self, node: &Value) {
        let more = depends_on(node);
        self.only_started.retain(|it| !more.contains(it));
        self.only_started.extend(only_started(node));
        self.depends_on.extend(more);
    }

    /// Puts the image that is made from this repository in the place of its own.
    pub(super) fn stand_in(&mut self) {
        let name = self.image.rsplit('/').next().unwrap_or_default();
        self.image = format!("{STAND_IN}{name}");
    }

    /// Whether its image only stands in for the real one.
    pub(crate) fn is_stand_in(&self) -> bool {
        self.image.starts_with(STAND_IN)
    }

    /// Whether it is a Temporal server: it runs the image of one, and goes on running.
    pub(crate) fn is_server(&self) -> bool {
        self.image_variable == "TEMPORAL_IMAGE" && !self.one_shot
    }
}

pub(super) fn read_services(root: &Path, file: &str) -> Result<Vec<(String, Value)>> {
    Ok(services(&read(root, file)?))
}

pub(super) fn services(document: &Value) -> Vec<(String, Value)> {
    let services = document.get("services").and_then(Value::as_mapping).into_iter().flatten();
    services.map(|(name, node)| (name.as_str().unwrap_or_default().to_owned(), node.clone())).collect()
}

/// What `x-where` of a compose file adds to services under these settings.
pub(super) fn added(
    document: &Value,
    file: &str,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Added>> {
    let lookup = |it: &str| environment.get(it).cloned();
    let text = |it: &Value, key: &str| dotenv::expand(it.get(key)?.as_str()?, &lookup).ok();
    let mut added = BTreeMap::<String, Added>::new();
    for it in document.get("x-where").and_then(Value::as_sequence).into_iter().flatten() {
        let wrong = || format!("{file}: x-where needs `when`, `service` and `add`");
        let (when, service) = text(it, "when").zip(text(it, "service")).with_context(wrong)?;
        let add = it.get("add").and_then(|it| serde_json::to_value(it).ok()?.as_object().cloned());
        let add = add.with_context(wrong)?;
        if when == "true" {
            added.entry(service).or_default().extend(add);
        }
    }
    Ok(added)
}

/// Keys of a service, with what they hold.
pub(super) type Added = serde_json::Map<String, serde_json::Value>;

pub(super) fn read(root: &Path, file: &str) -> Result<Value> {
    let text = files::read(&root.join(file))?
        .with_context(|| format!("{file} is missing: `git checkout -- {file}` brings it back"))?;
    let document: Value = serde_yaml::from_str(&text).with_context(|| format!("{file} is not YAML"))?;
    merged(document).with_context(|| format!("{file} has a `<<` that does not name a mapping"))
}

/// A document with every `<<` resolved. One pass takes over what an anchor holds, and with it the anchor's own `<<`.
pub fn merged(mut document: Value) -> Result<Value, serde_yaml::Error> {
    loop {
        let before = document.clone();
        document.apply_merge()?;
        if document == before {
            return Ok(document);
        }
    }
}

pub(super) fn service(
    name: String,
    node: &Value,
    offset: u16,
    environment: &BTreeMap<String, String>,
) -> Result<Service> {
    let lookup = |it: &str| environment.get(it).cloned();
    let text = |it: &str| dotenv::expand(it, &lookup).map_err(anyhow::Error::msg);
    let list = |key: &str| node.get(key).and_then(Value::as_sequence).cloned().unwrap_or_default();
    let ports = list("ports").iter().map(|it| port(it, offset)).collect::<Option<Vec<_>>>();
    let mounts = list("volumes")
        .iter()
        .filter_map(|it| it.get("source")?.as_str())
        .filter(|it| it.starts_with('.'))
        .map(mount)
        .collect();
    let sources = list("volumes");
    let sources = sources.iter().filter_map(|it| it.get("source")?.as_str());
    let binds = sources.filter(|it| it.starts_with(['$', '/'])).map(text).collect::<Result<_>>()?;
    let user = node.get("user").and_then(Value::as_str).map(text).transpose()?.unwrap_or_default();
    let user = user.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    let ready = node.get("x-ready").map(|it| {
        let port = it.get("port").and_then(Value::as_u64).and_then(|it| it.try_into().ok());
        port.zip(it.get("path").and_then(Value::as_str).map(str::to_owned))
    });
    let networks = node.get("networks").and_then(Value::as_mapping).into_iter().flat_map(|it| it.values());
    let alias = |it| Value::get(it, "aliases").and_then(Value::as_sequence);
    let schema = node.get("x-schema").and_then(Value::as_str).map(str::parse).transpose();
    let image = node.get("image").and_then(Value::as_str).with_context(|| format!("{name} has no image"))?;
    Ok(Service {
        url: node
            .get("x-url")
            .map(|it| url(it).with_context(|| format!("{name}: x-url needs a title and a port")))
            .transpose()?,
        namespace: node.get("x-namespace").and_then(Value::as_str).map(str::to_owned),
        image: text(image)?,
        image_variable: image.strip_prefix("${").and_then(|it| it.split(':').next()).unwrap_or_default().to_owned(),
        has_platform: node.get("platform").is_some(),
        memory: node["deploy"]["resources"]["limits"]["memory"].as_str().map(str::to_owned),
        millicores: cpus(&node["deploy"]["resources"]["limits"]["cpus"]),
        one_shot: node.get("restart").and_then(Value::as_str) == Some("no"),
        ports: ports.with_context(|| format!("{name} has a port that is not \"127.0.0.1:HOST:CONTAINER\""))?,
        mounts,
        rereads: list("x-rereads").iter().filter_map(|it| it.as_str()).map(mount).collect(),
        live: node.get("x-live").and_then(Value::as_str).map(str::to_owned),
        binds,
        user,
        has_health_check: node.get("healthcheck").is_some(),
        ready: ready.map(|it| it.with_context(|| format!("{name}: x-ready needs a port and a path"))).transpose()?,
        depends_on: depends_on(node),
        only_started: only_started(node),
        aliases: networks.filter_map(alias).flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        schema: schema.map_err(|it| anyhow::anyhow!("{name}: x-schema: {it}"))?,
        name,
    })
}

/// As the compose file writes processors: `"0.5"`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn cpus(node: &Value) -> Option<u32> {
    Some((node.as_str()?.parse::<f64>().ok()? * 1000.0) as u32)
}

/// A service that only the developer's own file has: started and waited for, and otherwise Compose's matter.
pub(super) fn personal(name: String, node: &Value, project: &str) -> Service {
    let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
    Service {
        image: text("image").unwrap_or_else(|| format!("{project}-{name}")),
        image_variable: String::new(),
        url: None,
        namespace: None,
        one_shot: text("restart").as_deref() == Some("no"),
        ports: Vec::new(),
        mounts: Vec::new(),
        rereads: Vec::new(),
        live: None,
        binds: Vec::new(),
        user: None,
        // Whatever it is, it is the developer's choice.
        has_platform: true,
        memory: None,
        millicores: None,
        has_health_check: node.get("healthcheck").is_some(),
        ready: None,
        depends_on: depends_on(node),
        only_started: only_started(node),
        aliases: Vec::new(),
        schema: None,
        name,
    }
}

fn url(node: &Value) -> Option<Url> {
    let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
    let port = node.get("port")?.as_u64()?.try_into().ok()?;
    Some(Url { title: text("title")?, port, path: text("path"), note: text("note").unwrap_or_default() })
}

fn depends_on(node: &Value) -> Vec<String> {
    let on = node.get("depends_on");
    let mapping = on.and_then(Value::as_mapping).into_iter().flat_map(|it| it.keys());
    let list = on.and_then(Value::as_sequence).into_iter().flatten();
    mapping.chain(list).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The short form means the same as `service_started`.
fn only_started(node: &Value) -> Vec<String> {
    let on = &node["depends_on"];
    let condition = |name: &str| on[name]["condition"].as_str().unwrap_or("service_started");
    depends_on(node).into_iter().filter(|it| condition(it) == "service_started").collect()
}

/// An item of `ports`; `None` where it is not on 127.0.0.1, or of another form.
pub fn port(node: &Value, offset: u16) -> Option<Port> {
    let (host, container) = node.as_str()?.strip_prefix("127.0.0.1:")?.split_once(':')?;
    Some(Port { host: host.parse::<u16>().ok()?.checked_add(offset)?, container: container.parse().ok()? })
}

/// A path of a compose file, which is relative to `dev/`, from the workspace root.
pub fn mount(source: &str) -> PathBuf {
    match source.strip_prefix("../") {
        Some(rest) => PathBuf::from(rest),
        None => Path::new("dev").join(source.trim_start_matches("./")),
    }
}
