//! Requests that are none: each is told what is wrong with it, in the way of Bedrock.

use serde_json::{Value, json};

use super::{Model, PYTHON, question};
use crate::support::are_there;

fn with(path: &str, value: Value) -> String {
    let mut request = question("**HAPPY**");
    *request.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    request.to_string()
}

#[test]
fn a_request_of_the_wrong_form_is_a_validation_error_that_says_what_is_wrong() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let model = Model::start(&[]);
    let schema = "/toolConfig/tools/0/toolSpec/inputSchema/json";
    for (body, part) in [
        ("{".to_owned(), "no JSON"),
        ("\u{0}\u{1}".to_owned(), "no JSON"),
        ("[]".to_owned(), "`messages`"),
        ("{}".to_owned(), "`messages`"),
        (with("/messages", json!([])), "`messages`"),
        (with("/messages", json!("x")), "`messages`"),
        (with("/messages/0", json!(1)), "not of the form"),
        (with("/messages/0/role", json!("system")), "`role`"),
        (with("/messages/0/content", json!("x")), "`content`"),
        (with("/messages/0/content/0", json!(null)), "not of the form"),
        (with("/toolConfig", json!("x")), "not of the form"),
        (with("/toolConfig/tools", json!(7)), "not of the form"),
        (with("/toolConfig/tools/0/toolSpec", json!({})), "not of the form"),
        (with("/toolConfig/toolChoice", json!({"tool": {"name": "other"}})), "`other`, which is none of the tools"),
        (with(schema, json!({"$ref": "#/$defs/Gone"})), "`final_result`: the $ref '#/$defs/Gone' leads nowhere"),
        (with(schema, json!({"$ref": "http://elsewhere/x"})), "leads nowhere"),
        (with(schema, json!({"$ref": "#"})), "leads back to itself"),
        (with(schema, json!({"type": "integer", "minimum": 2, "maximum": 1})), "nothing was found"),
        (with(schema, json!({"type": "string", "pattern": "^never (this|that)$"})), "nothing was found"),
        (with(schema, json!({"required": ["a"], "properties": {"a": {"$ref": "#"}}})), "without end"),
    ] {
        let (status, head, answer) = model.post("/model/x/converse", &body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(head.contains("x-amzn-ErrorType: ValidationException"), "{head}");
        assert!(answer["message"].as_str().unwrap().contains(part), "{body}: {answer}");
    }
}

#[test]
fn what_it_is_not_there_for_it_does_not_know() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let model = Model::start(&[]);
    let body = question("x").to_string();
    for path in ["/model/x/converse-stream", "/model/x/invoke", "/model//converse", "/", "/model/x/y/converse"] {
        let (status, head, answer) = model.post(path, &body);
        assert_eq!(status, 404, "{path}");
        assert!(head.contains("x-amzn-ErrorType: UnknownOperationException"), "{head}");
        assert!(answer["message"].as_str().unwrap().contains(path), "{answer}");
    }
    assert_eq!(model.send("GET /other HTTP/1.1", "").0, 404);
}

#[test]
fn a_body_of_unknown_or_enormous_length_is_not_read() {
    if !are_there(&[PYTHON]) {
        return;
    }
    let model = Model::start(&[]);
    for length in ["", "\r\nContent-Length: x", "\r\nContent-Length: -1", "\r\nContent-Length: 99999999999"] {
        let (status, _, answer) = model.send(&format!("POST /model/x/converse HTTP/1.1{length}"), "");
        assert_eq!(status, 400, "{length}");
        assert!(answer["message"].as_str().unwrap().contains("Content-Length"), "{answer}");
    }
}
