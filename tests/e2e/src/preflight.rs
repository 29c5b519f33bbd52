//! What a browser asks before a page of another origin may call. It must not know what is allowed.

use std::collections::BTreeMap;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::{World, socket};

impl World {
    /// Whether a page of `origin` may `GET` this path: the status of the answer, and its headers.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn preflight(&self, host: &str, path: &str, origin: &str) -> (u16, BTreeMap<String, String>) {
        let mut stream = TcpStream::connect(self.address()).await.expect("a server");
        let request = format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        socket::head(&mut stream).await
    }
}
