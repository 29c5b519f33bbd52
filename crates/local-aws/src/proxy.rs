//! The way of every call: who calls, what it is, then the service that answers, then the record.
//!
//! Owns the order of these, and carries out the faults that strike a call. Must not know what a service does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::json;

use crate::answer::{self, Answer};
use crate::faults::{self, Kind};
use crate::identity::Caller;
use crate::local::Local;
use crate::net::strip_connection_headers;
use crate::record::Call;
use crate::sigv4::{self, Scope};
use crate::{account, acm, action, apigateway, control, dataplane, domains, process, route53, websocket};

/// The connection ends here without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub(crate) struct Cut;

/// Answers a request that came in on our port from `peer`.
pub(crate) async fn serve(
    local: Arc<Local>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    if websocket::is_handshake(request.headers()) {
        return Ok(websocket::serve(&local, request).await);
    }
    let (mut parts, body) = request.into_parts();
    // An error means that the caller is gone.
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    strip_connection_headers(&mut parts.headers);
    let request = Request::from_parts(parts, body);
    // A caller that goes away does not undo what it asked for: AWS carries a call out to its end.
    let answer = tokio::spawn(async move { route(&local, peer, request).await }).await.unwrap_or_else(|_| {
        let body = json!({ "__type": "InternalFailure" });
        Ok(answer::json(StatusCode::INTERNAL_SERVER_ERROR, "application/json", &body))
    })?;
    let (mut parts, body) = answer.into_parts();
    strip_connection_headers(&mut parts.headers);
    Ok(Response::from_parts(parts, Full::new(body)))
}

async fn route(local: &Arc<Local>, peer: SocketAddr, request: Request<Bytes>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    if path.starts_with("/_local/") && dataplane::is_local_host(&dataplane::host(&request)) {
        return Ok(match path.strip_prefix("/_local/integrations/").map(str::to_owned) {
            Some(rest) => dataplane::integrate(local, &rest, request).await,
            None if path == websocket::PERMISSION => websocket::permission(local, &request).await,
            None => control::handle(local, request).await,
        });
    }
    let scope = sigv4::scope(request.uri(), request.headers());
    let caller = match &scope {
        Some(scope) => local.identity.caller(&local.emulator, &scope.access_key_id).await,
        None => Caller::Nobody,
    };
    let call = match &scope {
        Some(scope) if scope.service != "execute-api" => Call {
            service: scope.service.clone(),
            action: action::name(&scope.service, &request),
            resource: action::resource(&scope.service, &request),
            execution: local.origins.of(&scope.service, &request),
            ..Call::arriving(local.clock.now(), caller.label())
        },
        _ => {
            let host = dataplane::host(&request);
            let of_api = !dataplane::is_local_host(&host) || host.contains(".execute-api.");
            Call {
                service: if of_api { "execute-api" } else { "-" }.to_owned(),
                action: if of_api { "Invoke".to_owned() } else { action::name("-", &request) },
                resource: Some(host).filter(|_| of_api),
                ..Call::arriving(local.clock.now(), caller.label())
            }
        }
    };
    pass(local, call, &caller, peer, scope.as_ref(), request).await
}

/// Every recorded call passes here, before and after it is carried out.
async fn pass(
    local: &Arc<Local>,
    call: Call,
    caller: &Caller,
    peer: SocketAddr,
    scope: Option<&Scope>,
    request: Request<Bytes>,
) -> Result<Answer, Cut> {
    let seq = local.record.begin(call.clone());
    let held = local.settings().delays.operations.get(&format!("{}:{}", call.service, call.action)).copied();
    if let Some(held) = held {
        tokio::time::sleep(Duration::from_millis(held)).await;
    }
    let mut strike = local.faults.strike_call(&call);
    if let Some(strike) = &mut strike {
        local.record.spoil(seq, strike.kind.name());
        match strike.kind {
            Kind::CutBefore => return Err(Cut),
            Kind::HoldBefore => local.faults.hold(strike).await,
            _ => {}
        }
    }
    let instead = strike.as_ref().and_then(|strike| faults::answer_of(strike.kind, &call.service));
    let answer = match instead {
        Some(answer) => answer,
        None => carry_out(local, &call, caller, scope, request).await,
    };
    let error = if answer.status().is_success() { None } else { answer::error_code(answer.headers(), answer.body()) };
    local.record.end(seq, answer.status().as_u16(), error);
    let Some(mut strike) = strike else { return Ok(answer) };
    match strike.kind {
        Kind::CutAfter => return Err(Cut),
        Kind::Delay => strike.delay().await,
        Kind::HoldAfter => local.faults.hold(&mut strike).await,
        Kind::KillLambda if process::kill_lambda(peer, local.endpoint, local.lambdas) => return Err(Cut),
        Kind::StopExecution => stop_execution(local, call.execution.as_deref()).await,
        _ => {}
    }
    Ok(answer)
}

async fn stop_execution(local: &Local, execution: Option<&str>) {
    let Some(execution) = execution else { return };
    let input = json!({ "executionArn": execution, "cause": "stopped by a fault of the local AWS" });
    // An execution that has ended cannot be stopped, and need not be.
    let _ended = local.emulator.json("states", "AWSStepFunctions.StopExecution", &input).await;
}

async fn carry_out(
    local: &Arc<Local>,
    call: &Call,
    caller: &Caller,
    scope: Option<&Scope>,
    request: Request<Bytes>,
) -> Answer {
    let action = call.action.as_str();
    match (call.service.as_str(), scope) {
        ("route53domains", Some(scope)) => domains::handle(local, caller, scope, &request).await,
        ("route53", Some(_)) => route53::handle(local, action, request).await,
        ("acm", Some(_)) => acm::handle(local, action, request).await,
        ("apigateway", Some(_)) if request.uri().path().starts_with("/v2/") => {
            apigateway::handle(local, action, request).await
        }
        ("account", Some(_)) => account::handle(local, action, request).await,
        ("execute-api" | "-", _) => dataplane::handle(local, request).await,
        _ => local.forward(request).await,
    }
}
