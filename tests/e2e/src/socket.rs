//! A WebSocket client, as small as the tests need it (RFC 6455): text frames, one at a time. It must not know AWS.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// When a test gives up on a frame.
const FRAME_WITHIN: Duration = Duration::from_secs(60);
/// What the server must make of the client's nonce; any nonce will do where only one client speaks.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// The head of an answer: its status and its headers, with their names in lower case. What follows stays in the stream.
///
/// # Panics
/// When none comes that HTTP knows.
pub(crate) async fn head(stream: &mut TcpStream) -> (u16, BTreeMap<String, String>) {
    let mut head = Vec::new();
    // Byte by byte: what follows may be frames.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(FRAME_WITHIN, stream.read_u8()).await.expect("in time").expect("an answer"));
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    (status.unwrap_or_else(|| panic!("{head}")), headers)
}

/// An open connection.
pub struct Socket {
    stream: TcpStream,
}

impl Socket {
    /// Connects to `path` at `host` through the server at `address`: the connection, or the status of the refusal.
    ///
    /// # Panics
    /// When no answer comes that HTTP knows.
    pub async fn connect(address: &str, host: &str, path: &str) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(address).await.expect("a server");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        match head(&mut stream).await {
            (101, _) => Ok(Self { stream }),
            (status, _) => Err(status),
        }
    }

    /// Sends a text.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send(&mut self, text: &str) {
        self.frame(TEXT, text.as_bytes()).await;
    }

    async fn frame(&mut self, kind: u8, payload: &[u8]) {
        // Final, masked by zeros, which leave the payload as it is.
        let mut frame = vec![0x80 | kind];
        match u16::try_from(payload.len()).expect("a short text") {
            length @ 0..126 => frame.push(0x80 | length.to_le_bytes()[0]),
            length => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).await.expect("sent");
    }

    /// The next text that comes in.
    ///
    /// # Panics
    /// When none comes, or the connection ends instead.
    pub async fn receive(&mut self) -> String {
        tokio::time::timeout(FRAME_WITHIN, self.next_text()).await.expect("no frame came")
    }

    async fn next_text(&mut self) -> String {
        loop {
            let kind = self.stream.read_u8().await.expect("a frame") & 0x0f;
            let length = match self.stream.read_u8().await.expect("a length") & 0x7f {
                126 => usize::from(self.stream.read_u16().await.expect("a length")),
                127 => usize::try_from(self.stream.read_u64().await.expect("a length")).expect("a short text"),
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await.expect("a payload");
            match kind {
                TEXT => return String::from_utf8(payload).expect("text"),
                PING => self.frame(PING + 1, &payload).await,
                kind => assert_ne!(kind, CLOSE, "the connection was closed: {payload:?}"),
            }
        }
    }
}
