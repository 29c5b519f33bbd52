//! Asks a host name for an answer over HTTPS, as its clients do: the name resolves, TLS is valid for it, and somebody
//! answers. It must not know who that should be.

use std::error::Error;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use crate::error::shortened;
use crate::runtime::{Lookup, TLS};

/// Bounds resolution, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bounds the wait for the head of the answer: API Gateway itself gives up on a backend after 30 s (AWS-FACTS 4.1).
const READ_TIMEOUT: Duration = Duration::from_secs(35);
/// The longest reason that is passed on, in characters: what peers say stands in it.
const MAX_REASON: usize = 200;
/// What the request says of itself, for whoever finds it in an access log.
const USER_AGENT: &str = "nameplate";

/// Asks host names for an answer.
#[derive(Clone, Debug)]
pub struct Probe {
    connector: SharedHttpConnector,
    endpoint: Option<String>,
}

/// What a host name answered.
#[derive(Debug)]
pub struct Answer(HttpResponse);

impl Answer {
    /// The status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Whether the answer has a header, whatever its content.
    pub fn has(&self, header: &str) -> bool {
        self.0.headers().contains_key(header)
    }
}

impl Probe {
    /// A probe with the HTTP client and the roots of trust of the SDK.
    ///
    /// Where `AWS_ENDPOINT_URL` is set, which is so on no AWS, names are asked there by their `Host`, as every client of
    /// the SDK goes there: then neither resolution nor TLS is proven.
    pub fn new(lookup: Lookup<'_>) -> Self {
        let timeouts = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
        let connector = Connector::builder().tls_provider(TLS).connector_settings(timeouts.build()).build();
        Self::with(SharedHttpConnector::new(connector), lookup("AWS_ENDPOINT_URL"))
    }

    /// A probe with another connector, and with what `AWS_ENDPOINT_URL` says.
    pub fn with(connector: SharedHttpConnector, endpoint: Option<String>) -> Self {
        Self { connector, endpoint: endpoint.filter(|url| !url.is_empty()) }
    }

    /// Asks `host` for `/`, once.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ask(&self, host: &str) -> Result<Answer, String> {
        let request = self.request(host).map_err(|_| format!("`{host}` cannot be asked"))?;
        self.connector.call(request).await.map(Answer).map_err(|error| why(&error))
    }

    fn request(&self, host: &str) -> Result<HttpRequest, Box<dyn Error + Send + Sync>> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.headers_mut().try_insert("user-agent", USER_AGENT)?;
        match &self.endpoint {
            None => request.set_uri(format!("https://{host}/"))?,
            Some(endpoint) => {
                request.set_uri(format!("{}/", endpoint.trim_end_matches('/')))?;
                request.headers_mut().try_insert("host", host.to_owned())?;
            }
        }
        Ok(request)
    }
}

/// The innermost cause, which says most: that the name does not resolve, or what is wrong with the certificate.
fn why(error: &ConnectorError) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    shortened(&cause.to_string(), MAX_REASON).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers one request and gives back its head.
    async fn server() -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let head = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.expect("a request");
            let answer = b"HTTP/1.1 404 Not Found\r\nApigw-Requestid: a\r\ncontent-length: 0\r\n\r\n";
            // A client that ended the handshake needs no answer.
            let _ = stream.write_all(answer).await;
            String::from_utf8_lossy(&head[..length]).into_owned()
        });
        (address, head)
    }

    #[tokio::test]
    async fn a_name_is_asked_at_the_sdks_endpoint_by_its_host() {
        let (address, head) = server().await;
        for url in [format!("http://{address}/"), String::new()] {
            let probe = Probe::new(&|name| (name == "AWS_ENDPOINT_URL").then(|| url.clone()));
            assert_eq!(probe.endpoint.is_some(), !url.is_empty());
        }
        let answer =
            Probe::new(&|_| Some(format!("http://{address}/"))).ask("api.example.com").await.expect("an answer");
        assert_eq!((answer.status(), answer.has("apigw-requestid"), answer.has("server")), (404, true, false));
        let head = head.await.expect("a request").to_ascii_lowercase();
        assert!(head.starts_with("get / http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nhost: api.example.com\r\n") && head.contains("user-agent: nameplate"), "{head}");
    }

    #[tokio::test]
    async fn without_that_endpoint_a_name_is_asked_over_tls_and_nothing_else_is_an_answer() {
        let (address, head) = server().await;
        let said = Probe::new(&|_| None).ask(&address).await.expect_err("no TLS there");
        // What came in is a TLS handshake (RFC 8446, 5.1), and what it got in return is none.
        assert!(head.await.expect("a request").starts_with('\u{16}'));
        assert!(said.to_ascii_lowercase().contains("invalid"), "{said}");
    }

    #[tokio::test]
    async fn who_does_not_answer_is_said_why() {
        // A label of this top-level domain never resolves (RFC 6761, 6.4).
        let said = Probe::new(&|_| None).ask("api.name.invalid").await.expect_err("no such name");
        assert!(!said.is_empty() && said.chars().count() <= MAX_REASON, "{said}");
        let said = Probe::new(&|_| None).ask("no name").await.expect_err("no name");
        assert!(said.contains("no name"), "{said}");
        let slow = ConnectorError::timeout("slow".into());
        assert_eq!(why(&slow), "it did not answer in time");
        let long = ConnectorError::io("x".repeat(1_000).into());
        assert_eq!(why(&long).chars().count(), MAX_REASON);
    }
}
