//! Every variable of `dev/.env`: what it may hold, what it is when nobody sets it, and what `--local` makes of it.

use crate::cli::flags::Region;
use crate::machine::yaml::Yaml;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Host,
    Port,
    /// A positive whole number that fits the server's 32-bit fields.
    Count,
    /// A Go duration above zero, such as `30s` or `1h30m`.
    Duration,
    Bool,
    Region,
    /// An Elasticsearch index that Temporal's index template matches.
    Index,
    /// One of these words; the text says why there are no others.
    Word(&'static [&'static str], &'static str),
    /// A name that Compose accepts for a project.
    Project,
    /// An address of HTTP.
    Url,
    /// A registry of images, and a path in it.
    Registry,
    /// Any text without line breaks.
    Text,
    /// The same; no message shows it.
    Secret,
}

pub struct Variable {
    pub name: &'static str,
    pub kind: Kind,
    /// The value where nobody sets one; `None` = it has to be set, `Some("")` = it may be empty.
    pub default: Option<&'static str>,
    /// The value under `--local`, whatever else is set.
    pub local: Option<&'static str>,
}

const fn var(name: &'static str, kind: Kind, default: &'static str) -> Variable {
    Variable { name, kind, default: Some(default), local: None }
}

const fn fixed(name: &'static str, kind: Kind, default: &'static str, local: &'static str) -> Variable {
    Variable { name, kind, default: Some(default), local: Some(local) }
}

const fn required(name: &'static str, kind: Kind, local: &'static str) -> Variable {
    Variable { name, kind, default: None, local: Some(local) }
}

/// The monitored cluster's database under `--local`. The form is DSQL's: the Copilot's connector insists on it.
pub const LOCAL_MONITORED_HOST: &str = "monitored-local.dsql.eu-west-1.on.aws";
pub const LOCAL_COPILOT_HOST: &str = "copilot-local.dsql.eu-west-1.on.aws";

/// The region that the Copilot's worker signs its database tokens for, and asks the knowledge base in.
pub(crate) const COPILOT_REGION: &str = "eu-west-1";

const ADMIN: Kind = Kind::Word(&["admin"], "the DSQL plugin always logs in as `admin`");
const POSTGRES: Kind = Kind::Word(
    &["postgres"],
    "Aurora DSQL has no other database, and Temporal looks its schema version up under this name",
);
const DSQL: Kind = Kind::Word(&["dsql"], "the images are built with this persistence plugin");
const TLS: Kind = Kind::Word(&["true"], "Aurora DSQL accepts encrypted connections only");
const SCHEME: Kind = Kind::Word(&["http", "https"], "");
const VERSION: Kind = Kind::Word(&["v8", "v7"], "Temporal knows no other Elasticsearch");
const LEVEL: Kind = Kind::Word(&["debug", "info", "warn", "error"], "");

/// All variables, in the order of `dev/.env.example`.
pub const ALL: &[Variable] = &[
    required("TEMPORAL_SQL_HOST", Kind::Host, LOCAL_MONITORED_HOST),
    fixed("TEMPORAL_SQL_PORT", Kind::Port, "5432", "5432"),
    fixed("TEMPORAL_SQL_USER", ADMIN, "admin", "admin"),
    fixed("TEMPORAL_SQL_DATABASE", POSTGRES, "postgres", "postgres"),
    var("TEMPORAL_SQL_PLUGIN", DSQL, "dsql"),
    var("TEMPORAL_SQL_PLUGIN_NAME", DSQL, "dsql"),
    var("TEMPORAL_SQL_TLS_ENABLED", TLS, "true"),
    fixed("TEMPORAL_SQL_HOST_VERIFICATION", Kind::Bool, "true", "false"),
    var("TEMPORAL_SQL_IAM_AUTH", Kind::Word(&["true"], "the DSQL plugin signs in with IAM tokens only"), "true"),
    fixed("TEMPORAL_SQL_MAX_CONNS", Kind::Count, "50", "10"),
    fixed("TEMPORAL_SQL_MAX_IDLE_CONNS", Kind::Count, "50", "10"),
    var("TEMPORAL_SQL_CONNECTION_TIMEOUT", Kind::Duration, "30s"),
    var("TEMPORAL_SQL_MAX_CONN_LIFETIME", Kind::Duration, "55m"),
    fixed("TEMPORAL_SQL_AWS_REGION", Kind::Region, "eu-west-1", "eu-west-1"),
    var("TEMPORAL_ELASTICSEARCH_HOST", Kind::Host, "elasticsearch"),
    var("TEMPORAL_ELASTICSEARCH_PORT", Kind::Port, "9200"),
    var("TEMPORAL_ELASTICSEARCH_SCHEME", SCHEME, "http"),
    var("TEMPORAL_ELASTICSEARCH_VERSION", VERSION, "v8"),
    var("TEMPORAL_ELASTICSEARCH_INDEX", Kind::Index, "temporal_visibility_v1_dev"),
    var("TEMPORAL_LOG_LEVEL", LEVEL, "info"),
    var("TEMPORAL_HISTORY_SHARDS", Kind::Count, "4"),
    var("DSQL_RESERVOIR_ENABLED", Kind::Bool, "true"),
    var("DSQL_RESERVOIR_BASE_LIFETIME", Kind::Duration, "11m"),
    var("DSQL_RESERVOIR_LIFETIME_JITTER", Kind::Duration, "2m"),
    var("DSQL_RESERVOIR_GUARD_WINDOW", Kind::Duration, "45s"),
    required("COPILOT_DSQL_HOST", Kind::Host, LOCAL_COPILOT_HOST),
    fixed("COPILOT_DSQL_DATABASE", POSTGRES, "postgres", "postgres"),
    fixed("COPILOT_SQL_MAX_CONNS", Kind::Count, "10", "10"),
    var("COPILOT_HISTORY_SHARDS", Kind::Count, "4"),
    var("COPILOT_ELASTICSEARCH_INDEX", Kind::Index, "temporal_visibility_v1_copilot_dev"),
    var("COPILOT_KNOWLEDGE_BASE_ID", Kind::Text, ""),
    var(
        "COPILOT_PRESET",
        Kind::Word(&["starter", "mid-scale", "high-throughput"], "the Copilot knows no other"),
        "starter",
    ),
    var("COPILOT_MODEL_URL", Kind::Url, ""),
    var("COPILOT_MODEL_NAME", Kind::Text, ""),
    var("COPILOT_MODEL_KEY", Kind::Secret, ""),
    fixed("AWS_REGION", Kind::Region, "eu-west-1", "eu-west-1"),
    fixed("AWS_PROFILE", Kind::Text, "default", "default"),
    var("AWS_CONFIG_DIR", Kind::Text, "~/.aws"),
    var("GRAFANA_CLOUDWATCH", Kind::Bool, "false"),
    var("GRAFANA_ADMIN_PASSWORD", Kind::Secret, "admin"),
    var("WORKER_METRICS_ADDRESS", Kind::Text, ""),
    var("TEMPORAL_DSQL_PATH", Kind::Text, "../temporal-dsql"),
    var("TEMPORAL_SRE_COPILOT_PATH", Kind::Text, ""),
    var("TEMPORAL_IMAGE", Kind::Text, "temporal-dsql-runtime:test"),
    var("COPILOT_IMAGE", Kind::Text, "temporal-sre-copilot:dev"),
    var("IMAGE_REGISTRY", Kind::Registry, ""),
    var("COMPOSE_PROJECT_NAME", Kind::Project, ""),
];

pub fn find(name: &str) -> Option<&'static Variable> {
    ALL.iter().find(|it| it.name == name)
}

/// Whether everybody knows this value: what is a default is no secret.
pub(crate) fn is_default(name: &str, value: &str) -> bool {
    find(name).is_some_and(|it| it.default == Some(value))
}

/// Which variables an output of Terraform fills.
pub(crate) const FILLS: &[(&str, &[&str])] = &[
    ("monitored_dsql_endpoint", &["TEMPORAL_SQL_HOST"]),
    ("copilot_dsql_endpoint", &["COPILOT_DSQL_HOST"]),
    ("knowledge_base_id", &["COPILOT_KNOWLEDGE_BASE_ID"]),
    ("region", &["AWS_REGION", "TEMPORAL_SQL_AWS_REGION"]),
];

pub(crate) fn fills(variable: &str) -> bool {
    FILLS.iter().any(|(_, names)| names.contains(&variable))
}

/// The region that an Aurora DSQL endpoint names; `None` where the host is no such endpoint.
pub(crate) fn dsql_region(host: &str) -> Option<&str> {
    let mut labels = host.strip_suffix(".on.aws")?.rsplit('.');
    let region = labels.next()?;
    labels.next().filter(|it| it.starts_with("dsql")).map(|_| region)
}

/// Whether the Copilot can work in a region; why not, to be read after "expected".
pub(crate) fn check_copilot_region(region: &str) -> Result<(), String> {
    let reason = match region {
        COPILOT_REGION => return Ok(()),
        it if it.starts_with("eu-") => "signs its database tokens for it and asks the knowledge base there",
        _ => "signs its database tokens for it, and its Bedrock models are EU inference profiles",
    };
    Err(format!("`{COPILOT_REGION}`: the Copilot's worker {reason}, whatever is set"))
}

impl Kind {
    /// Checks a value. The error is what is allowed, to be read after "expected".
    pub(crate) fn check(self, value: &str) -> Result<(), String> {
        let (ok, expected) = match self {
            Kind::Host => (is_host(value), "a host name, without scheme or port"),
            Kind::Port => (digits(value).is_some_and(|it| (1..=65535).contains(&it)), "a port, 1 to 65535"),
            Kind::Count => (digits(value).is_some_and(|it| (1..1 << 31).contains(&it)), "a whole number above 0"),
            Kind::Duration => {
                (seconds(value).is_some_and(|it| it > 0.0), "a duration above 0, such as `30s` or `1h30m`")
            }
            Kind::Bool => (matches!(value, "true" | "false"), "`true` or `false`"),
            Kind::Region => (value.parse::<Region>().is_ok(), "a commercial AWS region, such as `eu-west-1`"),
            Kind::Index => (
                is_index(value),
                "`temporal_visibility_v1` and then lower-case letters, digits, `_` or `-`: Temporal's index template matches no other name",
            ),
            Kind::Project => {
                (is_project(value), "lower-case letters, digits, `_` or `-`, and a letter or a digit to begin with")
            }
            Kind::Url => (is_url(value), "an address that begins with `http://` or `https://`, without a password"),
            Kind::Registry => (
                is_registry(value),
                "HOST[:PORT][/PATH], without scheme or tag, such as `127.0.0.1:5000` or `ghcr.io/me`: a host has a dot or a port",
            ),
            Kind::Text | Kind::Secret => (!value.contains(['\n', '\r', '\0']), "text on one line"),
            Kind::Word(words, why) => {
                let reason = if why.is_empty() { String::new() } else { format!(": {why}") };
                let list: Vec<String> = words.iter().map(|it| format!("`{it}`")).collect();
                return if words.contains(&value) { Ok(()) } else { Err(list.join(" or ") + &reason) };
            }
        };
        if ok { Ok(()) } else { Err(expected.to_owned()) }
    }

    /// A valid value as YAML of its own type: numbers and booleans are not strings.
    pub(crate) fn to_yaml(self, value: &str) -> Yaml {
        match (self, digits(value)) {
            (Kind::Port | Kind::Count, Some(number)) => Yaml::Plain(number.to_string()),
            (Kind::Bool, _) | (Kind::Word(&["true"], _), _) => Yaml::Plain((value == "true").to_string()),
            _ => Yaml::Text(value.to_owned()),
        }
    }
}

/// A Go duration in seconds, or `None` where it is not one.
pub fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..unit_at].parse().ok()?;
        let tail = &rest[unit_at..];
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        total += number * UNITS.iter().find(|(unit, _)| *unit == &tail[..unit_end])?.1;
        rest = &tail[unit_end..];
    }
    // Go holds a duration in 64 bits of nanoseconds, about 292 years.
    (!text.is_empty() && total < 9.2e9).then_some(total)
}

fn digits(value: &str) -> Option<u64> {
    let plain =
        !value.is_empty() && value.bytes().all(|it| it.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
    plain.then(|| value.parse().ok()).flatten()
}

fn is_host(value: &str) -> bool {
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    value.len() <= 253 && value.split('.').all(label)
}

fn is_url(value: &str) -> bool {
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://")).unwrap_or_default();
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    is_host(host) && !value.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
}

/// Docker takes a first part without a dot and a port for a user of Docker Hub.
fn is_registry(value: &str) -> bool {
    let mut parts = value.split('/');
    let host = parts.next().unwrap_or_default();
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let edge = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_part = |it: &str| {
        it.bytes().all(|b| is_in_name(b) || b == b'.')
            && it.starts_with(|c| edge(c as u8))
            && it.ends_with(|c| edge(c as u8))
    };
    is_host(name)
        && (name == "localhost" || host.contains(['.', ':']))
        && port.is_none_or(|it| Kind::Port.check(it).is_ok())
        && parts.all(is_part)
}

fn is_project(value: &str) -> bool {
    value.bytes().all(is_in_name) && !value.is_empty() && !value.starts_with(['_', '-'])
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

fn is_index(value: &str) -> bool {
    // Elasticsearch allows at most 255 bytes in a name.
    let tail = value.strip_prefix("temporal_visibility_v1");
    value.len() <= 255 && tail.is_some_and(|it| it.bytes().all(is_in_name))
}

#[cfg(test)]
mod tests;
