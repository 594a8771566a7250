//! One small program in the place of the servers and tools whose images cannot be had where the engine tests run.
//!
//! It plays the part that it is called by. It is strict where a mistake of this repository's would show in the real
//! thing (command line, rendered file, database, schema, namespace, ports) and hollow everywhere else. What it prints
//! and serves says that it is a stand-in.

mod alloy;
mod api;
mod config;
mod config_keys;
mod database;
mod dynamic_config;
mod grafana;
mod health;
mod http;
mod loki;
mod metrics;
mod mimir;
mod namespaces;
mod ports;
mod python;
mod server;
mod ui;
mod visibility;
mod worker;

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let persona = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();

    let result = match persona {
        "temporal-server" => server::run(&arguments),
        "temporal-elasticsearch-tool" => visibility::run(&arguments),
        "grpc-health-probe" => return health::probe(&arguments),
        "temporal-ui" => ui::run(),
        "mimir" => mimir::run(&arguments),
        "loki" => loki::run(&arguments),
        "alloy" => alloy::run(&arguments),
        "grafana" | "run.sh" => grafana::run(),
        "python" | "python3" => python::run(&arguments),
        "granian" => api::run(&arguments),
        other => Err(anyhow::anyhow!("nothing is played under the name `{other}`")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{persona} (stand-in): {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the program's start: what is left is done by the threads that serve.
fn serve_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

/// The value of `--name VALUE`, `--name=VALUE`, `-name VALUE` or `-name=VALUE`.
fn flag<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(index, argument)| {
        let rest = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => arguments.get(index + 1).map(String::as_str),
            None => None,
        }
    })
}

/// Whether `--name` or `-name` is among the arguments.
fn switch(arguments: &[String], name: &str) -> bool {
    arguments.iter().any(|argument| argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) == Some(name))
}

/// An environment variable that is set to something.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
