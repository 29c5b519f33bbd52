//! A small HTTP server that stands for the AI service behind an API. It must not know AWS.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server on a free loopback port, until it is dropped.
pub struct Backend {
    url: String,
    task: JoinHandle<()>,
}

impl Backend {
    /// Starts the server. It answers every request with the request's first line and its headers as JSON.
    ///
    /// # Panics
    /// When no loopback port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Self { url, task }
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

async fn answer(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => seen.extend_from_slice(&buffer[..length]),
        }
    }
    let text = String::from_utf8_lossy(&seen);
    let line = text.lines().next().unwrap_or_default();
    let headers: serde_json::Map<_, _> = text
        .lines()
        .skip(1)
        .map_while(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
        .collect();
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
