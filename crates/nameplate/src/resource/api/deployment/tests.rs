//! When a deployment holds what is wanted, and when it does not.

use super::*;
use crate::resource::api::ObservedAccess;

fn request(expression: &str) -> Request {
    let api = json!({"protocol": "WEBSOCKET", "routeSelectionExpression": expression,
            "routes": [{"route": "ask", "url": "https://a.example/"}]});
    Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
}

fn route(id: &str, key: &str, integration: &str, access: ObservedAccess) -> ObservedRoute {
    ObservedRoute { id: id.into(), key: key.into(), integration_id: Some(integration.into()), access }
}

fn integration(id: &str, url: &str) -> ObservedIntegration {
    ObservedIntegration { id: id.into(), target: Some(Target::url(url)) }
}

fn asks(kind: &str) -> ObservedAccess {
    ObservedAccess { kind: Some(kind.into()), authorizer_id: Some("au".into()), ..ObservedAccess::default() }
}

#[test]
fn a_deployment_is_told_by_all_that_it_holds_in_any_order() {
    let wanted = request("$request.body.action");
    let open = ObservedAccess::default;
    let routes = [route("r1", "$connect", "i1", asks("CUSTOM")), route("r2", "ask", "i2", open())];
    let integrations = [integration("i1", "https://a.example/"), integration("i2", "https://b.example/")];
    let authorizers = [ObservedAuthorizer { id: "au".into(), name: "one".into(), spec: None }];
    let mark = deployment_mark(&wanted, false, &routes, &integrations, &authorizers);
    assert!(mark.len() <= 1_024, "API Gateway takes it as a description");

    let closed = deployment_mark(&wanted, true, &routes, &integrations, &authorizers);
    assert_ne!(closed, mark);
    assert_eq!([closed_mark(&mark), closed_mark(&closed)], [closed.clone(), closed.clone()]);
    assert!(closed.len() <= 1_024);
    let mut turned = routes.clone();
    turned.reverse();
    let stray = [integrations[1].clone(), integration("i3", "https://c.example/"), integrations[0].clone()];
    assert_eq!(deployment_mark(&wanted, false, &turned, &stray, &authorizers), mark);
    let mut named = routes.clone();
    named[1].access = asks("NONE");
    assert_eq!(deployment_mark(&wanted, false, &named, &integrations, &authorizers), mark, "nobody is asked");

    let other_key = [routes[0].clone(), route("r2", "run", "i2", open())];
    let other_id = [routes[0].clone(), route("r3", "ask", "i2", open())];
    let other_integration = [routes[0].clone(), route("r2", "ask", "i1", open())];
    let open_now = [route("r1", "$connect", "i1", open()), routes[1].clone()];
    let signed = [route("r1", "$connect", "i1", asks("AWS_IAM")), routes[1].clone()];
    for changed in [&routes[..1], &other_key, &other_id, &other_integration, &open_now, &signed] {
        assert_ne!(deployment_mark(&wanted, false, changed, &integrations, &authorizers), mark, "{changed:?}");
    }
    let other_url = [integrations[0].clone(), integration("i2", "https://c.example/")];
    assert_ne!(deployment_mark(&wanted, false, &routes, &other_url, &authorizers), mark);
    let other_authorizer = [ObservedAuthorizer { id: "au".into(), name: "two".into(), spec: None }];
    assert_ne!(deployment_mark(&wanted, false, &routes, &integrations, &other_authorizer), mark);
    assert_ne!(deployment_mark(&request("$request.body.kind"), false, &routes, &integrations, &authorizers), mark);
}
