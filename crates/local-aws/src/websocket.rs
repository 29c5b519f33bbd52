//! Connections to WebSocket APIs.
//!
//! Owns to which API and stage a handshake leads, and carries the connection through to MiniStack, both ways. Which
//! route a frame takes, and what becomes of it, is MiniStack's and `messages.py`'s. Frames are not in the record of
//! calls, the handshake is.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::dataplane::{self, Destination};
use crate::emulator::encode;
use crate::identity::Caller;
use crate::local::Local;
use crate::net::strip_connection_headers;
use crate::record::Call;
use crate::{apis, permission};

/// Where `messages.py` asks whether a route may call its function.
pub(crate) const PERMISSION: &str = "/_local/permission";

/// Whether a request asks for a WebSocket (RFC 6455 section 4.1).
pub(crate) fn is_handshake(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers a handshake, and carries the connection from then on if it is accepted.
pub(crate) async fn serve(local: &Arc<Local>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let client = hyper::upgrade::on(&mut request);
    let request = request.map(|_| Bytes::new());
    let seq = local.record.begin(Call {
        service: "execute-api".to_owned(),
        action: "Invoke".to_owned(),
        resource: Some(dataplane::host(&request)),
        ..Call::arriving(local.clock.now(), Caller::Nobody.label())
    });
    let answer = match handshake(local, request).await {
        Ok(handshake) => connect(local, handshake, client).await,
        Err(refusal) => *refusal,
    };
    local.record.end(seq, answer.status().as_u16(), None);
    answer.map(Full::new)
}

/// The handshake as MiniStack takes it; else the answer that the client gets.
async fn handshake(local: &Local, mut request: Request<Bytes>) -> Result<Request<Bytes>, Box<Answer>> {
    let name = dataplane::host(&request);
    let Destination { target, .. } = dataplane::resolve(local, &name, request.uri().path()).await?;
    let (api, stage, path) = target.ok_or_else(forbidden)?;
    if apis::protocol(local, &api).await.as_deref() != Some("WEBSOCKET") || !deployed(local, &api, &stage).await {
        return Err(forbidden());
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    *request.uri_mut() = format!("/{}{path}{query}", encode(&stage)).parse().map_err(|_| forbidden())?;
    request.headers_mut().insert(HOST, dataplane::default_endpoint(&api));
    Ok(request)
}

/// Whether a stage answers at all: it must be on a deployment (Developer Guide, "Deploy WebSocket APIs"), which a stage
/// that deploys by itself always is.
async fn deployed(local: &Local, api: &str, stage: &str) -> bool {
    let target = format!("/v2/apis/{}/stages/{}", encode(api), encode(stage));
    match local.emulator.rest_json("apigateway", Method::GET, &target, None).await {
        Ok(found) => found["deploymentId"].is_string() || found["autoDeploy"] == true,
        Err(_) => false,
    }
}

/// What a handshake gets that leads to no stage.
fn forbidden() -> Box<Answer> {
    Box::new(answer::json(StatusCode::FORBIDDEN, "application/json", &json!({ "message": "Forbidden" })))
}

async fn connect(local: &Arc<Local>, handshake: Request<Bytes>, client: OnUpgrade) -> Answer {
    let (mut answer, upgraded) = match local.emulator.upgrade(handshake).await {
        Ok(answered) => answered,
        Err(error) => return answer::no_answer(&error),
    };
    let Some(upgraded) = upgraded else {
        strip_connection_headers(answer.headers_mut());
        return answer;
    };
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    local.spawn(async move {
        // An error is a connection that was cut, by one of the two.
        let Ok(client) = client.await else { return };
        let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(upgraded));
        let _cut = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    answer
}

/// Answers whether a route may call its function: `missing` says why not.
pub(crate) async fn permission(local: &Local, request: &Request<Bytes>) -> Answer {
    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let missing = permission::missing_for(local, text("api"), text("stage"), &asked["route"]).await;
    answer::json(StatusCode::OK, "application/json", &json!({ "missing": missing }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_known_by_what_it_asks_for() {
        let headers = |value: &'static str| HeaderMap::from_iter([(UPGRADE, HeaderValue::from_static(value))]);
        assert!(is_handshake(&headers("websocket")) && is_handshake(&headers("WebSocket")));
        assert!(!is_handshake(&headers("h2c")) && !is_handshake(&HeaderMap::new()));
    }
}
