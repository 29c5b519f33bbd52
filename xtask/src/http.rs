//! One HTTP request to a port of this machine, and its whole answer.
//! It must not know AWS, and connects nowhere else.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest wait for an answer: API Gateway itself gives up after 30 s (AWS-FACTS 4.6).
const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// Sends `request`, which must carry its own `Host`, to a port of 127.0.0.1.
///
/// # Errors
/// When nobody listens, or the answer breaks off or takes too long.
pub(crate) async fn send(port: u16, request: Request<Bytes>) -> Result<Response<Bytes>> {
    let exchange = async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request.map(Full::new)).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        drop(sender);
        connection.abort();
        anyhow::Ok(Response::from_parts(parts, body))
    };
    tokio::time::timeout(ANSWER_LIMIT, exchange).await.context("no answer in time")?
}
