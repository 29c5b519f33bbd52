//! HTTP to this machine only.
//!
//! Owns the one client with which this server connects anywhere. A [`Loopback`] cannot be made from any address
//! that is not loopback, and nothing else can be connected to. Knows nothing of AWS.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// An address on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loopback(SocketAddr);

/// An address that is not on this machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is not on this machine; the local AWS connects to loopback addresses only")]
pub(crate) struct NotLoopback(pub(crate) String);

impl TryFrom<SocketAddr> for Loopback {
    type Error = NotLoopback;

    fn try_from(address: SocketAddr) -> Result<Self, NotLoopback> {
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(NotLoopback(address.to_string())) }
    }
}

impl Loopback {
    /// The address behind the host and port of a URL. `localhost` and names below it are this machine
    /// (RFC 6761 section 6.3); every other name is refused without a look at DNS.
    pub(crate) fn of_host(host: &str, port: u16) -> Result<Self, NotLoopback> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if bare.eq_ignore_ascii_case("localhost") || bare.to_ascii_lowercase().ends_with(".localhost") {
            return Ok(Self(SocketAddr::from(([127, 0, 0, 1], port))));
        }
        match bare.parse::<IpAddr>() {
            Ok(address) => Self::try_from(SocketAddr::new(address, port)),
            Err(_) => Err(NotLoopback(host.to_owned())),
        }
    }
}

impl std::fmt::Display for Loopback {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("no connection to {0}: {1}")]
    Connect(Loopback, hyper_util::client::legacy::Error),
    #[error("the answer of {0} broke off: {1}")]
    Read(Loopback, String),
    #[error("not a request target: {0}")]
    Target(String),
    #[error("the handshake with {0} failed: {1}")]
    Handshake(Loopback, String),
}

/// Asks `to` to upgrade a connection of its own: the answer, and the connection if it was upgraded.
pub(crate) async fn upgrade(
    to: Loopback,
    request: Request<Bytes>,
) -> Result<(Response<Bytes>, Option<Upgraded>), SendError> {
    let failed = |error: &dyn std::fmt::Display| SendError::Handshake(to, error.to_string());
    let stream = TcpStream::connect(to.0).await.map_err(|error| failed(&error))?;
    // Frames are small; each goes out at once.
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    // It ends by itself: with its answer, or when it has been upgraded.
    tokio::spawn(connection.with_upgrades());
    let mut answer = sender.send_request(request.map(Full::new)).await.map_err(|error| failed(&error))?;
    let upgraded = match answer.status() {
        http::StatusCode::SWITCHING_PROTOCOLS => {
            Some(hyper::upgrade::on(&mut answer).await.map_err(|error| failed(&error))?)
        }
        _ => None,
    };
    let (parts, body) = answer.into_parts();
    let body = match upgraded {
        Some(_) => Bytes::new(),
        None => body.collect().await.map_err(|error| SendError::Read(to, error.to_string()))?.to_bytes(),
    };
    Ok((Response::from_parts(parts, body), upgraded))
}

/// A pooled HTTP/1.1 client.
#[derive(Clone)]
pub(crate) struct Client(HyperClient<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = HyperClient::builder(TokioExecutor::new())
            // Well under MiniStack's keep-alive of 75 s, so that no request meets a connection that is closing.
            .pool_idle_timeout(std::time::Duration::from_secs(20))
            .build(connector);
        Self(client)
    }

    /// Sends `request` to `to`, whatever authority its URI names, and reads the whole answer.
    pub(crate) async fn send(&self, to: Loopback, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let (mut parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let authority = Authority::try_from(to.to_string()).map_err(|error| SendError::Target(error.to_string()))?;
        parts.uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(authority)
            .path_and_query(target)
            .build()
            .map_err(|error| SendError::Target(error.to_string()))?;
        parts.version = http::Version::HTTP_11;
        let answer = self
            .0
            .request(Request::from_parts(parts, Full::new(body)))
            .await
            .map_err(|error| SendError::Connect(to, error))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| SendError::Read(to, error.to_string()))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// Takes away what belongs to one connection only (RFC 9110 section 7.6.1). `Expect` has been answered by then.
pub(crate) fn strip_connection_headers(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_can_be_addressed() {
        for there in ["192.0.2.1:80", "10.0.0.1:443", "169.254.169.254:80", "[2001:db8::1]:80", "0.0.0.0:80"] {
            let address: SocketAddr = there.parse().unwrap();
            assert_eq!(Loopback::try_from(address), Err(NotLoopback(address.to_string())));
        }
        for here in ["127.0.0.1:80", "127.8.8.8:1", "[::1]:80"] {
            assert!(Loopback::try_from(here.parse::<SocketAddr>().unwrap()).is_ok());
        }
    }

    #[test]
    fn names_outside_localhost_are_refused_without_a_lookup() {
        for there in ["models.internal.example", "example.com", "localhost.example.com", "1.1.1.1", "[::2]"] {
            assert!(Loopback::of_host(there, 80).is_err(), "{there}");
        }
        for here in ["localhost", "LOCALHOST", "a.execute-api.localhost", "127.0.0.1", "[::1]"] {
            assert!(Loopback::of_host(here, 80).is_ok(), "{here}");
        }
    }

    #[tokio::test]
    async fn the_authority_of_a_request_does_not_choose_the_machine() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = Loopback::try_from(listener.local_addr().unwrap()).unwrap();
        let app = axum::Router::new().fallback(|request: axum::extract::Request| async move {
            format!("{} {}", request.headers()["host"].to_str().unwrap(), request.uri())
        });
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let request =
            Request::get("http://192.0.2.1/a%2Fb?c=%20").header("host", "api.example.com").body(Bytes::new()).unwrap();
        let answer = Client::new().send(here, request).await.unwrap();
        assert_eq!(answer.body(), "api.example.com /a%2Fb?c=%20");
        server.abort();
    }
}
