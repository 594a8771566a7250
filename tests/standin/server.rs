//! `temporal-server`: the command line, the start and the ports of the real one.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::{Context, bail, ensure};

use crate::{
    config::{self, Config, Prometheus, ServiceName, Sql},
    database::{self, Database},
    dynamic_config, env,
    http::{self, Response},
    metrics,
    namespaces::Namespaces,
    ports::{self, Pollers},
    serve_for_ever,
};

const USAGE: &str = "usage: temporal-server [--config-file FILE] [--allow-no-auth] start [--service NAME]...";

#[derive(Debug, PartialEq)]
enum Command {
    Version,
    Start { config_file: String, services: Vec<ServiceName> },
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    match parse(arguments)? {
        Command::Version => {
            println!("temporal version 1.29.0 (stand-in)");
            Ok(())
        }
        Command::Start { config_file, services } => start(&config_file, &services),
    }
}

fn parse(arguments: &[String]) -> anyhow::Result<Command> {
    let mut config_file = env("TEMPORAL_SERVER_CONFIG_FILE_PATH");
    let mut words = arguments.iter().map(String::as_str);
    loop {
        match words.next() {
            Some("--version" | "-v") => return Ok(Command::Version),
            Some("--allow-no-auth") => {}
            Some("--config-file") => config_file = words.next().map(str::to_owned),
            Some("start") => break,
            Some(other) => match other.strip_prefix("--config-file=") {
                Some(path) => config_file = Some(path.to_owned()),
                None => bail!("`{other}` is not known here; {USAGE}"),
            },
            None => bail!("no command; {USAGE}"),
        }
    }
    for name in ["TEMPORAL_ROOT", "TEMPORAL_CONFIG_DIR", "TEMPORAL_ENVIRONMENT"] {
        ensure!(env(name).is_none(), "--config-file and {name} exclude each other");
    }

    let mut names: Vec<String> =
        env("TEMPORAL_SERVICES").map(|all| all.split(',').map(str::to_owned).collect()).unwrap_or_default();
    while let Some(word) = words.next() {
        let name = match word.split_once('=') {
            Some(("--service" | "--svc", name)) => name,
            None if word == "--service" || word == "--svc" => words.next().unwrap_or_default(),
            _ => bail!("start: `{word}` is not known; {USAGE}"),
        };
        names.push(name.to_owned());
    }
    if names.is_empty() {
        names = ["frontend", "history", "matching", "worker"].map(str::to_owned).to_vec();
    }
    let mut services = Vec::new();
    for name in names {
        services
            .push(serde_yaml::from_str(&name).ok().with_context(|| format!("start: no service is called `{name}`"))?);
    }
    let config_file =
        config_file.context("without --config-file the real server starts on defaults that have no DSQL")?;
    Ok(Command::Start { config_file, services })
}

fn start(config_file: &str, services: &[ServiceName]) -> anyhow::Result<()> {
    let began = Instant::now();
    log(&format!("temporal-server 1.29.0 (stand-in) starts {services:?}"));
    let config = config::load(config_file)?;
    if let Some(client) = &config.dynamic_config_client {
        dynamic_config::check(&client.filepath)?;
    }
    let namespaces = Arc::new(open_namespaces(&config)?);

    if let Some(prometheus) = config.global.metrics.as_ref().and_then(|metrics| metrics.prometheus.as_ref()) {
        serve_metrics(prometheus, services, began)?;
    }
    let pollers = Pollers::default();
    for name in services {
        let rpc = &config.services.get(name).with_context(|| format!("services.{name:?} is missing"))?.rpc;
        ports::serve_service(*name, rpc, &namespaces, &pollers, began)?;
    }
    log("serving");
    serve_for_ever();
}

fn log(message: &str) {
    eprintln!("{}", serde_json::json!({"level": "info", "msg": message, "stand-in": true}));
}

/// Connects as the plugin does, and checks the schema's version as the server does.
fn open_namespaces(config: &Config) -> anyhow::Result<Namespaces> {
    let sql = config::sql_store(config)?;
    database::check_credentials(&["REGION", "AWS_REGION"])?;
    let database = database_of(sql)?;
    database.query("SELECT 1;", &[]).context("sql schema version compatibility check failed: no connection")?;
    if !database::requires_schema() {
        return Ok(Namespaces::InMemory(Mutex::default()));
    }
    let version = database
        .query("SELECT curr_version FROM schema_version WHERE version_partition = 0 AND db_name = 'postgres';", &[])
        .context("unable to read DB schema version keyspace/database: postgres")?;
    ensure!(!version.is_empty(), "unable to read DB schema version: schema_version has no row for `postgres`");
    ensure!(is_at_least(&version, (1, 1)), "schema version mismatch: the database has {version}, the server needs 1.1");
    Ok(Namespaces::InDatabase(database))
}

fn database_of(sql: &Sql) -> anyhow::Result<Database> {
    let (host, port) = sql.connect_addr.rsplit_once(':').context("connectAddr has no port")?;
    let sslmode = match (sql.connect_attributes.get("sslmode"), sql.tls.enabled, sql.tls.enable_host_verification) {
        (Some(mode), ..) => mode,
        (None, true, true) => "verify-full",
        (None, true, false) => "require",
        (None, false, _) => "disable",
    };
    Ok(Database { host: host.to_owned(), port: port.to_owned(), sslmode: sslmode.to_owned() })
}

fn is_at_least(version: &str, least: (u32, u32)) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= least
}

fn serve_metrics(prometheus: &Prometheus, services: &[ServiceName], began: Instant) -> anyhow::Result<()> {
    let path = prometheus.handler_path.clone().unwrap_or_else(|| "/metrics".to_owned());
    let services = services.to_vec();
    http::serve(&prometheus.listen_address, move |request| match request.path == path {
        true => Response::text(200, metrics::render(&services, began)),
        false => Response::not_found(),
    })
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
