//! When a service is ready, and when it never will be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::{docker::containers::Container, stack::service::Service};

/// After so many restarts by policy a service is in a crash loop. A cluster's first start takes one or two.
const CRASH_LOOP: u64 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Starting,
    Ready,
    /// A one-shot that has exited with 0.
    Done,
    /// Not ready, and nobody will change that; the text says why.
    Failed(String),
}

impl State {
    /// Whether there is nothing left to wait for.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self, State::Ready | State::Done)
    }

    /// A word or two for a list.
    pub(crate) fn text(&self) -> &str {
        match self {
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Ready => "ready",
            State::Done => "done",
            State::Failed(why) => why,
        }
    }
}

/// Where a service stands, judged by its container. `probe` asks a service that has no health check of its own.
pub(crate) fn assess(service: &Service, container: Option<&Container>, probe: &dyn Fn(&Service) -> bool) -> State {
    let Some(it) = container else { return State::Waiting };
    let memory = if it.oom_killed { ", killed for using more memory than its limit" } else { "" };
    match (it.status.as_str(), it.health.as_str()) {
        ("running", _) if it.is_cut_off => State::Failed("cut off from its network".to_owned()),
        ("running", "healthy") => State::Ready,
        ("running", "") if service.ready.is_some() && probe(service) => State::Ready,
        ("running", "") if service.ready.is_none() && !service.one_shot && !service.has_health_check => State::Ready,
        _ if is_in_crash_loop(it) => {
            State::Failed(format!("crash loop: exit code {}{memory}, restarted {} times", it.exit_code, it.restarts))
        }
        ("running", "unhealthy") => State::Failed("unhealthy".to_owned()),
        ("running" | "restarting", _) => State::Starting,
        ("paused", _) => State::Failed("paused".to_owned()),
        ("exited", _) if (service.one_shot || service.may_end) && it.exit_code == 0 => State::Done,
        ("exited" | "dead", _) => State::Failed(format!("exited with code {}{memory}", it.exit_code)),
        _ if !it.error.is_empty() => State::Failed(format!("could not start: {}", it.error)),
        _ => State::Waiting,
    }
}

/// Whether the engine starts it again and again. The engine's count stays until somebody stops or starts it.
pub(crate) fn is_in_crash_loop(container: &Container) -> bool {
    let is_alive = matches!(container.status.as_str(), "running" | "restarting");
    is_alive && container.health != "healthy" && container.restarts >= CRASH_LOOP
}

/// Asks `x-ready` of a service on its published port.
pub(crate) fn probe(service: &Service) -> bool {
    let Some((container_port, path)) = &service.ready else { return false };
    let port = service.ports.iter().find(|it| it.container == *container_port);
    port.is_some_and(|it| answers_ok(it.host, path).unwrap_or(false))
}

/// Whether `http://127.0.0.1:PORT/PATH` answers 200 within a second.
fn answers_ok(port: u16, path: &str) -> std::io::Result<bool> {
    let second = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), second)?;
    stream.set_read_timeout(Some(second))?;
    // In one piece: a server that answers after the first would reset the connection over the rest.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n").as_bytes())?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status.starts_with(b"HTTP/1.") && status.ends_with(b" 200"))
}

/// What `http://127.0.0.1:PORT/PATH` answers with.
///
/// # Errors
/// Nobody listens, or it answers something else than 200, or not in time.
pub(crate) fn get(port: u16, path: &str, limit: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), limit)?;
    stream.set_read_timeout(Some(limit))?;
    // By this version nothing comes in chunks.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other("no answer of 200")),
    }
}

/// The services to blame: those that failed, else those that are not ready and wait for nobody else.
pub(crate) fn culprits<'a>(states: &'a [(&'a Service, State)]) -> Vec<(&'a Service, &'a State)> {
    let unready = |name: &String| states.iter().any(|(it, state)| it.name == *name && !state.is_ready());
    let failed = |(_, state): &&(&Service, State)| matches!(state, State::Failed(_));
    let first = |(it, state): &&(&Service, State)| !state.is_ready() && !it.depends_on.iter().any(unready);
    let any_failed = states.iter().any(|it| failed(&it));
    let chosen = states.iter().filter(|it| if any_failed { failed(it) } else { first(it) });
    chosen.map(|(service, state)| (*service, state)).collect()
}

/// Whether some service could still become ready: one that has not failed, and depends on none that has.
pub(crate) fn is_hopeful(states: &[(&Service, State)]) -> bool {
    states.iter().any(|(it, state)| !state.is_ready() && !is_dead(it.name.as_str(), states))
}

fn is_dead(name: &str, states: &[(&Service, State)]) -> bool {
    let found = states.iter().find(|(it, _)| it.name == name);
    found.is_some_and(|(it, state)| {
        matches!(state, State::Failed(_)) || !state.is_ready() && it.depends_on.iter().any(|on| is_dead(on, states))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn service(name: &str, depends_on: &[&str]) -> Service {
        Service {
            name: name.to_owned(),
            one_shot: name == "setup",
            has_health_check: true,
            ready: (name == "probed").then(|| (80, "/".to_owned())),
            depends_on: depends_on.iter().map(|it| (*it).to_owned()).collect(),
            ..Service::default()
        }
    }

    fn container(status: &str, health: &str, exit_code: i64, restarts: u64) -> Container {
        let state = serde_json::json!({"Status": status, "ExitCode": exit_code, "Health": {"Status": health}});
        let node = serde_json::json!([{"State": state, "RestartCount": restarts}]);
        crate::docker::containers::parse(&node.to_string()).unwrap().remove(0)
    }

    #[test]
    fn a_service_is_judged_by_its_container() {
        let of = |name, status, health, code, restarts, up| {
            assess(&service(name, &[]), Some(&container(status, health, code, restarts)), &|_| up)
        };
        assert_eq!(of("a", "running", "healthy", 0, 0, false), State::Ready);
        assert_eq!(of("a", "running", "starting", 0, 0, false), State::Starting);
        assert_eq!(of("a", "running", "unhealthy", 0, 0, false), State::Failed("unhealthy".to_owned()));
        assert_eq!(of("a", "restarting", "", 1, 2, false), State::Starting);
        assert!(of("a", "restarting", "", 1, 5, false).text().starts_with("crash loop: exit code 1"));
        assert_eq!(of("a", "running", "healthy", 0, 9, false), State::Ready);
        assert_eq!(of("probed", "running", "", 0, 0, false), State::Starting);
        assert_eq!(of("probed", "running", "", 0, 0, true), State::Ready);
        assert_eq!(of("setup", "running", "", 0, 0, false), State::Starting);
        assert_eq!(of("setup", "exited", "", 0, 0, false), State::Done);
        assert_eq!(of("setup", "exited", "", 3, 0, false), State::Failed("exited with code 3".to_owned()));
        assert_eq!(of("a", "exited", "", 0, 0, false), State::Failed("exited with code 0".to_owned()));
        assert_eq!(of("a", "created", "", 0, 0, false), State::Waiting);
        assert_eq!(assess(&service("a", &[]), None, &|_| true), State::Waiting);
    }

    #[test]
    fn a_dependant_is_not_blamed_for_its_dependency() {
        let (a, b, c) = (service("a", &[]), service("b", &["a"]), service("c", &["b"]));
        let names =
            |states: &[(&Service, State)]| culprits(states).iter().map(|(it, _)| it.name.clone()).collect::<Vec<_>>();
        let failed = || State::Failed("unhealthy".to_owned());
        assert_eq!(names(&[(&a, failed()), (&b, State::Waiting), (&c, State::Starting)]), ["a"]);
        assert_eq!(names(&[(&a, State::Starting), (&b, State::Waiting), (&c, State::Waiting)]), ["a"]);
        assert!(!is_hopeful(&[(&a, failed()), (&b, State::Waiting), (&c, State::Waiting)]));
        assert!(is_hopeful(&[(&a, State::Ready), (&b, State::Waiting), (&c, failed())]));
    }

    #[test]
    fn only_an_answer_of_200_is_ready() {
        for (answer, expected) in
            [("HTTP/1.1 200 OK\r\n\r\n", true), ("HTTP/1.1 503 no\r\n\r\n", false), ("", false), ("junk", false)]
        {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                _ = stream.read(&mut [0; 256]);
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert_eq!(answers_ok(port, "/").unwrap_or(false), expected, "{answer:?}");
            server.join().unwrap();
        }
    }
}
