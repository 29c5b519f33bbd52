//! Asks a host name for an answer over HTTPS, as its clients do: the name resolves, TLS is valid for it, and somebody
//! answers, of whom the certificate says who it is. It must not know who that should be.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderName, USER_AGENT};
use http::uri::Authority;
use http::{HeaderMap, Request};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use webpki::EndEntityCert;

use crate::error::shortened;
use crate::function::runtime::Lookup;

/// Bounds resolution, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bounds the wait for the head of the answer: API Gateway itself gives up on a backend after 30 s (AWS-FACTS 4.1.8).
const READ_TIMEOUT: Duration = Duration::from_secs(35);
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
/// The longest reason that is passed on, in characters: what peers say stands in it.
const MAX_REASON: usize = 200;
/// What the request says of itself, for whoever finds it in an access log.
const OUR_NAME: &str = "nameplate";
/// In place of a certificate, where there is no TLS: its serial number.
const SERIAL_WITHOUT_TLS: HeaderName = HeaderName::from_static("x-local-aws-certificate");
const LATE: &str = "it did not answer in time";

type Asking = Pin<Box<dyn Future<Output = Result<Answer, String>> + Send>>;

/// Asks host names for an answer.
#[derive(Clone)]
pub struct Probe(Arc<dyn Fn(String) -> Asking + Send + Sync>);

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// What a host name answered.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    /// The serial number of the certificate that was presented, in normal form.
    serial: Option<String>,
}

impl Answer {
    /// An answer of that status, with those headers, from whoever presented a certificate of that serial number.
    pub fn new(status: u16, headers: HeaderMap, serial: Option<&str>) -> Self {
        Self { status, headers, serial: serial.map(normal) }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the answer has a header, whatever its content.
    pub fn has(&self, header: &str) -> bool {
        self.headers.contains_key(header)
    }

    /// Whether the certificate that was presented has this serial number, in hexadecimal digits, whatever is between
    /// them.
    pub fn presents(&self, serial: &str) -> bool {
        self.serial.as_deref() == Some(normal(serial).as_str())
    }
}

/// A serial number as its hexadecimal digits, in lower case, without what stands between and before them.
fn normal(serial: &str) -> String {
    let digits: String = serial.chars().filter(char::is_ascii_hexdigit).collect();
    digits.trim_start_matches('0').to_ascii_lowercase()
}

impl Probe {
    /// A probe that trusts whom this machine trusts.
    ///
    /// Where `AWS_ENDPOINT_URL` is set, which is so on no AWS, names are asked there by their `Host`, as every client of
    /// the SDK goes there: then neither resolution nor TLS is proven, and a header stands for the certificate.
    pub fn new(lookup: Lookup<'_>) -> Self {
        match lookup("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()) {
            Some(endpoint) => Self::with(move |host| {
                let endpoint = endpoint.clone();
                async move { ask_at(&endpoint, &host).await }
            }),
            None => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Self::trusting(roots)
            }
        }
    }

    fn trusting(roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
            .map_err(|error| error.to_string());
        Self::with(move |host| {
            let config = config.clone();
            async move { ask_by_tls(config?, &host).await }
        })
    }

    /// A probe that asks in another way.
    pub fn with<F, A>(ask: F) -> Self
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Answer, String>> + Send + 'static,
    {
        Self(Arc::new(move |host| Box::pin(ask(host))))
    }

    /// Asks `host` for `/`, once.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ask(&self, host: &str) -> Result<Answer, String> {
        (self.0)(host.to_owned()).await
    }
}

async fn ask_by_tls(config: Arc<ClientConfig>, host: &str) -> Result<Answer, String> {
    let cannot = || format!("`{host}` cannot be asked");
    let authority: Authority = host.parse().map_err(|_| cannot())?;
    let name = ServerName::try_from(authority.host().to_owned()).map_err(|_| cannot())?;
    let connecting = async {
        let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(HTTPS_PORT))).await?;
        TlsConnector::from(config).connect(name, stream).await
    };
    let stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| LATE)?.map_err(|error| why(&error))?;
    let presented = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(serial_of);
    let (status, headers) = exchange(stream, host).await?;
    Ok(Answer { status, headers, serial: presented })
}

/// Asks for a host at the SDK's endpoint.
async fn ask_at(endpoint: &str, host: &str) -> Result<Answer, String> {
    let cannot = || format!("`{host}` cannot be asked at {endpoint}");
    let uri: http::Uri = endpoint.parse().map_err(|_| cannot())?;
    let address = (uri.host().ok_or_else(cannot)?, uri.port_u16().unwrap_or(HTTP_PORT));
    let connecting = TcpStream::connect(address);
    let stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| LATE)?.map_err(|error| why(&error))?;
    let (status, headers) = exchange(stream, host).await?;
    let serial = headers.get(SERIAL_WITHOUT_TLS).and_then(|value| value.to_str().ok()).map(normal);
    Ok(Answer { status, headers, serial })
}

/// One request and the head of its answer.
async fn exchange<S>(stream: S, host: &str) -> Result<(u16, HeaderMap), String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = Request::get("/").header(HOST, host).header(USER_AGENT, OUR_NAME).body(Empty::<Bytes>::new());
    let request = request.map_err(|_| format!("`{host}` cannot be asked"))?;
    let answering = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender and the answer, whose body nobody wants.
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let answer = timeout(READ_TIMEOUT, answering).await.map_err(|_| LATE)?.map_err(|error| why(&error))?;
    let (head, _) = answer.into_parts();
    Ok((head.status.as_u16(), head.headers))
}

/// The serial number of a certificate, in normal form.
fn serial_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let digits: String = certificate.serial().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(normal(&digits))
}

/// The innermost cause, which says most: that the name does not resolve, or what is wrong with the certificate.
fn why(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    shortened(&cause.to_string(), MAX_REASON).into_owned()
}

#[cfg(test)]
mod tests;
