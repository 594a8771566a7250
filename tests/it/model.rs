//! `dev/model`: what answers the Copilot's questions with `--local`, started as the container starts it.

mod refusals;
mod upstream;

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::repo_root;

use crate::support::are_there;

const PYTHON: (&str, &str) = ("python3", "--version");

/// A model on a free port; it ends when this is dropped.
struct Model {
    process: Child,
    port: u16,
    log: Arc<Mutex<String>>,
}

impl Model {
    /// Starts it with these variables and no others.
    fn start(variables: &[(&str, &str)]) -> Model {
        let mut command = Command::new("python3");
        command.arg("-B").arg(repo_root().join("dev/model/server.py")).args(["--port", "0"]);
        command.env_clear().env("PATH", env::var_os("PATH").unwrap()).envs(variables.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let port = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {log}")).unwrap();
            log += &format!("{line}\n");
            if let Some((_, rest)) = line.split_once("listens on 127.0.0.1:") {
                break rest.split(',').next().unwrap().parse().unwrap();
            }
        };
        let log = Arc::new(Mutex::new(log));
        let copy = Arc::clone(&log);
        thread::spawn(move || lines.map_while(Result::ok).for_each(|it| *copy.lock().unwrap() += &format!("{it}\n")));
        Model { process, port, log }
    }

    /// What it has logged, once a line that holds this is among it.
    #[track_caller]
    fn log_with(&self, part: &str) -> String {
        self.log_with_all(part, 1)
    }

    /// The same, once it holds the part as often as this: the last line comes a moment after the answer.
    #[track_caller]
    fn log_with_all(&self, part: &str, times: usize) -> String {
        let began = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.matches(part).count() >= times {
                return log;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "`{part}` is not in {log}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The status, the headers and the body of the answer to a request of these lines and this body.
    fn send(&self, head: &str, body: &str) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        (head[9..12].parse().unwrap(), head.to_owned(), body)
    }

    fn post(&self, path: &str, body: &str) -> (u16, String, Value) {
        self.send(&format!("POST {path} HTTP/1.1\r\nContent-Length: {}", body.len()), body)
    }

    /// The answer to a question; it has to be one.
    #[track_caller]
    fn converse(&self, request: &Value) -> Value {
        let (status, _, answer) = self.post("/model/some.model-v1%3A0/converse", &request.to_string());
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A question with one tool, which has to be used.
fn question(prompt: &str) -> Value {
    let schema = json!({"type": "object", "required": ["summary"],
                        "properties": {"summary": {"type": "string"}, "count": {"type": "integer"}}});
    json!({
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "system": [{"text": "Explain."}],
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "final_result", "description": "it", "inputSchema": {"json": schema}}}],
            "toolChoice": {"any": {}}
        }
    })
}

/// The input of the tool that an answer uses.
fn input(answer: &Value) -> &Value {
    let content = answer["output"]["message"]["content"].as_array().unwrap();
    let mut calls = content.iter().filter(|it| it.get("toolUse").is_some());
    &calls.next().unwrap_or_else(|| panic!("no tool is used: {answer}"))["toolUse"]["input"]
}

/// Python with what `tests/tools` installs beside it. Where it is missing the caller's test is skipped; on CI it fails.
pub fn python_with_packages() -> Option<PathBuf> {
    let python = PathBuf::from(env::var_os("HOME")?).join(".cache/standin-python/bin/python");
    if python.exists() {
        return Some(python);
    }
    let why = format!("{} is missing: tests/tools makes it", python.display());
    assert!(env::var_os("CI").is_none(), "{why}");
    tests::left_out(&why);
    None
}

/// Runs a file of Python tests, or a module with arguments; it has to succeed.
#[track_caller]
pub fn python(words: &[&str], variables: &[(&str, &str)]) {
    let Some(python) = python_with_packages() else { return };
    let mut command = Command::new(python);
    command.arg("-B").args(words).envs(variables.iter().copied()).current_dir(repo_root()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "python {}\n{printed}", words.join(" "));
}

#[test]
fn botocores_own_client_gets_the_answers_that_the_copilot_needs() {
    if are_there(&[PYTHON]) {
        let model = Model::start(&[]);
        python(&["tests/model/test_converse.py"], &[("MODEL_URL", &format!("http://127.0.0.1:{}", model.port))]);
    }
}

#[test]
fn whatever_is_asked_the_answer_is_what_the_schema_allows() {
    if are_there(&[PYTHON]) {
        let model = Model::start(&[]);
        python(&["tests/model/test_generated.py"], &[("MODEL_URL", &format!("http://127.0.0.1:{}", model.port))]);
    }
}

#[test]
fn the_types_of_our_python_hold() {
    for version in ["3.11", "3.14"] {
        python(&["-m", "mypy", "--strict", "--no-incremental", "--python-version", version, "dev/model"], &[]);
    }
}

#[test]
fn it_says_that_it_is_well_and_who_answers() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let named = [("COPILOT_MODEL_URL", "http://127.0.0.1:1/v1"), ("COPILOT_MODEL_NAME", "llama")];
    for (variables, by) in [(&[][..], "local rules"), (&named[..1], "local rules"), (&named[..], "llama")] {
        let model = Model::start(variables);
        let (status, _, body) = model.send("GET /health HTTP/1.1", "");
        assert_eq!((status, body), (200, json!({"status": "ok", "model": by})));
    }
}

#[test]
fn it_ends_at_once_when_it_is_told_to() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let mut model = Model::start(&[]);
    Command::new("kill").args(["-TERM", &model.process.id().to_string()]).status().unwrap();
    let began = Instant::now();
    while model.process.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(5), "it goes on");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(model.process.wait().unwrap().code(), Some(0));
}

#[test]
fn neither_the_prompt_nor_the_answer_is_logged() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let model = Model::start(&[]);
    let answer = model.converse(&question("a word that nobody else says: abracadabra. **STRESSED**"));
    assert!(input(&answer)["summary"].as_str().unwrap().starts_with("[local rules] The cluster is STRESSED."));
    let log = model.log_with("answered with final_result");
    assert!(!log.contains("abracadabra") && !log.contains("[local rules]"), "{log}");
}
