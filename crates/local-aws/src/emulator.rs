//! Our own calls to MiniStack, as the account's administrator.
//!
//! Owns how a call is put on the wire for each of AWS's protocols. These calls are not recorded. Must not know why
//! it is called.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::answer;
use crate::net::{Client, Loopback, SendError};
use crate::sigv4::{KeyPair, SignError, sign_request};

/// Why MiniStack did not do what we asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmulatorError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("{what} was refused: {status} {code}")]
    Refused { what: String, status: StatusCode, code: String },
    #[error("the answer to {what} cannot be read: {reason}")]
    Unreadable { what: String, reason: String },
}

/// MiniStack, seen by its administrator.
#[derive(Clone)]
pub(crate) struct Emulator {
    client: Client,
    address: Loopback,
    keys: KeyPair,
    region: String,
}

impl Emulator {
    pub(crate) fn new(client: Client, address: Loopback, keys: KeyPair, region: String) -> Self {
        Self { client, address, keys, region }
    }

    /// The same, called with other keys.
    pub(crate) fn with_keys(&self, keys: KeyPair) -> Self {
        Self { keys, ..self.clone() }
    }

    /// The same, called in another region.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// Hands on a caller's request as it is.
    pub(crate) async fn forward(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        self.client.send(self.address, request).await
    }

    /// Hands on a client's handshake: the answer, and the connection if it was upgraded.
    pub(crate) async fn upgrade(
        &self,
        request: Request<Bytes>,
    ) -> Result<(Response<Bytes>, Option<hyper::upgrade::Upgraded>), SendError> {
        crate::net::upgrade(self.address, request).await
    }

    /// A JSON 1.0 or 1.1 call. `target` is what goes into `X-Amz-Target`.
    pub(crate) async fn json(&self, service: &str, target: &str, input: &Value) -> Result<Value, EmulatorError> {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::from(input.to_string()));
        let answer = self.call(service, target, request).await?;
        parse(target, answer.body())
    }

    /// A REST call with a JSON body and a JSON answer.
    pub(crate) async fn rest_json(
        &self,
        service: &str,
        method: Method,
        target: &str,
        input: Option<&Value>,
    ) -> Result<Value, EmulatorError> {
        let body = input.map_or_else(Bytes::new, |input| Bytes::from(input.to_string()));
        let request =
            Request::builder().method(method).uri(target).header("content-type", "application/json").body(body);
        let answer = self.call(service, target, request).await?;
        if answer.body().is_empty() { Ok(Value::Null) } else { parse(target, answer.body()) }
    }

    /// A REST call with an XML body and an XML answer.
    pub(crate) async fn rest_xml(
        &self,
        service: &str,
        method: Method,
        target: &str,
        body: impl Into<Bytes>,
    ) -> Result<String, EmulatorError> {
        let request =
            Request::builder().method(method).uri(target).header("content-type", "text/xml").body(body.into());
        let answer = self.call(service, target, request).await?;
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }

    /// A Query call, with an XML answer.
    pub(crate) async fn query(&self, service: &str, fields: &[(&str, &str)]) -> Result<String, EmulatorError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request =
            Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(Bytes::from(body));
        let answer = self.call(service, fields.first().map_or("", |(_, action)| action), request).await?;
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }

    /// Starts a function and does not wait for it.
    pub(crate) async fn invoke_event(&self, function: &str, payload: &Value) -> Result<(), EmulatorError> {
        let target = format!("/2015-03-31/functions/{}/invocations", encode(function));
        let request = Request::post(&target)
            .header("content-type", "application/json")
            .header("x-amz-invocation-type", "Event")
            .body(Bytes::from(payload.to_string()));
        self.call("lambda", &target, request).await.map(|_| ())
    }

    async fn call(
        &self,
        service: &str,
        what: &str,
        request: http::Result<Request<Bytes>>,
    ) -> Result<Response<Bytes>, EmulatorError> {
        let mut request =
            request.map_err(|error| EmulatorError::Unreadable { what: what.to_owned(), reason: error.to_string() })?;
        let host = self.address.to_string().parse().expect("an address is a header value");
        request.headers_mut().insert("host", host);
        sign_request(&mut request, &self.keys, &self.region, service)?;
        let answer = self.client.send(self.address, request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer::error_code(answer.headers(), answer.body()).unwrap_or_default();
        Err(EmulatorError::Refused { what: what.to_owned(), status: answer.status(), code })
    }
}

/// A value as one segment of a path.
pub(crate) fn encode(segment: &str) -> String {
    percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn parse(what: &str, body: &Bytes) -> Result<Value, EmulatorError> {
    serde_json::from_slice(body)
        .map_err(|error| EmulatorError::Unreadable { what: what.to_owned(), reason: error.to_string() })
}
