//! Just enough HTTP/1.1: a server of one thread per connection, and a client of one request per connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

pub(crate) struct Response {
    status: u16,
    content_type: &'static str,
    location: Option<&'static str>,
    body: String,
}

impl Response {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response {
        Response { status, content_type: "application/json", location: None, body: body.to_string() }
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> Response {
        Response { status, content_type: "text/plain; charset=utf-8", location: None, body: body.into() }
    }

    pub(crate) fn page(title: &str) -> Response {
        let body = format!("<!doctype html><title>{title} (stand-in)</title><h1>{title} (stand-in)</h1>\n");
        Response { status: 200, content_type: "text/html; charset=utf-8", location: None, body }
    }

    pub(crate) fn redirect(location: &'static str) -> Response {
        Response { status: 302, content_type: "text/plain", location: Some(location), body: String::new() }
    }

    pub(crate) fn not_found() -> Response {
        Response::text(404, "the stand-in serves nothing here\n")
    }
}

/// Listens on `address` (`host:port`) and answers in the background.
pub(crate) fn serve(
    address: &str,
    handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    eprintln!("stand-in: HTTP on {address}");
    let handler = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            // A client that hangs up is its own business.
            std::thread::spawn(move || answer(&stream, &*handler).ok());
        }
    });
    Ok(())
}

fn answer(stream: &TcpStream, handler: &dyn Fn(&Request) -> Response) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let request = read_request(stream)?;
    let response = handler(&request);
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nX-Stand-In: true\r\nConnection: close\r\n",
        response.status,
        reason(response.status),
        response.content_type,
        response.body.len(),
    );
    if let Some(location) = response.location {
        head += &format!("Location: {location}\r\n");
    }
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    if request.method != "HEAD" {
        stream.write_all(response.body.as_bytes())?;
    }
    Ok(())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

fn read_request(stream: &TcpStream) -> anyhow::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { bail!("not an HTTP request") };
    let (method, path) = (method.to_owned(), target.split('?').next().unwrap_or_default().to_owned());

    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Sends one request; the answer's status and body.
pub(crate) fn request(method: &str, url: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let Some(rest) = url.strip_prefix("http://") else { bail!("`{url}` is not an http:// address") };
    let (host, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = connect(&address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("no answer from {url}"))?;
    parse_answer(&String::from_utf8_lossy(&answer)).with_context(|| format!("no HTTP answer from {url}"))
}

fn parse_answer(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Some((status, if chunked { join_chunks(body)? } else { body.to_owned() }))
}

fn join_chunks(mut body: &str) -> Option<String> {
    let mut joined = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        if length == 0 {
            return Some(joined);
        }
        joined += rest.get(..length)?;
        body = rest.get(length + 2..)?;
    }
}

/// Connects to `host:port`, trying every address that the name has.
pub(crate) fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let addresses = address.to_socket_addrs().with_context(|| format!("cannot resolve {address}"))?;
    let mut last = anyhow::anyhow!("{address} has no address");
    for candidate in addresses {
        match TcpStream::connect_timeout(&candidate, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => {
                last = anyhow::Error::new(error).context(format!("cannot connect to {address}"));
            }
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_answer_is_joined() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n";
        assert_eq!(parse_answer(answer), Some((200, "abcdef".to_owned())));
    }

    #[test]
    fn client_and_server_understand_each_other() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        serve(&free, |request| Response::text(409, format!("{} {} {}", request.method, request.path, request.body)))
            .unwrap();
        let answer = request("POST", &format!("http://{free}/a/b?c=d"), "body").unwrap();
        assert_eq!(answer, (409, "POST /a/b body".to_owned()));
    }
}
