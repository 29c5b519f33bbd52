//! Headers and paths that are taken and refused.

use serde_json::{Value, json};

use crate::request::Request;

fn with(more: &Value) -> Result<Request, crate::StepError> {
    let mut route = json!({"route": "GET /{id}", "url": "https://a.example/"});
    route.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Request::parse(&json!({"domainName": "example.com", "api": {"routes": [route]}}))
}

#[test]
fn headers_and_paths_take_text_and_variables() {
    for value in [
        "acme",
        "a b; c=\"d\"",
        "$request.header.x-user",
        "$request.querystring.page",
        "$request.body.model",
        "$request.path",
        "$context.requestId",
        "$stageVariables.tenant",
        "tenant-${request.path.id}-${context.stage}",
    ] {
        let request = with(&json!({"headers": {"x-tenant": value, "x-debug": null}, "path": "/v1/${request.path.id}"}))
            .unwrap_or_else(|error| panic!("{value}: {error:?}"));
        let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("read again");
        assert_eq!(again, request);
    }
    assert!(with(&json!({"path": "$request.path"})).is_ok());
}

#[test]
fn a_websocket_api_sets_headers_to_a_text_or_to_one_variable() {
    let with = |key: &str, value: Value| {
        let route = json!({"route": key, "url": "https://a.example/", "headers": {"x-a": value}});
        Request::parse(&json!({"domainName": "example.com", "api": {"protocol": "WEBSOCKET", "routes": [route]}}))
    };
    for (key, value) in [
        ("ask", "acme"),
        ("ask", "$context.connectionId"),
        ("ask", "$request.body.model"),
        ("ask", "$stageVariables.tenant"),
        ("$connect", "$request.header.origin"),
        ("$connect", "$request.querystring.room"),
    ] {
        assert!(with(key, json!(value)).is_ok(), "{key} {value}");
    }
    for (key, value) in [
        ("ask", json!("id-${context.connectionId}")),
        ("ask", json!("it's")),
        ("ask", json!("$request.header.origin")),
        ("$default", json!("$request.querystring.room")),
        ("ask", json!("$request.path")),
        ("ask", json!("$request.path.id")),
        ("ask", json!(null)),
    ] {
        let error = with(key, value.clone()).expect_err("refused");
        assert!(error.reason.starts_with("api.routes[0].headers.x-a: "), "{value}: {error}");
    }
}

#[test]
fn what_api_gateway_would_not_map_is_refused_by_name() {
    let long = "x".repeat(513);
    for (more, field, reason) in [
        (json!({"headers": {"Authorization": "key"}}), "api.routes[0].headers.Authorization", "reserves"),
        (json!({"headers": {"via": null}}), "api.routes[0].headers.via", "reserves"),
        (json!({"headers": {"X-Amz-Date": "x"}}), "api.routes[0].headers.X-Amz-Date", "reserves"),
        (json!({"headers": {"x-forwarded-for": "x"}}), "api.routes[0].headers.x-forwarded-for", "reserves"),
        (json!({"headers": {"proxy-connection": "x"}}), "api.routes[0].headers.proxy-connection", "reserves"),
        (json!({"headers": {"x y": "z"}}), "api.routes[0].headers.x y", "no name of a header"),
        (json!({"headers": {"*": "z"}}), "api.routes[0].headers.*", "no name of a header"),
        (json!({"headers": {"x-a": "1", "X-A": "2"}}), "api.routes[0].headers.x-a", "twice"),
        (json!({"headers": {"x-a": ""}}), "api.routes[0].headers.x-a", "0 characters"),
        (json!({"headers": {"x-a": long}}), "api.routes[0].headers.x-a", "513 characters"),
        (json!({"headers": {"x-a": "a\r\nb: c"}}), "api.routes[0].headers.x-a", "contains"),
        (json!({"headers": {"x-a": "$request.cookie.a"}}), "api.routes[0].headers.x-a", "no variable"),
        (json!({"headers": {"x-a": "5 $"}}), "api.routes[0].headers.x-a", "no variable"),
        (json!({"headers": {"x-a": "a-$request.path.id"}}), "api.routes[0].headers.x-a", "no variable"),
        (json!({"headers": {"x-a": "${request.path.id"}}), "api.routes[0].headers.x-a", "no variable"),
        (json!({"path": "v1"}), "api.routes[0].path", "no path"),
        (json!({"path": "/v1/${nothing}"}), "api.routes[0].path", "no variable"),
        (
            json!({"url": null, "lambda": "arn:aws:lambda:us-east-1:123456789012:function:f", "path": "/"}),
            "api.routes[0]",
            "HTTP target",
        ),
    ] {
        let error = with(&more).expect_err("refused");
        let text = error.to_string();
        assert!(text.contains(field) && error.reason.contains(reason), "{more}: {text}");
    }
}
