//! A small HTTP server that stands for the AI service behind an API. It must not know AWS.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server on a free loopback port, until it is dropped.
pub struct Backend {
    url: String,
    task: JoinHandle<()>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Backend {
    /// Starts the server. It answers every request with the request's first line and its headers as JSON.
    ///
    /// # Panics
    /// When no loopback port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let all = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&all)));
            }
        });
        Self { url, task, seen }
    }

    /// The requests so far: first line, headers and body.
    ///
    /// # Panics
    /// When another thread has panicked over them.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().expect("whole").clone()
    }

    /// `http://127.0.0.1:<port>` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, all: Arc<Mutex<Vec<Value>>>) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => seen.extend_from_slice(&buffer[..length]),
        }
    }
    let head = seen.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_default() + 4;
    let text = String::from_utf8_lossy(&seen[..head]).into_owned();
    let line = text.lines().next().unwrap_or_default();
    let headers: serde_json::Map<_, _> = text
        .lines()
        .skip(1)
        .map_while(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
        .collect();
    let length = headers.get("content-length").and_then(|value: &Value| value.as_str()?.parse().ok()).unwrap_or(0);
    while seen.len() < head + length {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => seen.extend_from_slice(&buffer[..read]),
        }
    }
    let given = String::from_utf8_lossy(&seen[head..]);
    let request = serde_json::json!({"request": line, "headers": headers, "body": given});
    if let Ok(mut all) = all.lock() {
        all.push(request);
    }
    let body = serde_json::json!({"backend": "answered", "request": line, "headers": headers}).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A client that went away needs no answer.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
}
