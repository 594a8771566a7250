//! What the stand-ins ask each other on the gRPC ports: one line to and one line back, in the place of gRPC.
//!
//! `health SERVICE` → `SERVING`, `NOT_SERVING` or `UNKNOWN`; `poll NAMESPACE QUEUE IDENTITY` → `ok` or a complaint;
//! `pollers QUEUE` → the identities seen lately, separated by spaces.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;

use crate::{flag, http};

/// Listens on `address` (`host:port`) and answers each line in the background.
pub(crate) fn serve(address: &str, handler: impl Fn(&str) -> String + Send + Sync + 'static) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    eprintln!("stand-in: gRPC port on {address}");
    let handler = Arc::new(handler);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            std::thread::spawn(move || {
                let mut line = String::new();
                // A client that hangs up is its own business.
                if BufReader::new(&stream).read_line(&mut line).is_ok() {
                    writeln!(stream, "{}", handler(line.trim())).ok();
                }
            });
        }
    });
    Ok(())
}

/// Sends one line to `address` and returns the line that comes back.
pub(crate) fn ask(address: &str, line: &str) -> anyhow::Result<String> {
    let mut stream = http::connect(address)?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).with_context(|| format!("no answer from {address}"))?;
    Ok(answer.trim().to_owned())
}

/// `grpc-health-probe -addr=HOST:PORT -service=NAME`, with the exit codes of the real one.
pub(crate) fn probe(arguments: &[String]) -> ExitCode {
    let Some(address) = flag(arguments, "addr") else {
        eprintln!("grpc-health-probe (stand-in): -addr not specified");
        return ExitCode::from(1);
    };
    let service = flag(arguments, "service").unwrap_or_default();
    match ask(address, &format!("health {service}")) {
        Err(error) => {
            eprintln!("grpc-health-probe (stand-in): {error:#}");
            ExitCode::from(2)
        }
        Ok(status) if status == "SERVING" => {
            println!("status: SERVING (stand-in)");
            ExitCode::SUCCESS
        }
        Ok(status) if status == "NOT_SERVING" => {
            eprintln!("service unhealthy (responded with \"NOT_SERVING\")");
            ExitCode::from(4)
        }
        Ok(_) => {
            eprintln!("grpc-health-probe (stand-in): {address} does not know the service `{service}`");
            ExitCode::from(3)
        }
    }
}
