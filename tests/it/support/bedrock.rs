//! The calls of Amazon Bedrock's knowledge bases that moto lacks, in the shapes of their public API model: one data
//! source, at most one running job.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

pub const KB: &str = "KB00000001";
pub const DS: &str = "DS00000001";

/// What a job looks like, one view per look at it; the last one stays.
#[derive(Clone)]
pub struct Job(Vec<Value>);

impl Job {
    /// Starts, runs and ends with this status; its statistics are the scanned, new, modified, deleted and failed ones.
    pub fn ending(status: &str, statistics: [u64; 5], reasons: &[&str]) -> Job {
        let view = |status: &str, counts: [u64; 5], reasons: &[&str]| {
            json!({"status": status, "failureReasons": reasons, "statistics": {
                "numberOfDocumentsScanned": counts[0], "numberOfNewDocumentsIndexed": counts[1],
                "numberOfModifiedDocumentsIndexed": counts[2], "numberOfDocumentsDeleted": counts[3],
                "numberOfDocumentsFailed": counts[4], "numberOfMetadataDocumentsScanned": 0,
                "numberOfMetadataDocumentsModified": 0}})
        };
        let scanned = [statistics[0], 0, 0, 0, 0];
        Job(vec![view("STARTING", [0; 5], &[]), view("IN_PROGRESS", scanned, &[]), view(status, statistics, reasons)])
    }

    /// Runs for ever.
    pub fn endless() -> Job {
        Job(vec![json!({"status": "IN_PROGRESS"})])
    }
}

#[derive(Default)]
struct State {
    /// The jobs that were started, the oldest first; what is left of the views of each.
    jobs: Vec<Job>,
    /// What the next ones will look like.
    coming: Vec<Job>,
    /// The operation that is denied.
    denied: Option<&'static str>,
    /// Whether a start is refused although nothing runs.
    busy: bool,
    /// How many looks at a job fail from now on.
    failing: usize,
    /// Why the knowledge base is of no use.
    broken: Option<&'static str>,
    calls: Vec<String>,
}

/// A server on a thread of its own.
#[derive(Clone)]
pub struct Bedrock {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Bedrock {
    /// Jobs that are started will look like `coming`, in that order.
    pub fn start(coming: &[Job]) -> Bedrock {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { coming: coming.to_vec(), ..State::default() }));
        let bedrock = Bedrock { url, state: Arc::clone(&state) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || serve(&stream, &state));
            }
        });
        bedrock
    }

    /// A job that somebody else started.
    pub fn with_running(self, job: Job) -> Bedrock {
        self.state.lock().unwrap().jobs.push(job);
        self
    }

    pub fn denying(self, operation: &'static str) -> Bedrock {
        self.state.lock().unwrap().denied = Some(operation);
        self
    }

    pub fn refusing_to_start(self) -> Bedrock {
        self.state.lock().unwrap().busy = true;
        self
    }

    /// The next looks at a job fail, as where a network is down for a moment.
    pub fn failing_looks(&self, count: usize) {
        self.state.lock().unwrap().failing = count;
    }

    /// The knowledge base itself has failed.
    pub fn broken(self, why: &'static str) -> Bedrock {
        self.state.lock().unwrap().broken = Some(why);
        self
    }

    /// The operations that were called, in order.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|it| *it == operation).count()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() <= 2 {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, error, answer) = answer(&mut state.lock().unwrap(), method, path, &body);
    let answer = answer.to_string();
    let kind = error.map_or(String::new(), |it| format!("x-amzn-ErrorType: {it}\r\n"));
    write!(
        &*stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{kind}Content-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )
    .ok();
}

type Answer = (u16, Option<&'static str>, Value);

fn answer(state: &mut State, method: &str, path: &str, body: &Value) -> Answer {
    let parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
    let operation = match (method, &parts[..]) {
        ("GET", ["knowledgebases", _]) => "GetKnowledgeBase",
        ("PUT", ["knowledgebases", _, "datasources", _, "ingestionjobs"]) => "StartIngestionJob",
        ("POST", ["knowledgebases", _, "datasources", _, "ingestionjobs"]) => "ListIngestionJobs",
        ("GET", ["knowledgebases", _, "datasources", _, "ingestionjobs", _]) => "GetIngestionJob",
        _ => return (404, Some("UnknownOperationException"), json!({"message": format!("{method} {path}")})),
    };
    state.calls.push(operation.to_owned());
    if state.denied == Some(operation) {
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to perform: bedrock:{operation} on \
             resource: arn:aws:bedrock:eu-west-1:123456789012:knowledge-base/{KB} because no identity-based policy allows it"
        );
        return (403, Some("AccessDeniedException"), json!({ "message": message }));
    }
    if parts[1] != KB || parts.get(3).is_some_and(|it| *it != DS) {
        return (404, Some("ResourceNotFoundException"), json!({"message": "no such knowledge base or data source"}));
    }
    match operation {
        "GetKnowledgeBase" => {
            let at = "2026-01-01T00:00:00+00:00";
            let status = if state.broken.is_some() { "FAILED" } else { "ACTIVE" };
            let reasons: Vec<&str> = state.broken.into_iter().collect();
            let base = json!({"failureReasons": reasons, "knowledgeBaseId": KB, "name": "demo-kb", "status": status, "createdAt": at,
                              "updatedAt": at, "roleArn": "arn:aws:iam::123456789012:role/demo",
                              "knowledgeBaseArn": format!("arn:aws:bedrock:eu-west-1:123456789012:knowledge-base/{KB}")});
            (200, None, json!({ "knowledgeBase": base }))
        }
        "StartIngestionJob" => start(state),
        "ListIngestionJobs" => (200, None, list(state, body)),
        _ if state.failing > 0 => {
            state.failing -= 1;
            (400, Some("ValidationException"), json!({"message": "for a moment"}))
        }
        _ => {
            let Some(number) = (0..state.jobs.len()).find(|it| id(*it) == parts[5]) else {
                return (404, Some("ResourceNotFoundException"), json!({"message": "no such job"}));
            };
            let job = whole(state, number);
            let views = &mut state.jobs[number].0;
            if views.len() > 1 {
                views.remove(0);
            }
            (200, None, json!({ "ingestionJob": job }))
        }
    }
}

fn start(state: &mut State) -> Answer {
    let runs = state.jobs.iter().any(|it| matches!(it.0[0]["status"].as_str(), Some("STARTING" | "IN_PROGRESS")));
    if runs || state.busy {
        return (409, Some("ConflictException"), json!({"message": "the data source is in use"}));
    }
    let job = state.coming.remove(0);
    state.jobs.push(job);
    (202, None, json!({ "ingestionJob": whole(state, state.jobs.len() - 1) }))
}

/// A page of summaries. Two to a page, so that a reader that ignores `nextToken` is found out.
fn list(state: &State, body: &Value) -> Value {
    let mut all: Vec<Value> = (0..state.jobs.len())
        .map(|number| {
            let mut job = whole(state, number);
            // The summaries of the real service lack them too.
            job.as_object_mut().unwrap().remove("failureReasons");
            job
        })
        .collect();
    if body["sortBy"] == json!({"attribute": "STARTED_AT", "order": "DESCENDING"}) {
        all.reverse();
    }
    let from: usize = body["nextToken"].as_str().map_or(0, |it| it.parse().unwrap());
    let page: Vec<Value> = all.iter().skip(from).take(2).cloned().collect();
    let mut answer = json!({ "ingestionJobSummaries": page });
    if from + 2 < all.len() {
        answer["nextToken"] = json!((from + 2).to_string());
    }
    answer
}

fn whole(state: &State, number: usize) -> Value {
    let mut job = state.jobs[number].0[0].clone();
    let at = format!("2026-01-{:02}T10:00:00+00:00", number + 1);
    for (name, value) in [
        ("ingestionJobId", id(number)),
        ("knowledgeBaseId", KB.to_owned()),
        ("dataSourceId", DS.to_owned()),
        ("startedAt", at.clone()),
        ("updatedAt", at),
    ] {
        job[name] = json!(value);
    }
    job
}

fn id(number: usize) -> String {
    format!("JOB{number:07}")
}
