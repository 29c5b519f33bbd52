//! The way of every call: who calls, what it is, then the service that answers, then the record.
//!
//! Owns the order of these. Must not know what a service does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request as AxumRequest;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;

use crate::answer::{self, Answer};
use crate::identity::Caller;
use crate::net::strip_connection_headers;
use crate::record::Call;
use crate::sigv4::{self, Scope};
use crate::{Local, acm, action, apigateway, control, dataplane, domains, route53};

/// Answers a request that came in on our port.
pub(crate) async fn serve(local: Arc<Local>, request: AxumRequest) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // The caller is gone; nobody reads this.
        Err(_) => return Response::new(Body::empty()),
    };
    strip_connection_headers(&mut parts.headers);
    let request = Request::from_parts(parts, body);
    // A caller that goes away does not undo what it asked for: AWS carries a call out to its end.
    let answer = tokio::spawn(async move { route(&local, request).await }).await.unwrap_or_else(|_| {
        answer::json(StatusCode::INTERNAL_SERVER_ERROR, "application/json", &json!({ "__type": "InternalFailure" }))
    });
    let (mut parts, body) = answer.into_parts();
    strip_connection_headers(&mut parts.headers);
    Response::from_parts(parts, Body::new(Full::new(body)))
}

async fn route(local: &Arc<Local>, request: Request<Bytes>) -> Answer {
    let path = request.uri().path();
    if path.starts_with("/_local/") && dataplane::is_local_host(&dataplane::host(&request)) {
        return match path.strip_prefix("/_local/integrations/").map(str::to_owned) {
            Some(rest) => dataplane::integrate(local, &rest, request).await,
            None => control::handle(local, request).await,
        };
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
            ..arrival(local, &caller)
        },
        _ => {
            let host = dataplane::host(&request);
            let of_api = !dataplane::is_local_host(&host) || host.contains(".execute-api.");
            Call {
                service: if of_api { "execute-api" } else { "-" }.to_owned(),
                action: if of_api { "Invoke".to_owned() } else { action::name("-", &request) },
                resource: Some(host).filter(|_| of_api),
                ..arrival(local, &caller)
            }
        }
    };
    pass(local, call, &caller, scope.as_ref(), request).await
}

fn arrival(local: &Local, caller: &Caller) -> Call {
    Call {
        seq: 0,
        at: local.clock.now(),
        caller: caller.label(),
        service: String::new(),
        action: String::new(),
        resource: None,
        status: None,
        error: None,
    }
}

/// Every recorded call passes here, before and after it is carried out: `seq` is its number, `call` what it is.
async fn pass(
    local: &Arc<Local>,
    call: Call,
    caller: &Caller,
    scope: Option<&Scope>,
    request: Request<Bytes>,
) -> Answer {
    let seq = local.record.begin(call.clone());
    let held = local.settings().delays.operations.get(&format!("{}:{}", call.service, call.action)).copied();
    if let Some(held) = held {
        tokio::time::sleep(Duration::from_millis(held)).await;
    }
    let answer = carry_out(local, &call, caller, scope, request).await;
    let error = if answer.status().is_success() { None } else { answer::error_code(answer.headers(), answer.body()) };
    local.record.end(seq, answer.status().as_u16(), error);
    answer
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
        ("execute-api" | "-", _) => dataplane::handle(local, request).await,
        _ => local.forward(request).await,
    }
}

/// The answer for a call that MiniStack did not answer.
pub(crate) fn no_answer(error: &crate::net::SendError) -> Answer {
    answer::json(
        StatusCode::BAD_GATEWAY,
        "application/json",
        &json!({ "__type": "InternalFailure", "message": format!("MiniStack does not answer: {error}") }),
    )
}
