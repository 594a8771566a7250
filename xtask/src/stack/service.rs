//! The services, as the compose files describe them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::flags::Step;
use crate::machine::files;
use crate::machine::yaml::{self, Yaml};
use crate::settings::dotenv;

#[derive(Clone, Debug, Default)]
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
    /// The same, and ready while it runs: of a developer's own service nobody may say which of the two it is.
    pub may_end: bool,
    /// Behind a profile of Compose's: started only where it is named.
    pub optional: bool,
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
    pub(super) fn depend_on(&mut self, node: &Yaml) {
        let more = depends_on(node);
        self.only_started.retain(|it| !more.contains(it));
        self.only_started.extend(on_condition(node, "service_started"));
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

pub(super) fn read_services(root: &Path, file: &str) -> Result<Vec<(String, Yaml)>> {
    Ok(services(&read(root, file)?))
}

pub(super) fn services(document: &Yaml) -> Vec<(String, Yaml)> {
    document["services"].pairs().to_vec()
}

/// What `x-where` of a compose file adds to services under these settings.
pub(super) fn added(
    document: &Yaml,
    file: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<(String, Added)>> {
    let lookup = |it: &str| environment.get(it).cloned();
    let text = |it: &Yaml, key: &str| dotenv::expand(it.get(key)?.as_str()?, &lookup).ok();
    let mut added = Vec::new();
    for it in document["x-where"].items() {
        let wrong = || anyhow::anyhow!("{file}: x-where needs `when`, `service` and `add`");
        let (when, service) = text(it, "when").zip(text(it, "service")).ok_or_else(wrong)?;
        let Value::Object(add) = json(&it["add"]) else { return Err(wrong()) };
        if when == "true" {
            added.push((service, add));
        }
    }
    Ok(added)
}

/// Keys of a service, with what they hold.
pub(super) type Added = serde_json::Map<String, Value>;

fn json(node: &Yaml) -> Value {
    match node {
        Yaml::Null => Value::Null,
        Yaml::Plain(it) => serde_json::from_str(it).unwrap_or_else(|_| it.clone().into()),
        Yaml::Text(it) => it.clone().into(),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(pairs) => {
            let mut object = Added::new();
            for (key, value) in pairs {
                object.insert(key.clone(), json(value));
            }
            object.into()
        }
    }
}

pub(super) fn read(root: &Path, file: &str) -> Result<Yaml> {
    Ok(yaml::read(file, &files::committed(root, file)?)?)
}

pub(super) fn service(
    name: String,
    node: &Yaml,
    offset: u16,
    environment: &BTreeMap<String, String>,
) -> Result<Service> {
    let lookup = |it: &str| environment.get(it).cloned();
    let text = |it: &str| dotenv::expand(it, &lookup).map_err(anyhow::Error::msg);
    let text_of = |key: &str| node[key].as_str();
    let ports = node["ports"].items().iter().map(|it| port(it, offset)).collect::<Option<Vec<_>>>();
    let sources = || node["volumes"].items().iter().filter_map(|it| it["source"].as_str());
    let binds = sources().filter(|it| it.starts_with(['$', '/'])).map(text).collect::<Result<_>>()?;
    let user = text_of("user").map(text).transpose()?.unwrap_or_default();
    let user = user.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    let ready = node.get("x-ready").map(|it| {
        let port = it["port"].as_u64().and_then(|it| it.try_into().ok());
        port.zip(it["path"].as_str().map(str::to_owned))
    });
    let aliases = node["networks"].pairs().iter().flat_map(|(_, it)| it["aliases"].items());
    let schema = text_of("x-schema").map(str::parse).transpose();
    let image = text_of("image").with_context(|| format!("{name} has no image"))?;
    Ok(Service {
        url: node
            .get("x-url")
            .map(|it| url(it).with_context(|| format!("{name}: x-url needs a title and a port")))
            .transpose()?,
        namespace: text_of("x-namespace").map(str::to_owned),
        image: text(image)?,
        image_variable: image.strip_prefix("${").and_then(|it| it.split(':').next()).unwrap_or_default().to_owned(),
        has_platform: node.get("platform").is_some(),
        memory: node["deploy"]["resources"]["limits"]["memory"].as_str().map(str::to_owned),
        millicores: cpus(&node["deploy"]["resources"]["limits"]["cpus"]),
        one_shot: text_of("restart") == Some("no"),
        ports: ports.with_context(|| format!("{name} has a port that is not \"127.0.0.1:HOST:CONTAINER\""))?,
        mounts: sources().filter(|it| it.starts_with('.')).map(mount).collect(),
        rereads: node["x-rereads"].items().iter().filter_map(Yaml::as_str).map(mount).collect(),
        live: text_of("x-live").map(str::to_owned),
        binds,
        user,
        may_end: false,
        optional: false,
        has_health_check: node.get("healthcheck").is_some(),
        ready: ready.map(|it| it.with_context(|| format!("{name}: x-ready needs a port and a path"))).transpose()?,
        depends_on: depends_on(node),
        only_started: on_condition(node, "service_started"),
        aliases: aliases.filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        schema: schema.map_err(|it| anyhow::anyhow!("{name}: x-schema: {it}"))?,
        name,
    })
}

/// As the compose file writes processors: `"0.5"`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn cpus(node: &Yaml) -> Option<u32> {
    Some((node.as_str()?.parse::<f64>().ok()? * 1000.0) as u32)
}

/// Adds what the developer's own file says of services.
pub(super) fn take_along(services: &mut Vec<Service>, own: Vec<(String, Yaml)>, project: &str) {
    let ends = own.iter().flat_map(|(_, node)| on_condition(node, "service_completed_successfully"));
    let ends: Vec<String> = ends.collect();
    for (name, node) in own {
        match services.iter_mut().find(|it| it.name == name) {
            Some(known) => known.depend_on(&node),
            None => services.push(personal(name, &node, project)),
        }
    }
    services.iter_mut().filter(|it| it.may_end && ends.contains(&it.name)).for_each(|it| it.one_shot = true);
}

/// A service that only the developer's own file has: started and waited for, and otherwise Compose's matter.
fn personal(name: String, node: &Yaml, project: &str) -> Service {
    let text = |key: &str| node[key].as_str().map(str::to_owned);
    Service {
        image: text("image").unwrap_or_else(|| format!("{project}-{name}")),
        // Whatever it is, it is the developer's choice.
        has_platform: true,
        optional: !node["profiles"].items().is_empty(),
        may_end: text("restart").is_none_or(|it| it == "no"),
        has_health_check: node.get("healthcheck").is_some(),
        depends_on: depends_on(node),
        only_started: on_condition(node, "service_started"),
        name,
        ..Service::default()
    }
}

fn url(node: &Yaml) -> Option<Url> {
    let text = |key: &str| node[key].as_str().map(str::to_owned);
    let port = node.get("port")?.as_u64()?.try_into().ok()?;
    Some(Url { title: text("title")?, port, path: text("path"), note: text("note").unwrap_or_default() })
}

fn depends_on(node: &Yaml) -> Vec<String> {
    let on = &node["depends_on"];
    let list = on.items().iter().filter_map(Yaml::as_str);
    on.pairs().iter().map(|(name, _)| &**name).chain(list).map(str::to_owned).collect()
}

/// What of that only has to fulfil this condition; the short form means the same as `service_started`.
fn on_condition(node: &Yaml, wanted: &str) -> Vec<String> {
    let on = &node["depends_on"];
    let condition = |name: &str| on[name]["condition"].as_str().unwrap_or("service_started");
    depends_on(node).into_iter().filter(|it| condition(it) == wanted).collect()
}

/// An item of `ports`; `None` where it is not on 127.0.0.1, or of another form.
pub fn port(node: &Yaml, offset: u16) -> Option<Port> {
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
