//! A model behind OpenAI's API in the rules' place, and what becomes of the question when it fails.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Model, PYTHON, input, question};
use crate::support::are_there;

const KEY: &str = "sk-a-key-that-nobody-may-see";

/// What the server does with a request.
#[derive(Clone)]
enum Does {
    /// Answers 200 with this.
    Says(String),
    /// Answers with this status and header.
    Refuses(u16, &'static str),
    /// Says nothing, and stays.
    Hangs,
    /// Sends a byte now and then.
    Drips,
    /// Speaks something else than HTTP.
    Babbles,
    /// Closes the connection.
    HangsUp,
}

/// A server on a thread of its own, and each request that it got: the first line with the headers, and the body.
struct Server {
    url: String,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn start(does: Does) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (does, got) = (does.clone(), Arc::clone(&copy));
                thread::spawn(move || serve(&stream, &does, &got));
            }
        });
        Server { url, got }
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, does: &Does, got: &Mutex<Vec<(String, Value)>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    got.lock().unwrap().push((head, serde_json::from_slice(&body).unwrap_or(Value::Null)));
    match does {
        Does::Says(it) => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{it}", it.len()).ok()
        }
        Does::Refuses(status, header) => {
            let text = format!("Incorrect key: {KEY}");
            write!(stream, "HTTP/1.1 {status} {text}\r\n{header}Content-Length: {}\r\n\r\n{text}", text.len()).ok()
        }
        Does::Babbles => stream.write_all(b"+OK hello\r\n\r\n").ok(),
        Does::HangsUp => None,
        Does::Hangs | Does::Drips => (0..300).try_for_each(|_| {
            thread::sleep(Duration::from_millis(100));
            if matches!(does, Does::Drips) { stream.write_all(b"H").ok() } else { Some(()) }
        }),
    };
}

/// A chat completion that uses a tool.
fn completion(tool: &str, arguments: &str) -> String {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": tool, "arguments": arguments}});
    json!({
        "choices": [{"index": 0, "finish_reason": "tool_calls",
                     "message": {"role": "assistant", "content": null, "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    })
    .to_string()
}

/// A model that asks `url`, with a key, and waits a second.
fn model(folder: &Path, url: &str) -> Model {
    let file = folder.join("key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    Model::start(&[
        ("COPILOT_MODEL_URL", url),
        ("COPILOT_MODEL_NAME", "llama"),
        ("COPILOT_MODEL_KEY_FILE", file.to_str().unwrap()),
        ("COPILOT_MODEL_SECONDS", "1"),
    ])
}

#[test]
fn a_question_becomes_a_chat_completion_and_its_tool_call_an_answer() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Does::Says(completion("final_result", r#"{"summary": "said by a model", "count": 3}"#)));
    let model = model(folder.path(), &format!("{}/v1", server.url));
    let mut asked = question("How is it?");
    asked["inferenceConfig"] = json!({"maxTokens": 100, "temperature": 0.5, "stopSequences": ["X"]});
    let answer = model.converse(&asked);
    assert_eq!(*input(&answer), json!({"summary": "said by a model", "count": 3}));
    assert_eq!(answer["stopReason"], "tool_use");
    assert_eq!(answer["usage"], json!({"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}));
    let [(head, body)] = &server.got()[..] else { panic!("{:?}", server.got()) };
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("Authorization: Bearer {KEY}\r\n")), "{head}");
    let schema = &asked["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"];
    let expected = json!({
        "model": "llama",
        "messages": [{"role": "system", "content": "Explain."}, {"role": "user", "content": "How is it?"}],
        "tools": [{"type": "function",
                   "function": {"name": "final_result", "description": "it", "parameters": schema}}],
        "tool_choice": "required",
        "max_tokens": 100, "temperature": 0.5, "stop": ["X"]
    });
    assert_eq!(*body, expected);
    let log = model.log_with("answered with final_result");
    assert!(!log.contains(KEY) && !log.contains("WARNING") && !log.contains("How is it?"), "{log}");
}

#[test]
fn a_conversation_goes_through_with_its_tool_calls_and_their_results() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Does::Says(completion("final_result", r#"{"summary": "x"}"#)));
    let model = model(folder.path(), &server.url);
    let mut asked = question("How is it?");
    asked["toolConfig"]["toolChoice"] = json!({"tool": {"name": "final_result"}});
    let call = json!({"toolUse": {"toolUseId": "a1", "name": "final_result", "input": {"summary": 1}}});
    let result = json!({"toolUseId": "a1", "content": [{"text": "no string"}, {"json": {"at": 1}}], "status": "error"});
    let more = [
        json!({"role": "assistant", "content": [{"text": "Well:"}, call]}),
        json!({"role": "user", "content": [{"toolResult": result}, {"text": "Again."}]}),
    ];
    asked["messages"].as_array_mut().unwrap().extend(more);
    model.converse(&asked);
    let [(head, body)] = &server.got()[..] else { panic!("{:?}", server.got()) };
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "final_result"}}));
    let function = json!({"name": "final_result", "arguments": "{\"summary\": 1}"});
    let expected = json!([
        {"role": "system", "content": "Explain."},
        {"role": "user", "content": "How is it?"},
        {"role": "assistant", "content": "Well:",
         "tool_calls": [{"id": "a1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "a1", "content": "no string\n\n{\"at\": 1}"},
        {"role": "user", "content": "Again."}
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn text_is_an_answer_only_where_no_tool_had_to_be_used() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = json!({"choices": [{"message": {"role": "assistant", "content": "Fine."}, "finish_reason": "stop"}]});
    let server = Server::start(Does::Says(text.to_string()));
    let model = model(folder.path(), &format!("{}/some/base/chat/completions", server.url));
    let mut asked = question("**HAPPY**");
    asked["toolConfig"]["toolChoice"] = json!({"auto": {}});
    let answer = model.converse(&asked);
    assert_eq!(answer["output"]["message"]["content"], json!([{"text": "Fine."}]));
    assert_eq!(answer["stopReason"], "end_turn");
    let (head, body) = server.got().remove(0);
    assert!(head.starts_with("POST /some/base/chat/completions "), "{head}");
    assert_eq!(body["tool_choice"], "auto");
    asked.as_object_mut().unwrap().remove("toolConfig");
    model.converse(&asked);
    assert_eq!(server.got()[1].1.get("tools"), None);
}

/// Asks a model whose server fails: the rules have to answer, within some seconds, and one line has to say why.
#[track_caller]
fn expect_rules(url: &str, why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), url);
    let began = Instant::now();
    let answer = model.converse(&question("a secret prompt: **STRESSED**"));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    let summary = input(&answer)["summary"].as_str().unwrap();
    assert!(summary.starts_with("[local rules] The cluster is STRESSED."), "{summary}");
    let log = model.log_with("answered with final_result");
    let warnings: Vec<&str> = log.lines().filter(|it| !it.contains(" INFO ")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    for part in ["WARNING", "llama at 127.0.0.1", why, "answered by rules"] {
        assert!(warnings[0].contains(part), "`{part}` is not in {log}");
    }
    assert!(!log.contains(KEY) && !log.contains("secret prompt"), "{log}");
}

#[test]
fn where_the_model_fails_the_rules_answer_and_one_line_says_why() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let says = |it: &str| Does::Says(it.to_owned());
    let text = json!({"choices": [{"message": {"role": "assistant", "content": KEY}, "finish_reason": "stop"}]});
    for (does, why) in [
        (Does::Refuses(401, ""), "it answered 401"),
        (Does::Refuses(500, ""), "it answered 500"),
        (Does::Hangs, "did not answer within 1 s"),
        (Does::Drips, "did not answer within 1 s"),
        (Does::Babbles, "no HTTP"),
        (Does::HangsUp, "cannot be reached (RemoteDisconnected)"),
        (says(""), "no chat completion"),
        (says("<html>"), "no chat completion"),
        (says("[]"), "no chat completion"),
        (says(r#"{"choices": []}"#), "no chat completion"),
        (says(r#"{"choices": [{"message": {"tool_calls": [7]}}]}"#), "no chat completion"),
        (Does::Says(completion("final_result", "{not json")), "no chat completion"),
        (Does::Says(completion("final_result", r#"{"summary": "x", "more": NaN}"#)), "no chat completion"),
        (Does::Says(completion("final_result", r#"{"summary": "x", "more": 1e999}"#)), "no chat completion"),
        (Does::Says(text.to_string()), "it used no tool"),
        (Does::Says(completion(KEY, "{}")), "a tool that it was not given"),
        (Does::Says(completion("final_result", "{}")), "wrongly: the value lacks `summary`"),
        (Does::Says(completion("final_result", r#"{"summary": 7}"#)), "wrongly: the value.summary is not of the type"),
        (Does::Says(completion("final_result", "[]")), "wrongly"),
    ] {
        expect_rules(&Server::start(does).url, why);
    }
}

#[test]
fn a_server_that_is_down_or_not_there_fails_as_well() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    expect_rules(&format!("http://127.0.0.1:{port}/v1"), "cannot be reached (ConnectionRefusedError)");
    expect_rules(&format!("https://127.0.0.1:{port}/v1"), "cannot be reached (ConnectionRefusedError)");
}

#[test]
fn the_key_goes_to_nobody_whom_the_server_names() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let other = Server::start(Does::Says(completion("final_result", r#"{"summary": "x"}"#)));
    for status in [301, 302, 303, 307, 308] {
        let header: &'static str = format!("Location: {}/v1\r\n", other.url).leak();
        expect_rules(&Server::start(Does::Refuses(status, header)).url, &format!("it answered {status}"));
    }
    assert_eq!(other.got().len(), 0);
}

#[test]
fn the_key_is_read_anew_each_time_and_a_file_that_is_none_is_said() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Does::Says(completion("final_result", r#"{"summary": "x"}"#)));
    let model = model(folder.path(), &server.url);
    let file = folder.path().join("key");
    for (key, sent) in [("first", Some("first")), ("", None), ("second\n", Some("second"))] {
        fs::write(&file, key).unwrap();
        model.converse(&question("x"));
        let (head, _) = server.got().pop().unwrap();
        let found = head.lines().find_map(|it| it.strip_prefix("Authorization: Bearer "));
        assert_eq!(found, sent, "{head}");
    }
    for key in [&b"two\nlines"[..], b"\xff\xfe", "schl\u{fc}ssel".as_bytes()] {
        fs::write(&file, key).unwrap();
        let before = server.got().len();
        model.converse(&question("**HAPPY**"));
        assert_eq!(server.got().len(), before);
    }
    fs::remove_file(&file).unwrap();
    model.converse(&question("**HAPPY**"));
    let log = model.log_with_all("the file with its key", 4);
    assert_eq!(log.matches("the file with its key").count(), 4, "{log}");
    assert!(log.contains("cannot be read ("), "{log}");
    assert!(!log.contains("lines") || log.contains("more than one line"), "{log}");
}

#[test]
fn a_password_in_the_address_is_not_logged() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), "http://me:hunter2@127.0.0.1:1/v1?token=hunter2");
    model.converse(&question("**HAPPY**"));
    let log = model.log_with("answered with");
    assert!(!log.contains("hunter2"), "{log}");
}
