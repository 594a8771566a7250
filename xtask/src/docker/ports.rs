//! Host ports: who has them already.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use xshell::{Shell, cmd};

use crate::machine::process;

/// Whether somebody listens on this port of 127.0.0.1.
pub(crate) fn is_taken(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    // On macOS a listener on all addresses does not hinder a second one on this address, so connect as well.
    TcpListener::bind(address).is_err()
        || TcpStream::connect_timeout(&address.into(), Duration::from_millis(200)).is_ok()
}

/// Who has a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    /// To be read after "taken by".
    pub name: String,
    /// The command that ends it; for another engine's the one that shows whose it is.
    pub stop: String,
}

/// How the programs begin that hold a container's ports on the host: Docker's own, Docker Desktop, rootless, Podman,
/// Lima and Colima (which forward by ssh), OrbStack, Rancher. `lsof` prints nine letters of a name.
const ENGINES: [&str; 8] = ["docker-p", "com.docke", "rootless", "gvproxy", "limactl", "ssh", "OrbStack", "rancher"];

/// Who listens there, as far as this machine tells: a container, or a process with its id.
pub(crate) fn owner(sh: &Shell, port: u16) -> Option<Owner> {
    container(sh, port).or_else(|| listener(sh, port))
}

/// The process that listens there, unless it belongs to an engine and holds the port for some container.
pub(crate) fn stranger(sh: &Shell, port: u16) -> Option<Owner> {
    listener(sh, port).filter(|owner| !is_engine(&owner.name))
}

fn is_engine(program: &str) -> bool {
    ENGINES.iter().any(|it| program.starts_with(it))
}

fn listener(sh: &Shell, port: u16) -> Option<Owner> {
    process_by_ss(sh, port).or_else(|| process_by_lsof(sh, port))
}

fn read(mut command: Command) -> Option<String> {
    process::read_within(&mut command, Duration::from_secs(5)).ok()
}

fn container(sh: &Shell, port: u16) -> Option<Owner> {
    let filter = format!("publish={port}");
    let names = read(cmd!(sh, "docker ps --filter {filter} --format '{{.Names}}'").into())?;
    let name = names.lines().next()?;
    Some(Owner { name: format!("the container {name}"), stop: format!("docker stop {name}") })
}

fn process_by_ss(sh: &Shell, port: u16) -> Option<Owner> {
    let filter = format!("sport = :{port}");
    let printed = read(cmd!(sh, "ss -Hltnp {filter}").into())?;
    // users:(("python3",pid=4711,fd=3))
    let (name, rest) = printed.split_once("((\"")?.1.split_once('"')?;
    let pid: String = rest.strip_prefix(",pid=")?.chars().take_while(char::is_ascii_digit).collect();
    Some(of_process(name, &pid))
}

fn process_by_lsof(sh: &Shell, port: u16) -> Option<Owner> {
    let address = format!("-iTCP:{port}");
    let printed = read(cmd!(sh, "lsof -nP {address} -sTCP:LISTEN -Fpc").into())?;
    let field = |tag: char| printed.lines().find_map(|it| it.strip_prefix(tag));
    Some(of_process(field('c')?, field('p')?))
}

fn of_process(name: &str, pid: &str) -> Owner {
    if is_engine(name) {
        // Our own engine would have named the container. Which process it is says nothing: Docker has one for each port.
        let name = format!("{name}: another Docker engine, it seems");
        return Owner { name, stop: "docker context ls".to_owned() };
    }
    Owner { name: format!("{name}, process {pid}"), stop: format!("kill {pid}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_while_somebody_listens_on_it() {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_taken(port));
        drop(listener);
        assert!(!is_taken(port));
    }
}
