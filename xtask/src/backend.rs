//! The demo's AI service: a small HTTP server on this machine that answers a chat completion.
//! It must not know AWS: it is what a user already has before Nameplate comes.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The path it answers.
pub(crate) const PATH: &str = "/v1/chat/completions";

/// The running server; it ends when this is dropped.
pub(crate) struct Backend {
    port: u16,
    mark: String,
    server: AbortHandle,
}

impl Backend {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the demo's backend has no port")?;
        let port = listener.local_addr().context("the demo's backend has no port")?.port();
        // Nobody else answers with this: the demo can tell that it was really us.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mark = format!("chatcmpl-{:x}", now.as_nanos());
        let server = tokio::spawn(serve(listener, mark.clone())).abort_handle();
        Ok(Self { port, mark, server })
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Whether an answer is ours.
    pub(crate) fn answered(&self, answer: &Value) -> bool {
        answer["id"] == self.mark.as_str()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, mark: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let mark = mark.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, mark.clone()));
            // A caller that goes away in the middle is no concern of ours.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, mark: String) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match (method, path.as_str()) {
        (Method::POST, PATH) if asked["messages"].is_array() => (
            StatusCode::OK,
            json!({
                "id": mark,
                "object": "chat.completion",
                "model": asked["model"],
                "choices": [{
                    "index": 0,
                    "message": { "role": "assistant", "content": "Yes. The name resolves, and API Gateway brought you here." },
                    "finish_reason": "stop",
                }],
            }),
        ),
        (Method::POST, PATH) => (StatusCode::BAD_REQUEST, json!({ "error": { "message": "`messages` is missing" } })),
        _ => (StatusCode::NOT_FOUND, json!({ "error": { "message": format!("no such path: {path}") } })),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_aws::{AwsClient, KeyPair};

    async fn ask(backend: &Backend, path: &str, body: &'static str) -> (u16, Value) {
        let nobody = KeyPair { access_key_id: String::new(), secret_access_key: String::new(), session_token: None };
        let client = AwsClient::new(&backend.url(), "us-east-1", nobody).unwrap();
        let (status, body) = client.at_host(Method::POST, "x", path, body).await.unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }

    #[tokio::test]
    async fn only_a_chat_is_answered_with_the_mark() {
        let backend = Backend::start().await.unwrap();
        let (status, answer) = ask(&backend, PATH, r#"{"model": "m", "messages": []}"#).await;
        assert_eq!((status, &answer["model"]), (200, &json!("m")));
        assert!(backend.answered(&answer));
        for (path, body, expected) in [(PATH, "{}", 400), ("/", r#"{"messages": []}"#, 404)] {
            let (status, answer) = ask(&backend, path, body).await;
            assert_eq!(status, expected);
            assert!(!backend.answered(&answer));
        }
    }
}
