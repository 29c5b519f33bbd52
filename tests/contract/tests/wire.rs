//! What a real process posts to the Lambda runtime API, and so what Step Functions gets to see: names of ours
//! only, whatever the input and whatever happens. It must not know any step.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use nameplate::Class;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};

/// Stands in inputs where it must not come out again.
const MARK: &str = "MARK-7f3a";
/// Ends a test whose process hangs; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the process posted: `response` or `error`, and the document.
type Posted = (String, Value);

/// A Lambda runtime API with a fixed list of events, given out one by one.
struct FakeRuntime {
    events: Mutex<Vec<String>>,
    posted: mpsc::UnboundedSender<Posted>,
}

async fn next(State(runtime): State<Arc<FakeRuntime>>) -> (HeaderMap, String) {
    let Some(event) = runtime.events.lock().await.pop() else { return std::future::pending().await };
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", "request-1".parse().expect("a header"));
    headers.insert("lambda-runtime-deadline-ms", "4102444800000".parse().expect("a header"));
    headers.insert("content-type", "application/json".parse().expect("a header"));
    (headers, event)
}

async fn posted(
    State(runtime): State<Arc<FakeRuntime>>,
    Path((_, kind)): Path<(String, String)>,
    body: String,
) -> StatusCode {
    let document = serde_json::from_str(&body).expect("the process posts JSON");
    runtime.posted.send((kind, document)).expect("the test listens");
    StatusCode::ACCEPTED
}

/// Gives the events to one process, in order, and returns what it posted and what it logged.
async fn serve(events: Vec<Value>) -> (Vec<Posted>, String) {
    serve_texts(events.iter().map(Value::to_string).collect()).await
}

/// The same with events as text, which may be what no [`Value`] can hold.
async fn serve_texts(mut events: Vec<String>) -> (Vec<Posted>, String) {
    let count = events.len();
    events.reverse();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let runtime = Arc::new(FakeRuntime { events: Mutex::new(events), posted: sender });
    let invocation = "/2018-06-01/runtime/invocation";
    let api = Router::new()
        .route(&format!("{invocation}/next"), get(next))
        .route(&format!("{invocation}/{{id}}/{{kind}}"), post(posted))
        .with_state(runtime);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move { axum::serve(listener, api).await });
    let mut process = Command::new(env!("CARGO_BIN_EXE_wire-probe"))
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "wire-probe")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the probe starts");
    let mut answers = Vec::new();
    while answers.len() < count {
        let answer = tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("the process posts something");
        answers.push(answer.expect("the server runs"));
    }
    process.start_kill().expect("the probe still runs");
    let output = process.wait_with_output().await.expect("its output");
    server.abort();
    // Lambda puts both into the log.
    let log = [output.stdout, output.stderr].concat();
    (answers, String::from_utf8(log).expect("text"))
}

/// The keys of an object, sorted.
fn keys(document: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = document.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The failure in an error document, after a look at its form.
fn failure((kind, document): &Posted) -> (String, Value) {
    assert_eq!(kind, "error", "{document}");
    assert_eq!(keys(document), ["errorMessage", "errorType"]);
    assert!(!document.to_string().contains("::"), "a Rust name: {document}");
    let message: Value =
        serde_json::from_str(document["errorMessage"].as_str().expect("a string")).expect("the message is JSON");
    assert_eq!(keys(&message), ["code", "reason", "remedy"]);
    for text in message.as_object().expect("an object").values() {
        assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{message}");
    }
    (document["errorType"].as_str().expect("a string").to_owned(), message)
}

#[tokio::test]
async fn an_answer_is_posted_as_the_step_gave_it() {
    let (posted, _) = serve(vec![json!({"answer": 7}), json!({"answer": 8})]).await;
    let response = |number: u32| ("response".to_owned(), json!({"givenAnswer": number}));
    assert_eq!(posted, [response(7), response(8)]);
}

#[tokio::test]
async fn each_class_is_posted_under_its_own_name_with_code_reason_and_remedy() {
    let events = Class::ALL.iter().map(|class| json!({"fail": class})).collect();
    let (posted, _) = serve(events).await;
    for (class, posted) in Class::ALL.iter().zip(&posted) {
        let (error_type, message) = failure(posted);
        assert_eq!(error_type, class.error_type());
        assert_eq!(message, json!({"code": "Probe", "reason": "a \"quoted\" reason", "remedy": "a remedy"}));
    }
}

#[tokio::test]
async fn input_of_a_wrong_shape_is_a_failure_of_ours_that_repeats_nothing_of_it() {
    let events =
        vec![json!({"answer": MARK}), json!(MARK), json!([MARK]), json!(null), json!({"fail": MARK}), json!({})];
    let (posted, log) = serve(events).await;
    for posted in &posted {
        let (error_type, message) = failure(posted);
        assert_eq!((error_type.as_str(), &message["code"]), ("Nameplate.Failed", &json!("BadStepInput")));
        assert!(!posted.1.to_string().contains(MARK), "{}", posted.1);
    }
    assert!(!log.contains(MARK), "{log}");
}

#[tokio::test]
async fn json_that_cannot_be_taken_in_is_a_failure_of_ours_too() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let long = format!(r#"{{"{}": 1}}"#, MARK.repeat(20_000));
    let texts = [deep.as_str(), r#"{"answer": 1e999}"#, r#"{"answer": "\ud800"}"#, r#"{"\ud800": 1}"#, &long];
    let (posted, log) = serve_texts(texts.map(str::to_owned).to_vec()).await;
    for posted in &posted {
        let (error_type, message) = failure(posted);
        assert_eq!((error_type.as_str(), &message["code"]), ("Nameplate.Failed", &json!("BadStepInput")));
        assert!(posted.1.to_string().len() < 2_000, "it repeats what was sent: {}", posted.1);
    }
    assert!(log.len() < 20_000, "the log repeats what was sent");
}

#[tokio::test]
async fn a_panic_is_a_failure_of_ours_and_the_process_goes_on() {
    let (posted, log) = serve(vec![json!({"panic": MARK}), json!({"answer": 9})]).await;
    let (error_type, message) = failure(&posted[0]);
    assert_eq!((error_type.as_str(), &message["code"]), ("Nameplate.Failed", &json!("Panic")));
    assert!(!posted[0].1.to_string().contains("as asked"), "{}", posted[0].1);
    assert!(log.contains("wire-probe.rs:") && !log.contains(MARK), "the log says where and not what: {log}");
    assert_eq!(posted[1], ("response".to_owned(), json!({"givenAnswer": 9})));
}

#[tokio::test]
async fn what_the_sdk_says_is_not_logged() {
    let (posted, log) = serve(vec![json!({"sdkError": MARK})]).await;
    assert_eq!(posted[0].0, "response", "{posted:?}");
    assert!(log.contains("wire-probe") && !log.contains(MARK), "{log}");
}

#[tokio::test]
async fn the_end_of_each_step_is_logged_as_json_with_the_steps_name() {
    let (_, log) = serve(vec![json!({"answer": 1}), json!({"fail": "Refused"})]).await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    // The Lambda runtime's own crate has lines of its own, outside the step.
    let ours: Vec<&Value> = lines.iter().filter(|line| line["span"]["step"] == "wire-probe").collect();
    let [done, failed] = ours.as_slice() else { panic!("not two lines: {ours:#?}") };
    assert_eq!((&done["fields"]["message"], &done["span"]["request_id"]), (&json!("done"), &json!("request-1")));
    assert_eq!(failed["fields"]["message"], "failed");
    assert_eq!(failed["fields"]["class"], Class::Refused.error_type());
}
