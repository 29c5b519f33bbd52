//! A client for whoever uses a running local AWS: signed calls of each protocol, the control interface, and
//! plain requests to an API's host name. It must not know what is asked.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Uri};
use serde_json::Value;

use crate::emulator::{Emulator, EmulatorError, encode};
use crate::identity::execution_credentials;
use crate::net::{Client, Loopback, NotLoopback, SendError};
use crate::sigv4::KeyPair;

/// Why a call gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CallError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0} is no URL of a host and port")]
    Endpoint(String),
    #[error(transparent)]
    Address(#[from] NotLoopback),
    #[error(transparent)]
    Call(#[from] EmulatorError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the control interface answered {path} with {status}: {body}")]
    Control { path: String, status: http::StatusCode, body: String },
    #[error("not a request: {0}")]
    Request(#[from] http::Error),
    #[error("the answer to {path} is no JSON: {error}")]
    Json { path: String, error: serde_json::Error },
}

/// A client of the local AWS at one endpoint, with one key pair.
#[derive(Clone)]
pub struct AwsClient {
    services: Emulator,
    plain: Client,
    address: Loopback,
    region: String,
}

impl AwsClient {
    /// A client of the server at `endpoint`, for example `http://127.0.0.1:4566`.
    ///
    /// # Errors
    /// When the endpoint is no address of this machine.
    pub fn new(endpoint: &str, region: &str, keys: KeyPair) -> Result<Self, CallError> {
        let wrong = || Reason::Endpoint(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
        let (host, port) = uri.host().zip(uri.port_u16()).ok_or_else(wrong)?;
        Ok(Self::at(Loopback::of_host(host, port).map_err(Reason::from)?, region, keys))
    }

    /// A client of the server at `address`.
    ///
    /// # Errors
    /// When the address is not one of this machine.
    pub fn connect(address: SocketAddr, region: &str, keys: KeyPair) -> Result<Self, CallError> {
        Ok(Self::at(Loopback::try_from(address).map_err(Reason::from)?, region, keys))
    }

    fn at(address: Loopback, region: &str, keys: KeyPair) -> Self {
        let plain = Client::new();
        let region = region.to_owned();
        Self { services: Emulator::new(plain.clone(), address, keys, region.clone()), plain, address, region }
    }

    /// The same client, calling in another region. Only certificates live in more than one.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self { services: self.services.in_region(region), region: region.to_owned(), ..self.clone() }
    }

    /// A client with the credentials that a deployed Lambda function has: those of its role. What it may do is what
    /// the function may do. They hold once the function has been invoked. This client's own must be allowed to look
    /// at the function.
    ///
    /// # Errors
    /// When there is no such function, or no answer comes.
    pub async fn as_function(&self, function: &str) -> Result<Self, CallError> {
        let path = format!("/2015-03-31/functions/{}/configuration", encode(function));
        let configuration = self.rest_json("lambda", Method::GET, &path, None).await?;
        let field = |name: &str| configuration[name].as_str().unwrap_or_default();
        let keys = execution_credentials(field("FunctionArn"), field("Role"));
        Ok(Self::at(self.address, &self.region, keys))
    }

    /// A call of a service that speaks JSON 1.0 or 1.1; `target` is its `X-Amz-Target`.
    ///
    /// # Errors
    /// When no answer comes, or it is an error: then with AWS's name for it.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value, CallError> {
        Ok(self.services.json(service, target, body).await.map_err(Reason::from)?)
    }

    /// A REST call with JSON bodies.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub async fn rest_json(
        &self,
        service: &str,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, CallError> {
        Ok(self.services.rest_json(service, method, target, body).await.map_err(Reason::from)?)
    }

    /// A REST call with XML bodies.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub async fn rest_xml(
        &self,
        service: &str,
        method: Method,
        target: &str,
        body: String,
    ) -> Result<String, CallError> {
        Ok(self.services.rest_xml(service, method, target, body).await.map_err(Reason::from)?)
    }

    /// A call of a service with the Query protocol, such as IAM: fields in, XML out. `Action` comes first.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub async fn query(&self, service: &str, fields: &[(&str, &str)]) -> Result<String, CallError> {
        Ok(self.services.query(service, fields).await.map_err(Reason::from)?)
    }

    /// A call of the control interface, below `/_local/`.
    ///
    /// # Errors
    /// When no answer comes, or it says no.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", "application/json")
            .body(body)
            .map_err(Reason::from)?;
        let answer = self.plain.send(self.address, request).await.map_err(Reason::from)?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if !answer.status().is_success() {
            return Err(Reason::Control { path: path.to_owned(), status: answer.status(), body: text }.into());
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&text).map_err(|error| Reason::Json { path: path.to_owned(), error })?)
    }

    /// Asks an API at `host`, as a client that resolves the name in the local DNS: status and body.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn at_host(
        &self,
        method: Method,
        host: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<(u16, String), CallError> {
        self.at_host_with(method, host, path, &[("content-type", "application/json")], body).await
    }

    /// The same with the client's own headers.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn at_host_with(
        &self,
        method: Method,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<(u16, String), CallError> {
        let request = Request::builder().method(method).uri(path).header("host", host);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(body.into()).map_err(Reason::from)?;
        let answer = self.plain.send(self.address, request).await.map_err(Reason::from)?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }
}
